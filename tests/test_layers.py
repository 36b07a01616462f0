"""The house: imports point down, files are short, docstrings run, names are complete."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dovtab
from dovtab import errors

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
        if top == "httpx":
            assert path.relative_to(PACKAGE) == Path("api/client.py")
        if top == "httpcore":
            assert path.relative_to(PACKAGE) == Path("api/deadline.py")
        if top == "dovtab" and own in BELOW:
            allowed = BELOW[own] | {own} | (GROUND if own != "simulator" else set())
            assert rest, f"{path} imports the whole package"
            assert rest[0] in allowed, f"{path} imports {name}"
        if top == "dovtab" and rest[:1] == ["simulator"] and own != "simulator":
            assert path.name == "demo.py", "only the demonstration starts a simulator"


PURE = [
    "engine/planner",
    "engine/lookup",
    "engine/values",
    "engine/rows",
    "api/retry",
    "api/rate_limit",
    "api/pages",
]


@pytest.mark.parametrize("name", PURE)
def test_decisions_are_pure(name: str) -> None:
    """Clock, sleep and chance are passed in."""
    found = set(imports(PACKAGE / f"{name}.py"))
    assert not found & {"time", "threading", "random", "os", "socket", "apsw", "httpx"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_one_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text)), f"{path} does not say what it is for"
    assert path.stem not in ("utils", "common", "base", "helpers")


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages([str(PACKAGE)], "dovtab."):
        if not module.name.endswith("__main__"):
            yield module.name


@pytest.mark.parametrize("name", ["dovtab", *modules()])
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_exported_names_are_complete() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    # Users meet SQLite's own apsw.InterruptError instead.
    assert set(dovtab.__all__) == tree - {"Interrupted"} | {"connect", "register"}
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
from dovtab.hosts.shell import main
assert main([":memory:", "SELECT 1"]) == 0
heavy = {"httpx", "orjson", "yaml", "dovtab.engine.planner", "dovtab.engine.account", "dovtab.simulator"}
sys.exit(repr(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)
"""


def test_a_shell_that_is_asked_for_nothing_of_ours_imports_nothing_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
