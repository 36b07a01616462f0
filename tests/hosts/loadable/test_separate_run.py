"""Joins through the extension are fetched side by side, and the program's connection is not touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import dovtab
from built import needs_extension
from dovtab.simulator import Simulator

COUNT = 60
JOIN = "SELECT i.name, a.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id"

pytestmark = [needs_extension, pytest.mark.usefixtures("one_by_one")]

Open = Callable[..., sqlite3.Connection]


@pytest.fixture
def fleet(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Droplets with three actions each, far enough away to see two at once."""
    simulator.latency = 0.02
    for id in range(1, COUNT + 1):
        simulator.account.add_droplet(droplet_id=id)
        for n in range(3):
            simulator.account.add_action(id, id=1000 * id + n)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DOVTAB_CACHE_SECONDS", "0")
    return simulator


@pytest.fixture
def open_file(fleet: Simulator, tmp_path: Path) -> Iterator[Open]:
    opened: list[sqlite3.Connection] = []

    def open_one(name: str = "fleet.db") -> sqlite3.Connection:
        db = sqlite3.connect(tmp_path / name if ":" not in name else name, isolation_level=None)
        opened.append(db)
        dovtab.load(db)
        with_inventory(db)
        return db

    yield open_one
    for db in opened:
        db.close()


def with_inventory(db: sqlite3.Connection, table: str = "inventory") -> None:
    db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, name)")
    rows = [(n, f"web-{n}") for n in range(1, COUNT + 1)]
    db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)


def rounds(simulator: Simulator) -> int:
    """How many times somebody had to wait: requests that found no other under way."""
    return sum(1 for request in simulator.requests if request.at_once == 1)


@pytest.mark.parametrize(
    ("query", "bindings", "rows"),
    [
        (JOIN, (), 180),
        (JOIN.replace("JOIN", "LEFT JOIN") + " WHERE i.name <> ?", ("web-1",), 177),
        (JOIN + " JOIN droplet_actions b ON b.droplet_id = a.droplet_id", (), 540),
        (("SELECT (SELECT max(a.id) FROM droplet_actions a WHERE a.droplet_id = i.id)"
         " FROM inventory i WHERE i.id > :least"), {"least": 10}, 50),
    ],
)  # fmt: skip
def test_a_join_with_a_file_waits_only_a_few_times(
    fleet: Simulator, open_file: Open, query: str, bindings: object, rows: int
) -> None:
    db = open_file()
    assert len(db.execute(query, bindings).fetchall()) == rows  # type: ignore[arg-type]
    assert len(fleet.requests) == len({request.path for request in fleet.requests})
    assert rounds(fleet) <= 8


def test_so_does_one_with_an_attached_file_and_with_a_table_of_another_context(
    fleet: Simulator, open_file: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"auth-contexts:\n  prod: {fleet.token}\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(config))
    db = open_file(":memory:")
    db.execute("ATTACH ? AS other", (str(tmp_path / "it's 100% odd?.db"),))
    with_inventory(db, "other.machines")
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    query = "SELECT * FROM other.machines m JOIN prod a ON a.droplet_id = m.id"
    assert len(db.execute(query).fetchall()) == 180
    assert len(fleet.requests) == COUNT
    assert rounds(fleet) <= 8


@pytest.mark.parametrize(
    ("prepare", "query"),
    [
        # A memory database is the program's alone.
        ("ATTACH ':memory:' AS m; CREATE TABLE m.inventory2 AS SELECT * FROM inventory",
         JOIN.replace("inventory", "m.inventory2")),
        ("CREATE TEMP TABLE mine AS SELECT * FROM inventory", JOIN.replace("inventory", "mine")),
        ("SELECT 1", JOIN + " WHERE theirs(i.id)"),
        ("SELECT 1", JOIN + " WHERE i.id > random() * 0"),
    ],
)  # fmt: skip
def test_what_the_helper_cannot_see_is_not_predicted_and_right_all_the_same(
    fleet: Simulator, open_file: Open, prepare: str, query: str
) -> None:
    fleet.latency = 0.002
    db = open_file()
    db.create_function("theirs", 1, lambda id: id > 0)
    db.executescript(prepare)
    assert len(db.execute(query).fetchall()) == 180
    assert len(fleet.requests) == COUNT
    assert rounds(fleet) == COUNT


def test_the_program_s_own_hooks_hear_of_its_own_statements_only(
    fleet: Simulator, open_file: Open
) -> None:
    db = open_file()
    traced: list[str] = []
    authorized: list[int] = []

    def authorize(action: int, *others: object) -> int:
        authorized.append(action)
        return sqlite3.SQLITE_OK

    db.set_trace_callback(traced.append)
    db.set_authorizer(authorize)
    # Nothing waits so long that the connection is asked whether it was interrupted.
    fleet.latency = 0.0
    assert len(db.execute(JOIN).fetchall()) == 180
    db.set_authorizer(None)
    assert traced == [JOIN]
    assert authorized.count(sqlite3.SQLITE_SELECT) == 1


def test_nobody_is_kept_from_writing_after_the_statement(
    fleet: Simulator, open_file: Open, tmp_path: Path
) -> None:
    db = open_file()
    db.execute(JOIN).fetchall()
    with closing(sqlite3.connect(tmp_path / "fleet.db", timeout=0)) as other:
        other.execute("INSERT INTO inventory VALUES (0, 'new')")
        other.commit()
    # A half-read cursor of its own is all that may lock it.
    assert db.execute("SELECT count(*) FROM inventory").fetchone() == (COUNT + 1,)


def test_a_locked_file_is_not_predicted(fleet: Simulator, open_file: Open) -> None:
    fleet.latency = 0.002
    db = open_file()
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("UPDATE inventory SET name = 'x'")
    assert len(db.execute(JOIN).fetchall()) == 180
    assert rounds(fleet) == COUNT


def test_look_ahead_off_is_off(
    fleet: Simulator, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.latency = 0.002
    monkeypatch.setenv("DOVTAB_LOOK_AHEAD", "0")
    assert len(open_file().execute(JOIN).fetchall()) == 180
    assert rounds(fleet) == COUNT


def test_a_statement_that_stops_soon_has_asked_for_little(
    fleet: Simulator, open_file: Open
) -> None:
    db = open_file()
    assert len(db.execute(JOIN + " LIMIT 4").fetchall()) == 4
    assert len(fleet.requests) <= 12


def test_the_log_is_not_opened_by_a_second_copy_of_sqlite(
    fleet: Simulator, open_file: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing it would end the locks of the first."""
    fleet.latency = 0.002
    monkeypatch.setenv("DOVTAB_LOG", str(tmp_path / "fleet.db"))
    db = open_file()
    assert len(db.execute(JOIN).fetchall()) == 180
    assert rounds(fleet) == COUNT
    said = db.execute("SELECT DISTINCT look_ahead FROM dovtab_requests ORDER BY 1").fetchall()
    assert said == [(None,), (f"{tmp_path / 'fleet.db'} is the log",)]
