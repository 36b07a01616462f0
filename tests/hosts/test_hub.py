"""The hub: declarations in a file of their own, and no other file is touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.hosts import command, hub
from dovtab.resources import DROPLET_ACTIONS, TABLES
from dovtab.simulator import ManualClock, Simulator

DAY = 86_400.0
Connect = Callable[..., apsw.Connection]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "digitalocean.db"


def test_it_declares_the_tables_and_views_and_has_nothing_else(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--hub", path.name]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    with closing(sqlite3.connect(path)) as db:
        schema = dict(db.execute("SELECT name, sql FROM sqlite_schema").fetchall())
        kinds = db.execute("SELECT DISTINCT type FROM sqlite_schema ORDER BY 1").fetchall()
        assert db.execute("PRAGMA application_id").fetchone() == (hub.APPLICATION_ID,)
        assert db.execute("PRAGMA page_count").fetchone()[0] <= 2
    assert list(schema) == [t.name for t in TABLES] + [hub.RECENT, hub.TAGS]
    assert said.out == f"{path.name}: {', '.join(schema)}\n"
    assert schema == hub.declarations()
    assert kinds == [("table",), ("view",)]
    for table in TABLES:
        first, *comments, last = schema[table.name].splitlines()
        assert (first, last) == (f"CREATE VIRTUAL TABLE {table.name}", f"USING {table.name}")
        for column, comment in zip(table.columns, comments, strict=True):
            assert comment.startswith(f"  -- {column.name} ")
            assert comment.endswith(column.description)
            assert ("hidden" in comment) == column.hidden


@pytest.mark.parametrize("name", ["droplets", "droplet_actions", hub.RECENT])
def test_without_the_extension_there_is_no_such_module(path: Path, name: str) -> None:
    hub.write(path.name)
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.OperationalError, match="no such module: droplet"),
    ):
        db.execute(f"SELECT * FROM {name}")


def test_written_again_it_is_up_to_date_and_keeps_what_was_added(path: Path) -> None:
    hub.write(path.name)
    old = path.read_bytes()
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE notes AS SELECT 'mine' AS note")
        db.execute(f"DROP VIEW {hub.RECENT}; CREATE VIEW {hub.RECENT} AS SELECT 'old'")
        db.execute(f"DROP VIEW {hub.TAGS}")
    hub.write(path.name)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT note FROM notes").fetchall() == [("mine",)]
        schema = dict(db.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    del schema["notes"]
    assert schema == hub.declarations()
    assert old[:16] == path.read_bytes()[:16]


def test_a_table_of_somebody_s_in_a_hub_stays(path: Path) -> None:
    hub.write(path.name)
    with closing(apsw.Connection(str(path))) as db:
        db.execute(f"DROP VIEW {hub.TAGS}; CREATE TABLE {hub.TAGS} AS SELECT 'mine' AS tag")
    with pytest.raises(dovtab.SettingsError, match="a table droplet_tags of its own"):
        hub.write(path.name)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(f"SELECT tag FROM {hub.TAGS}").fetchall() == [("mine",)]


def a_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE inventory(droplet_id)")
        db.commit()


@pytest.mark.parametrize(
    "make",
    [
        a_database,
        lambda path: path.write_text("dovt" * 100),
        lambda path: path.write_bytes(b"SQLite format 3\0"),
        lambda path: path.write_bytes(b"\0" * 68 + b"dovt" + b"\0" * 500),
    ],
    ids=["a database", "a text", "too short", "only its number"],
)
def test_what_is_no_hub_is_refused_in_a_line_and_left_alone(
    path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    make(path)
    before, when = path.read_bytes(), path.stat().st_mtime_ns
    assert command.main(["--hub", path.name]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err
        == "Error: digitalocean.db is there, and no hub of dovtab's: it stays as it is\n"
    )
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, when)
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == [path.name]


def test_an_empty_file_is_as_good_as_none(path: Path) -> None:
    path.touch()
    hub.write(path.name)
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--hub needs the name of a file, and nothing else"),
        ([""], "--hub needs the name of a file, and nothing else"),
        (["a.db", "SELECT 1"], "--hub needs the name of a file, and nothing else"),
        (["no/folder.db"], "no/folder.db: unable to open database file"),
        (["."], ".: Is a directory"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    path: Path, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--hub", *args]) == 2
    assert capsys.readouterr().err == f"Error: {message}\n"
    assert command.main(["-box", "--hub", "a.db"]) == 2
    assert capsys.readouterr().err == "Error: --hub FILE goes alone\n"
    assert list(path.parent.glob("*.db")) == []


def test_one_that_others_are_writing_stays_as_it_is(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.write(path.name)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("BEGIN IMMEDIATE")
        assert command.main(["--hub", path.name]) == 2
    assert capsys.readouterr().err == "Error: digitalocean.db: database is locked\n"


@pytest.fixture
def fleet(simulator: Simulator, clock: ManualClock) -> Simulator:
    """Ten Droplets, and Droplet 99, which is gone; 1,000 actions, of which 40 are of this week."""
    for id in (*range(1, 11), 99):
        simulator.account.add_droplet(droplet_id=id, name=f"web-{id}", tags=("web", f"n{id}"))
    for n in range(1000):
        age = 30 * DAY + (1000 - n) * 60 if n < 960 else (1000 - n) * 3600.0
        simulator.account.add_action(
            99 if n == 999 else 1 + n % 10, started_at=clock.time() - age
        )
    simulator.account.destroy(99)
    return simulator


@pytest.fixture
def db(fleet: Simulator, connect: Connect, path: Path) -> apsw.Connection:
    hub.write(str(path))
    connection = connect(cache_seconds=60)
    connection.execute("ATTACH ? AS digitalocean", (str(path),))
    return connection


def test_what_was_done_lately_takes_a_page_of_the_list_and_the_names_one_for_all(
    fleet: Simulator, db: apsw.Connection
) -> None:
    rows = list(db.execute("SELECT * FROM digitalocean.recent_droplet_actions"))
    names = {row[0] for row in rows}
    assert names == {f"web-{id}" for id in range(1, 11)} | {None}
    assert {row[6] for row in rows if row[0] is None} == {99}
    # 40 and that Droplet 99 was destroyed.
    assert len(rows) == 41
    assert [row[3] for row in rows] == sorted((row[3] for row in rows), reverse=True)
    assert [request.path for request in fleet.requests].count("/v2/droplets") == 2
    assert {request.path for request in fleet.requests} == {"/v2/actions", "/v2/droplets"}
    assert len(fleet.requests) <= 4
    # All that a tool asks more of it, too: of those that have a name, by name, by Droplet.
    where = ["name IS NOT NULL", "name = 'web-3'", "droplet_id = 3", "type > 'a'"]
    counts = [
        db.execute(f"SELECT count(*) FROM digitalocean.recent_droplet_actions WHERE {term}").get
        for term in where
    ]
    assert counts == [39, 4, 4, 41]
    assert len([r for r in fleet.requests if r.path == "/v2/actions"]) <= 2
    assert len(fleet.requests) <= 4 + 4


def test_each_tag_is_a_row_and_takes_the_list_of_droplets(
    fleet: Simulator, db: apsw.Connection
) -> None:
    counted = "SELECT tag, count(*) FROM digitalocean.droplet_tags GROUP BY tag ORDER BY 2 DESC"
    rows = list(db.execute(counted))
    assert rows[0] == ("web", 10)
    assert len(rows) == 11
    assert len(fleet.requests) == 2


def test_its_tables_are_the_tables(fleet: Simulator, db: apsw.Connection) -> None:
    columns = "SELECT name FROM pragma_table_xinfo('droplet_actions', 'digitalocean')"
    assert [n for (n,) in db.execute(columns)] == [c.name for c in DROPLET_ACTIONS.columns]
    count = "SELECT count(*) FROM digitalocean.droplet_actions WHERE droplet_id = 3"
    assert db.execute(count).get == 100
    assert len(fleet.requests) == 1
    db.execute(
        "INSERT INTO digitalocean.droplet_actions(droplet_id, type) VALUES (3, 'reboot')"
    )
    assert db.execute("SELECT outcome FROM dovtab_posts").get == "sent"


def test_a_hub_can_be_opened_itself(fleet: Simulator, connect: Connect, path: Path) -> None:
    hub.write(str(path))
    with closing(dovtab.connect(str(path), token=fleet.token, api_url=fleet.url)) as opened:
        assert opened.execute("SELECT count(*) FROM droplets").get == 10
