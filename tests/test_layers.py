"""The house: imports point down, files are short, docstrings run, names are complete."""

from __future__ import annotations

import ast
import doctest
import graphlib
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dovtab
from dovtab import errors
from dovtab.simulator import Simulator

PACKAGE = Path(dovtab.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Who may import whom; a layer may always import itself.
BELOW = {
    "hosts": {"engine", "api", "resources", "simulator"},
    "engine": {"api", "resources"},
    "api": {"resources"},
    "resources": set(),
    "simulator": {"resources"},
}
GROUND = {"errors", "version"}


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = layer(path)
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "apsw":
            assert own in ("hosts", "__init__")
            assert (
                own == "hosts" or "import apsw" in (path.read_text().split("TYPE_CHECKING:")[1])
            )
        if top == "httpx":
            assert path.relative_to(PACKAGE) == Path("api/connections.py")
        if top == "httpcore":
            assert path.relative_to(PACKAGE) in (
                Path("api/connections.py"),
                Path("api/deadline.py"),
            )
        if top == "dovtab" and own in BELOW:
            allowed = BELOW[own] | {own} | (GROUND if own != "simulator" else set())
            assert rest, f"{path} imports the whole package"
            # SQLAlchemy wants the module that everybody else imports.
            assert rest[0] in allowed or rest == ["dbapi"], f"{path} imports {name}"
        if top == "dovtab" and rest[:1] == ["simulator"] and own != "simulator":
            assert path.name == "demo.py", "only the demonstration starts a simulator"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def test_no_imports_go_round_in_a_circle() -> None:
    """Those for type checkers and those within functions included."""
    names = {module_name(path): path for path in FILES}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found = {f"{node.module}.{alias.name}" for alias in node.names}
                found.add(node.module or "")
            else:
                continue
            graph[name] |= found & graph.keys() - {name}
    assert list(graphlib.TopologicalSorter(graph).static_order())


# What decides nothing by itself, but starts threads, keeps locks or asks the clock.
IMPURE = {
    "account": "knows its process",
    "acting/after": "polls at random moments",
    "acting/claims": "has a lock",
    "acting/commit": "is told by an event that nobody waits",
    "acting/delivery": "is told by an event that nobody waits",
    "acting/lists": "is told by an event that nobody waits",
    "acting/log": "is a file of this machine's",
    "acting/lost": "is told by an event that nobody waits",
    "acting/permission": "is told by an event that nobody waits",
    "acting/processes": "asks the system",
    "acting/reconcile": "is told by an event that nobody waits",
    "acting/schedule": "has a lock",
    "acting/wait": "polls at random moments",
    "call": "waits for a thread",
    "quota_waits": "has a lock",
    "threads": "are the threads",
    "reading/answer": "has a lock",
    "reading/cache": "has a lock",
    "reading/source": "is told by an event that nobody waits",
    "shared": "one for a process",
    "statement": "says when it began",
}
DECISIONS = [
    *(path for path in FILES if layer(path) == "engine"),
    *(
        PACKAGE / f"api/{name}.py"
        for name in ("retry", "rate_limit", "pages", "exchange", "server_clock")
    ),
]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_decisions_are_pure(path: Path) -> None:
    """Clock, sleep and chance are passed in; what cannot be pure is in a list, with its reason."""
    found = set(imports(path)) & {"time", "threading", "random", "os", "socket"}
    name = (
        path.relative_to(PACKAGE / "engine").with_suffix("") if layer(path) == "engine" else ""
    )
    assert bool(found) == (str(name) in IMPURE)


HERE = Path(__file__).parent
TESTS = sorted(set(HERE.rglob("*.py")) - set(HERE.glob("benchmarks/*.py")))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_no_test_reaches_into_what_is_private(path: Path) -> None:
    """Neither by a name with an underscore nor through the garbage collector."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            assert own or node.attr.endswith("__") or node.attr == "_getframe", ast.unparse(
                node
            )
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dovtab"):
            assert not any(alias.name.startswith("_") for alias in node.names), node.module
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            harmless = ("collect", "disable", "enable", "freeze")
            assert node.value.id != "gc" or node.attr in harmless
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            private = re.fullmatch(r"dovtab(\.\w+)*\._\w+", node.value)
            assert private is None, node.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_one_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text)), f"{path} does not say what it is for"
    assert path.stem not in ("utils", "common", "base", "helpers")


NOT_IMPORTED = {
    "dovtab.dovtab": "is SQLite's and not Python's, whatever its suffix says",
    "dovtab.hosts.postgres.foreign_table": "needs multicorn2; its own tests have a stand-in",
    "dovtab.hosts.superset.spec": "needs Superset; tests/hosts/superset/run.py has it",
    "dovtab.hosts.dask": "needs Dask; tests/hosts/test_frames.py has it",
    "dovtab.hosts.parquet": "needs pyarrow; the same",
}


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages([str(PACKAGE)], "dovtab."):
        within = (
            module.name == name or module.name.startswith(f"{name}.") for name in NOT_IMPORTED
        )
        if not module.name.endswith("__main__") and not any(within):
            yield module.name


@pytest.mark.parametrize("name", ["dovtab", *modules()])
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_exported_names_are_complete() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    # Users meet SQLite's own apsw.InterruptError instead.
    assert set(dovtab.__all__) == tree - {"Interrupted"} | {
        "SettingsDict",
        "connect",
        "load",
        "loadable_path",
        "refresh",
        "register",
    }
    assert dovtab.__all__ == sorted(dovtab.__all__)
    for name in tree:
        assert f" {name}" in (errors.__doc__ or ""), f"the tree of errors lacks {name}"


def test_only_connections_of_apsw_are_taken() -> None:
    import sqlite3

    other = sqlite3.connect(":memory:")
    with pytest.raises(TypeError, match=r"needs an apsw.Connection, not a sqlite3.Connection"):
        dovtab.register(other)  # type: ignore[arg-type]
    other.close()


STARTED = """
import sys
from dovtab.hosts.command import main
assert main([":memory:", "SELECT 1"]) == 0
heavy = {"httpx", "httpcore", "orjson", "yaml", "dovtab.engine.reading.planner", "dovtab.engine.account", "dovtab.simulator"}
heavy |= {"apsw.ext", "apsw.fts5", "argparse", "code", "ctypes", "sqlite3", "webbrowser", "dovtab.hosts.loadable"}
sys.exit(repr(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)
"""


def test_a_shell_that_is_asked_for_nothing_of_ours_imports_nothing_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


ASKED = """
import sys
from dovtab.hosts.command import main
asked = "SELECT type FROM droplet_actions(1, 11)"
assert main(["--api-url", sys.argv[1], "-json", ":memory:", asked]) == 0
# httpx is for TLS, proxies and packed answers, and brings most of the others.
heavy = {"httpx", "http.client", "http.cookiejar", "urllib.request", "email.utils", "encodings.idna"}
heavy |= {"apsw.ext", "apsw.fts5", "argparse", "code", "ctypes", "sqlite3", "webbrowser"}
heavy |= {"yaml", "tqdm", "dovtab.engine.acting.commit", "dovtab.engine.acting.log"}
heavy |= {"dovtab.hosts.postgres", "dovtab.hosts.superset"}
sys.exit(repr(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)
"""


def test_one_plain_question_imports_only_what_it_needs(simulator: Simulator) -> None:
    simulator.account.add_droplet(droplet_id=1)
    simulator.account.add_action(1, id=11, type="reboot")
    done = subprocess.run(
        [sys.executable, "-c", ASKED, simulator.url],
        capture_output=True,
        text=True,
        env=os.environ | {"DIGITALOCEAN_TOKEN": simulator.token},
    )
    printed = '[{ "type": "reboot"}]\n'
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


def test_the_package_needs_no_apsw_before_a_connection_is_wanted() -> None:
    program = "import dovtab, sys; print([m for m in ('apsw', 'httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
