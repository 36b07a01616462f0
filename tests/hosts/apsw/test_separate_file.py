"""Where a statement cannot be run twice on its own connection, it is on one of ours, if it reads files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from dovtab.api.settings import resolve
from dovtab.hosts.apsw import separate_run
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Simulator
from shared_clock import SharedClock

pytestmark = pytest.mark.usefixtures("one_by_one")

COUNT = 60
JOIN = "SELECT i.name, a.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id"


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    simulator.latency = 0.02
    for id in range(1, COUNT + 1):
        simulator.account.add_droplet(droplet_id=id)
        simulator.account.add_action(id, id=1000 + id)
    return simulator


Open = Callable[..., AbstractContextManager[apsw.Connection]]


@pytest.fixture
def open_file(fleet: Simulator, shared_clock: SharedClock, tmp_path: Path) -> Open:
    @contextmanager
    def opened(name: str = "fleet.db", **settings: Any) -> Iterator[apsw.Connection]:
        path = name if name == ":memory:" else str(tmp_path / name)
        with closing(apsw.Connection(path)) as db:
            given = {"cache_seconds": 0, "token": fleet.token, "api_url": fleet.url}
            attach(db, resolve(given | settings, os.getenv), shared_clock)
            db.execute("CREATE TABLE IF NOT EXISTS inventory(id INTEGER PRIMARY KEY, name)")
            rows = [(n, f"web-{n}") for n in range(1, COUNT + 1)]
            db.executemany("INSERT OR IGNORE INTO inventory VALUES (?, ?)", rows)
            yield db

    return opened


@pytest.fixture
def db(open_file: Open) -> Iterator[apsw.Connection]:
    with open_file() as db:
        yield db


def rounds(simulator: Simulator) -> int:
    return sum(1 for request in simulator.requests if request.at_once == 1)


class Calls:
    def __init__(self, gives: object) -> None:
        self.gives, self.count = gives, 0

    def __call__(self, *arguments: object) -> Any:
        self.count += 1
        return self.gives


def busy(db: apsw.Connection, mine: Calls) -> None:
    db.set_busy_handler(mine)


def progress(db: apsw.Connection, mine: Calls) -> None:
    db.set_progress_handler(mine, 10)


def trace(db: apsw.Connection, mine: Calls) -> None:
    db.trace_v2(apsw.SQLITE_TRACE_STMT, mine, id="mine")


def authorizer(db: apsw.Connection, mine: Calls) -> None:
    db.authorizer = mine


def tracer(db: apsw.Connection, mine: Calls) -> None:
    db.exec_trace = mine


@pytest.mark.parametrize(
    ("hang", "gives"),
    [(busy, False), (progress, False), (trace, None), (authorizer, apsw.SQLITE_OK), (tracer, True)],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_hook_of_the_user_s_is_called_as_without_and_does_not_slow_a_join(
    fleet: Simulator, open_file: Open, hang: Callable[..., None], gives: object
) -> None:
    counts = []
    for look_ahead in (True, False):
        with open_file(look_ahead=look_ahead) as db:
            mine = Calls(gives)
            hang(db, mine)
            mine.count = 0
            assert len(list(db.execute(JOIN))) == COUNT
            counts.append(mine.count)
        if look_ahead:
            assert len(fleet.requests) == COUNT
            assert rounds(fleet) <= 8
            fleet.latency = 0.0
    assert counts[0] == counts[1]


def test_json_each_and_a_transaction_do_not_slow_a_join(
    fleet: Simulator, db: apsw.Connection
) -> None:
    ids = str(list(range(1, COUNT + 1)))
    query = "SELECT * FROM json_each(?) j JOIN droplet_actions a ON a.droplet_id = j.value"
    assert len(list(db.execute(query, (ids,)))) == COUNT
    with db:
        assert len(list(db.execute(JOIN))) == COUNT
    assert len(fleet.requests) == 2 * COUNT
    assert rounds(fleet) <= 16


@pytest.mark.parametrize(
    ("made", "query"),
    [
        ("CREATE TABLE other(id INTEGER PRIMARY KEY, name /* as it is */, \"as\")",
         JOIN.replace("inventory", "other")),
        ("CREATE VIEW machines AS SELECT id, upper(name) AS name FROM inventory",
         JOIN.replace("inventory", "machines")),
        ("CREATE TABLE other(id INTEGER PRIMARY KEY, name); CREATE VIEW actions AS SELECT * FROM droplet_actions",
         JOIN.replace("inventory", "other")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", [":memory:", "fleet.db"])
def test_a_view_and_the_word_as_do_not_slow_a_join(
    fleet: Simulator, open_file: Open, made: str, query: str, where: str
) -> None:
    with open_file(where) as db:
        db.execute(made)
        if "TABLE other" in made:
            db.execute("INSERT INTO other(id, name) SELECT * FROM inventory")
        assert len(list(db.execute(query))) == COUNT
        assert len(fleet.requests) == COUNT
        assert rounds(fleet) <= 8


COMPUTED = "it reads a virtual table or computed column of the user's"
THEIRS = "SELECT a.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = theirs(i.id)"


@pytest.mark.parametrize(
    ("query", "where", "reason"),
    [
        (THEIRS, "fleet.db", "no such function: theirs"),
        (THEIRS, ":memory:", "it uses a function or a collation of the user's"),
        (f"CREATE TABLE made AS {JOIN}", ":memory:", "it does not only read"),
        (JOIN.replace("inventory", "mine"), "fleet.db", "ahead"),
        (JOIN, ":memory:", "it is in a transaction"),
        (JOIN, "fleet.db", "ahead"),
        (JOIN + " JOIN computed c ON c.id = i.id", ":memory:", COMPUTED),
    ],
)  # fmt: skip
def test_the_requests_say_why_they_came_one_by_one(
    fleet: Simulator, open_file: Open, query: str, where: str, reason: str
) -> None:
    fleet.latency = 0.003
    with open_file(where) as db:
        db.create_scalar_function("theirs", lambda id: id, 1, deterministic=True)
        db.execute("CREATE TEMP TABLE mine AS SELECT * FROM inventory")
        db.execute("CREATE TABLE computed(id, more AS (theirs(id)))")
        db.execute("INSERT INTO computed SELECT id FROM inventory")
        if "transaction" in reason:
            db.execute("BEGIN")
        list(db.execute(query))
        said = {
            text for (text,) in db.execute("SELECT DISTINCT look_ahead FROM dovtab_requests")
        }
        assert said == {None, reason}


def test_what_ends_it_leaves_nothing_of_it_behind(
    fleet: Simulator, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, too: what comes next is no copy of anything."""
    fleet.latency = 0.003
    asked = 0

    def pressed(*arguments: object) -> int:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise KeyboardInterrupt
        return apsw.SQLITE_OK

    with open_file() as db:
        db.set_busy_handler(Calls(False))
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt, apsw.Error):
            patch.setattr(separate_run, "bounded", pressed_in(pressed))
            list(db.execute(JOIN))
        assert len(list(db.execute(JOIN))) == COUNT
        assert db.execute("SELECT count(*) FROM droplet_actions(9)").get == 1


def pressed_in(pressed: Callable[..., int]) -> Callable[..., AbstractContextManager[None]]:
    @contextmanager
    def bounded(connection: apsw.Connection, predictor: object) -> Iterator[None]:
        connection.set_progress_handler(pressed, 20)
        yield

    return bounded


def test_no_hook_on_new_connections_is_called_for_ours(
    fleet: Simulator, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.latency, seen = 0.003, Calls(None)
    with open_file() as db:
        monkeypatch.setattr(apsw, "connection_hooks", [seen])
        db.set_busy_handler(Calls(False))
        assert len(list(db.execute(JOIN))) == COUNT
    assert seen.count == 0


def test_nothing_is_made_beside_a_file_that_cannot_change(
    fleet: Simulator, open_file: Open, shared_clock: SharedClock, tmp_path: Path
) -> None:
    fleet.latency = 0.003
    with open_file() as db:
        db.execute("PRAGMA journal_mode = wal")
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    uri = f"file:{tmp_path}/fleet.db?immutable=1"
    with closing(apsw.Connection(uri, flags=flags)) as db:
        given = {"cache_seconds": 0, "token": fleet.token, "api_url": fleet.url}
        attach(db, resolve(dict(given), os.getenv), shared_clock)
        db.set_busy_handler(Calls(False))
        assert len(list(db.execute(JOIN))) == COUNT
    assert [path.name for path in tmp_path.glob("fleet*")] == ["fleet.db"]


def test_a_file_in_use_with_a_write_ahead_log_is_no_slower(
    fleet: Simulator, open_file: Open
) -> None:
    with open_file() as db:
        db.execute("PRAGMA journal_mode = wal")
        db.set_busy_handler(Calls(False))
        assert len(list(db.execute(JOIN))) == COUNT
    assert rounds(fleet) <= 8


def test_a_path_that_is_no_file_any_more_is_not_opened(
    fleet: Simulator, open_file: Open, tmp_path: Path
) -> None:
    """A pipe would be waited for without an end."""
    fleet.latency = 0.003
    with open_file() as db:
        db.set_busy_handler(Calls(False))
        (tmp_path / "fleet.db").rename(tmp_path / "moved.db")
        os.mkfifo(tmp_path / "fleet.db")
        assert len(list(db.execute(JOIN))) == COUNT


def test_its_statement_keeps_its_locks(
    fleet: Simulator, open_file: Open, tmp_path: Path
) -> None:
    """Whoever closes a file ends all locks that the process has on it, if he is not SQLite."""
    with open_file() as db:
        db.set_busy_handler(Calls(False))
        rows = db.execute(JOIN)
        for _ in range(COUNT // 2):
            next(rows)
        other = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1], timeout=0); d.execute('BEGIN EXCLUSIVE')"
        ran = subprocess.run(
            [sys.executable, "-c", other, tmp_path / "fleet.db"], capture_output=True, text=True
        )
        assert "database is locked" in ran.stderr
        assert len(list(rows)) == COUNT - COUNT // 2
