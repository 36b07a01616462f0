"""Every block of README.md and of the help runs, and prints what it says."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import dovtab
from built import lacking
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.resources import ACTION_TYPES, DROPLET_ACTIONS
from dovtab.simulator import Rules, Simulator, inventory

ROOT = Path(__file__).parents[1]
HELP = sorted((ROOT / "dovtab" / "help").glob("*.md"))
PAGES = {path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *HELP]}
README = PAGES[ROOT / "README.md"]
ALL = "\n".join(PAGES.values())
BLOCKS = [
    b
    for page in PAGES.values()
    for b in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.M | re.S)
]
SET_UP = "python3 -m venv .venv && .venv/bin/pip install -q . && "
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest tests"
# It takes minutes; test_benchmarks.py runs a tenth of it.
MEASURE = "pip install -q -e '.[bench]' && python tests/benchmarks"


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCKS if found == kind]


def console() -> Iterator[tuple[str, str]]:
    """The commands after a ``$``, each with what it prints."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            # A command goes on while a quotation mark is open.
            lines = part.splitlines(keepends=True)
            end = next(
                n for n in range(1, len(lines) + 1) if "".join(lines[:n]).count('"') % 2 == 0
            )
            yield "".join(lines[:end]).strip(), "".join(lines[end:])


@pytest.mark.parametrize(("command", "printed"), list(console()))
def test_a_command_prints_what_the_readme_shows(
    command: str, printed: str, tmp_path: Path
) -> None:
    command = command.removeprefix(SET_UP).replace(".venv/bin/dovtab", "dovtab")
    assert command.startswith("dovtab --demo")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "PATH": path},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    said = re.sub(r"request id [-0-9a-f]+", "request id ...", ran.stdout + ran.stderr)
    assert [line.rstrip() for line in said.splitlines()] == printed.splitlines()
    assert bool(ran.returncode) == ("Error: " in printed)


def test_the_readme_s_commands_are_what_continuous_integration_runs() -> None:
    assert blocks("sh") == [TEST + "\n", MEASURE + "\n"]
    assert next(console())[0].startswith(SET_UP)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\n" + TEST + "\n" in script


def test_what_the_benchmarks_need_can_be_installed() -> None:
    assert '"bench": [' in (ROOT / "setup.py").read_text(encoding="utf-8")
    assert (ROOT / MEASURE.split()[-1] / "__main__.py").exists()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[apsw.Connection]:
    with Simulator(rules=Rules(durations=dict.fromkeys(ACTION_TYPES, 0.0))) as simulator:
        simulator.account.populate(droplets=10, actions=8)
        config = tmp_path / "config.yaml"
        config.write_text("auth-contexts:\n  prod: simulator\n")
        environment = {"DIGITALOCEAN_CONFIG": str(config)}
        db = apsw.Connection(":memory:")
        given = {"token": "simulator", "api_url": simulator.url, "all_contexts": True}
        attach(db, resolve(dict(given), environment.get, environment.keys))
        db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
        db.executemany("INSERT INTO inventory VALUES (?, ?, ?)", inventory(simulator.account))
        yield db
        db.close()


# There is nothing to find in a log that was just begun, and NULL says so.
MAY_BE_EMPTY = ("FROM dovtab_log",)


@pytest.mark.parametrize("block", blocks("sql"))
def test_a_block_of_statements_works(demo: apsw.Connection, block: str) -> None:
    """One after the other, as they stand; every query finds something."""
    if block.startswith("COMMIT"):
        demo.execute(next(other for other in blocks("sql") if "BEGIN" in other))
    for statement in filter(None, (part.strip() for part in block.split(";\n"))):
        rows = list(demo.execute(statement))
        if statement.startswith("INSERT") and not demo.in_transaction:
            rows = list(demo.execute("SELECT * FROM dovtab_posts WHERE outcome = 'sent'"))
        if "CREATE TABLE" in statement:
            rows = list(demo.execute("SELECT droplet_id, name, team FROM inventory"))
        if "CREATE VIEW" in statement:
            rows = list(demo.execute("SELECT type FROM actions WHERE droplet_id = 3164444"))
        if "CREATE VIRTUAL" in statement:
            rows = list(demo.execute("SELECT id FROM prod WHERE droplet_id = 3164444"))
        says_nothing = statement.startswith(("BEGIN", "COMMIT")) or demo.in_transaction
        assert rows or says_nothing or any(text in statement for text in MAY_BE_EMPTY)


def test_the_first_actions_of_the_readme_are_planned_sent_and_completed(
    demo: apsw.Connection,
) -> None:
    planned, sent, *_ = (b for b in blocks("sql") if "BEGIN" in b or "COMMIT" in b)
    rows = [(row[0], row[2]) for row in demo.execute(planned)]
    assert sorted(rows) == [("worker-01", "snapshot"), ("worker-02", "snapshot")]
    outcomes = [row[1:] for row in demo.execute(sent)]
    assert outcomes == [("snapshot", "sent", "completed", None)] * 2


def test_the_python_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Simulator() as simulator:
        simulator.account.populate(droplets=10, actions=8)
        monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
        names: dict[str, object] = {}
        for block in blocks("python"):
            if "dovtab.load(" in block and lacking():
                continue
            exec(compile(block, "README.md", "exec"), names)
            db = names.pop("db", None)
            if isinstance(db, apsw.Connection | sqlite3.Connection):
                db.close()
    # Eight actions, twice; and that there are eight from the extension, DB-API and
    # SQLAlchemy, which tells the names of the tables before.
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if re.fullmatch(r"\d{10} [a-z-]+", line)]) == 16
    others = [line for line in lines if not re.match(r"\d{10}", line)]
    assert others.pop(others.index("['droplet_actions', 'droplets']"))
    assert others == ["8"] * (2 if lacking() else 3)


def test_every_picture_is_there_and_small() -> None:
    pictures = [
        (path.parent / name)
        for path, page in PAGES.items()
        for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)
    ]
    assert len(pictures) == 5
    for picture in pictures:
        assert 0 < picture.stat().st_size < 150_000


def test_the_reference_is_below_the_readme() -> None:
    """What a newcomer reads is a few screens; each page of the help is named there."""
    assert len(README.splitlines()) < 300
    for path in HELP:
        assert f"(dovtab/help/{path.name}" in README


def test_every_block_is_of_a_kind_that_runs() -> None:
    # Those of Dask: tests/hosts/frames/test_dask_help.py.
    hosts = {"dask", "bash", "ini", "java", "js", "perl", "php", "ruby", "tcl", "go", "pgsql"}
    assert {kind for kind, _ in BLOCKS} == {"console", "sh", "sql", "python"} | hosts
    assert ALL.count("```") == 2 * len(BLOCKS)


def test_the_reference_is_complete() -> None:
    for column in DROPLET_ACTIONS.columns:
        assert f"`{column.name}`" in ALL
    for type in ACTION_TYPES.values():
        assert f"`{type.name}`" in ALL
        for attribute in type.attributes:
            assert f"`{attribute.name}`" in ALL
    for error in dovtab.__all__:
        assert error in ALL
