"""What an error says can be done where it is read."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest
import sqlalchemy

import dovtab
from dovtab import dbapi
from dovtab.hosts import loadable
from dovtab.hosts.command import main
from dovtab.simulator import Simulator

CALL = "SELECT droplet_actions_post(1, 'reboot')"
OFF = "starting actions is off for this connection: "


@pytest.fixture(autouse=True)
def environment(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    simulator.account.add_droplet(droplet_id=1)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    yield
    assert [r for r in simulator.requests if r.method == "POST"] == []


def by_command(*options: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "dovtab", *options, ":memory:", CALL],
        capture_output=True,
        encoding="utf-8",
    )
    return ran.stderr


def test_the_command_names_the_option_if_that_was_it(monkeypatch: pytest.MonkeyPatch) -> None:
    off = f"Error: {OFF}to allow it, "
    assert by_command("--read-only") == f"{off}leave out --read-only\n"
    monkeypatch.setenv("DOVTAB_ALLOW_ACTIONS", "0")
    assert by_command() == f"{off}set DOVTAB_ALLOW_ACTIONS=1\n"


def test_a_program_in_python_is_told_the_keyword() -> None:
    db = dovtab.connect(allow_actions=False)
    with pytest.raises(dovtab.NotAllowedError, match=f"^{OFF}to allow it, pass allow_actions="):
        list(db.execute(CALL))
    db.close()
    other = dbapi.connect()
    with pytest.raises(dbapi.Error, match=f"^{OFF}to allow it, pass allow_actions=True"):
        other.execute(CALL).fetchall()
    other.close()


def test_a_url_is_told_its_parameter() -> None:
    engine = sqlalchemy.create_engine("dovtab://")
    with engine.connect() as connection, pytest.raises(Exception, match="allow_actions=1 into"):
        connection.execute(sqlalchemy.text(CALL)).all()
    engine.dispose()


needs_extension = pytest.mark.skipif(
    not (loadable.FOLDER / f"dovtab{loadable.SUFFIX}").exists(), reason="it was not built"
)


@needs_extension
@pytest.mark.parametrize(
    ("entry_point", "told"),
    [
        (loadable.ALL, "set DOVTAB_ALLOW_ACTIONS=1 before the program loads the extension"),
        (loadable.READING, "loaded it for reading alone, as for strangers, and no setting"),
    ],
)
def test_the_extension_names_what_it_listens_to(entry_point: str, told: str) -> None:
    db = sqlite3.connect(":memory:")
    loadable.load(db, entry_point)
    with pytest.raises(sqlite3.OperationalError, match=told) as caught:
        db.execute(CALL).fetchall()
    assert "--read-only" not in str(caught.value)
    db.close()


PATH = "no/such/x.db"


@pytest.mark.parametrize(
    "open_it",
    [
        lambda: dovtab.connect(PATH),
        lambda: dbapi.connect(PATH),
        lambda: dbapi.connect(PATH, read_only=True),
    ],
)
def test_a_file_that_cannot_be_opened_is_named(open_it: Callable[[], object]) -> None:
    with pytest.raises((apsw.CantOpenError, dbapi.Error), match=f": {PATH}$") as caught:
        open_it()
    assert "unable to open database file" in str(caught.value)


def test_so_is_one_that_is_no_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Not a database, but a text that is longer than a header of SQLite's." * 9)
    with pytest.raises(apsw.NotADBError, match=r"file is not a database: .*notes\.txt$"):
        dovtab.connect(str(file))
    assert main([str(file), "SELECT 1"]) == 1
    assert main([":memory:", f".open {file}", "SELECT 1"]) == 1
    assert main([":memory:", f".open {PATH}", "SELECT 1"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"Error: file is not a database: {file}",
        f"Error: file is not a database: {file}",
        f"Error: unable to open database file: {PATH}",
    ]


@pytest.mark.parametrize(
    ("sql", "done"),
    [
        ("CREATE TABLE droplet_actions(a)", "ALTER TABLE droplet_actions RENAME TO other_droplet_actions"),
        ("CREATE VIEW dovtab_posts AS SELECT 1", "DROP VIEW dovtab_posts"),
    ],
)  # fmt: skip
def test_who_has_such_a_table_is_told_which_tool_renames_it(
    tmp_path: Path, sql: str, done: str
) -> None:
    """dovtab itself does not open the file; SQLite's shell does."""
    file = tmp_path / "our fleet.db"
    own = sqlite3.connect(file)
    own.execute(sql)
    own.commit()
    with pytest.raises(dovtab.SettingsError) as caught:
        dovtab.connect(str(file))
    command = f"sqlite3 '{file}' '{done}'"
    assert f"with SQLite's own shell, {command}, or use another database" in str(caught.value)
    own.execute(done)
    own.commit()
    own.close()
    dovtab.connect(str(file)).close()


@needs_extension
def test_the_extension_says_to_do_it_before(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "fleet.db")
    for sql, done in (
        ("CREATE TABLE droplet_actions(a)", 'ALTER TABLE "main".droplet_actions RENAME TO other_droplet_actions'),
        ("CREATE VIEW droplet_actions AS SELECT 1", 'DROP VIEW "main".droplet_actions'),
    ):  # fmt: skip
        db.execute(sql)
        with pytest.raises(sqlite3.OperationalError) as caught:
            loadable.load(db)
        assert f"{done} before dovtab is loaded, or use another" in str(caught.value)
        db.execute(done)
    loadable.load(db)
    db.close()


def test_an_update_is_told_no_more_than_is_so() -> None:
    db = dovtab.connect()
    changed = "what was done to a Droplet cannot be changed: INSERT starts a new action"
    for sql in (
        "UPDATE droplet_actions SET type = 'x'",
        "WITH x AS (SELECT 1) UPDATE droplet_actions SET type = 'x' WHERE id IN x",
    ):
        with pytest.raises(dovtab.NotAllowedError) as caught:
            db.execute(sql)
        assert str(caught.value) == changed
    db.execute("CREATE TABLE t(a)")
    db.execute(
        "CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN UPDATE droplet_actions SET type = 'x'; END"
    )
    with pytest.raises(dovtab.NotAllowedError, match=f"^{changed}; let a SELECT name"):
        db.execute("INSERT INTO t VALUES (1)")
    db.close()
