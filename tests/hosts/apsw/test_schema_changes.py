"""A statement that SQLite prepares anew, because the schema has changed, is the same one still.

Of its second run a trace says nothing. Without knowing whose call it is, a call would be
sent for each row, the limit would not hold, and a stranger's trigger would act.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator

Connect = Callable[..., apsw.Connection]
CALLS = "SELECT droplet_actions_post(d, 'reboot') FROM t WHERE d BETWEEN ? AND ?"
INSERT = "INSERT INTO droplet_actions(droplet_id, type) SELECT d, 'snapshot' FROM t WHERE d = ?"


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in range(1, 21):
        simulator.account.add_droplet(droplet_id=id)
    return simulator


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.db"
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE t(d)")
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1, 21)])
    db.close()
    return path


@pytest.fixture(params=["its own", "another's"])
def change(
    request: pytest.FixtureRequest, file: Path, connect: Connect
) -> tuple[apsw.Connection, Callable[[], None]]:
    """A connection, and what changes the schema of its file."""
    db = connect(max_actions=3)
    db.execute("ATTACH ? AS fleet", (str(file),))
    names = iter(range(100))

    def change_schema() -> None:
        sql = f"CREATE TABLE {{}}x{next(names)}(a)"
        if request.param == "its own":
            db.execute(sql.format("fleet."))
        else:
            with apsw.Connection(str(file)) as other:
                other.execute(sql.format(""))
            other.close()

    return db, change_schema


Change = tuple[apsw.Connection, Callable[[], None]]


def posts(simulator: Simulator) -> list[str]:
    return [r.path for r in simulator.requests if r.method == "POST"]


def test_the_limit_holds(fleet: Simulator, change: Change) -> None:
    db, change_schema = change
    list(db.execute(CALLS, (1, 2)))
    change_schema()
    with pytest.raises(dovtab.TooManyActionsError, match="stopped after 3 actions"):
        list(db.execute(CALLS, (3, 20)))
    assert len(posts(fleet)) == 5


def test_the_same_call_is_sent_once(fleet: Simulator, change: Change) -> None:
    db, change_schema = change
    query = "SELECT droplet_actions_post(1, 'password_reset') FROM t WHERE d < 5"
    list(db.execute(query))
    fleet.clock.advance(60)
    change_schema()
    assert len(list(db.execute(query))) == 4
    assert len(posts(fleet)) == 2


def test_an_insert_is_sent(fleet: Simulator, change: Change) -> None:
    db, change_schema = change
    for droplet in (1, 2, 3):
        db.execute(INSERT, (droplet,))
        change_schema()
    assert len(posts(fleet)) == 3


def test_a_statement_that_failed_before_it_began_is_not_the_next_one(
    fleet: Simulator, file: Path, connect: Connect
) -> None:
    """A file that is locked ends it just as early."""
    db = connect()
    db.execute("ATTACH ? AS fleet", (str(file),))
    other = apsw.Connection(str(file))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(apsw.BusyError):
        list(db.execute(CALLS, (1, 2)))
    with pytest.raises(apsw.BusyError):
        db.execute(INSERT, (1,))
    other.execute("ROLLBACK")
    other.close()
    db.execute(INSERT, (1,))
    list(db.execute(CALLS, (2, 3)))
    assert len(posts(fleet)) == 3


def test_a_trigger_of_a_stranger_does_not_act(
    fleet: Simulator, file: Path, change: Change
) -> None:
    with apsw.Connection(str(file)) as maker:
        maker.execute(
            "CREATE TABLE droplet_actions(droplet_id, type);"
            "CREATE TRIGGER acts AFTER INSERT ON t BEGIN"
            " INSERT INTO droplet_actions(droplet_id, type) VALUES (new.d, 'power_off'); END;"
            "PRAGMA writable_schema = on;"
            "DELETE FROM sqlite_schema WHERE name = 'droplet_actions'"
        )
    maker.close()
    db = dovtab.connect(str(file), token=fleet.token, api_url=fleet.url)
    for n in range(3):
        with pytest.raises(dovtab.NotAllowedError, match="neither by a trigger"):
            db.execute("INSERT INTO t VALUES (?)", (n + 1,))
        with apsw.Connection(str(file)) as other:
            other.execute(f"CREATE TABLE y{n}(a)")
        other.close()
    assert posts(fleet) == []
    db.close()


def test_a_query_inside_a_query_that_is_prepared_anew_acts_for_itself(
    fleet: Simulator, change: Change
) -> None:
    """Two that could be meant: nothing is sent for the wrong one."""
    db, change_schema = change
    inner = "SELECT droplet_actions_post(7, 'password_reset') FROM t WHERE d = 1"
    list(db.execute(inner))
    fleet.clock.advance(60)

    def asks(n: int) -> int:
        list(db.execute(inner))
        return n

    db.create_scalar_function("asks", asks, 1)
    change_schema()
    list(db.execute("SELECT asks(d) FROM t WHERE d = 1"))
    assert len(posts(fleet)) == 2
