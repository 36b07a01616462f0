"""`dovtab.dbapi` beside Python's own sqlite3, and what only the API's tables show."""

from __future__ import annotations

import datetime
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dovtab
from dovtab import dbapi
from dovtab.simulator import Fault, Simulator

DROPLET = 3164444
EAST = datetime.timezone(datetime.timedelta(hours=2, minutes=30))


@pytest.fixture
def connection(simulator: Simulator) -> Iterator[dbapi.Connection]:
    simulator.account.populate(droplets=3, actions=300)
    opened = dbapi.connect(token=simulator.token, api_url=simulator.url)
    yield opened
    opened.close()


def acting(simulator: Simulator, **settings: Any) -> dbapi.Connection:
    simulator.account.add_droplet(DROPLET)
    settings = {"token": simulator.token, "api_url": simulator.url} | settings
    return dbapi.connect(allow_actions=True, **settings)


# Beside sqlite3

OPERATIONS = st.one_of(
    st.tuples(st.just("INSERT INTO t VALUES (?, ?)"), st.tuples(st.integers(1, 9), st.text())),
    st.tuples(
        st.just("INSERT INTO t VALUES (?, ?) RETURNING id, x"),
        st.tuples(st.integers(1, 9), st.floats(allow_nan=False)),
    ),
    st.tuples(
        st.just("REPLACE INTO t VALUES (:id, :x)"),
        st.fixed_dictionaries({"id": st.integers(1, 9), "x": st.binary()}),
    ),
    st.tuples(
        st.just("UPDATE t SET x = ? WHERE id < ?"), st.tuples(st.none(), st.integers(1, 9))
    ),
    st.tuples(st.just("DELETE FROM t WHERE id = ?"), st.tuples(st.integers(1, 9))),
    st.tuples(
        st.just("SELECT x, id FROM t WHERE id > ? ORDER BY id"), st.tuples(st.integers(0, 9))
    ),
    st.tuples(st.just("SELECT 1 AS one WHERE ?; -- and no more"), st.tuples(st.booleans())),
    st.tuples(st.just("SELECT * FROM missing"), st.just(())),
    st.tuples(st.just("SELECT ?"), st.just(())),
    st.tuples(st.just("commit"), st.none()),
    st.tuples(st.just("rollback"), st.none()),
    st.tuples(st.just("fetchone"), st.none()),
    st.tuples(st.just("fetchmany"), st.integers(0, 3)),
    st.tuples(st.just("fetchall"), st.none()),
)


def done(connection: Any, cursor: Any, operation: tuple[str, Any]) -> Any:
    """What comes of it."""
    what, argument = operation
    try:
        if what in ("commit", "rollback"):
            return getattr(connection, what)()
        if what.startswith("fetch"):
            if cursor.description is None:
                return None  # Here an error, there none.
            return getattr(cursor, what)(*[a for a in [argument] if a is not None])
        cursor.execute(what, argument)
        if "RETURNING" in what:
            # sqlite3 counts when the last row has been fetched.
            return cursor.fetchall(), cursor.lastrowid
        columns = [name for name, *_ in cursor.description or ()]
        counts = cursor.rowcount, what.startswith("INSERT") and cursor.lastrowid
        return columns, counts, connection.in_transaction
    except Exception as error:
        return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ != "x")


@given(operations=st.lists(OPERATIONS, max_size=25))
def test_it_does_what_sqlite3_does(operations: list[tuple[str, Any]]) -> None:
    found = []
    for module in (dbapi, sqlite3):
        connection: Any = module.connect(":memory:")
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
        connection.commit()
        found.append([done(connection, cursor, operation) for operation in operations])
        connection.rollback()
        found[-1].append(connection.execute("SELECT * FROM t ORDER BY 1").fetchall())
        connection.close()
    assert found[0] == found[1]


# Rows


def test_rows_are_those_of_the_table(connection: dbapi.Connection) -> None:
    sql = "SELECT * FROM droplet_actions ORDER BY id"
    mine = connection.execute(sql)
    rows = mine.fetchall()
    assert rows == list(connection.apsw.execute(sql))
    assert len(rows) == 900
    assert [name for name, *_ in mine.description or ()][:2] == ["id", "resource_id"]
    assert all(type(row) is tuple for row in rows)


def test_rows_come_as_they_are_fetched(
    simulator: Simulator, connection: dbapi.Connection
) -> None:
    cursor = connection.execute("SELECT id FROM droplet_actions")
    assert len(cursor.fetchmany(100)) == 100
    assert len(simulator.requests) < 5
    cursor.close()


def test_a_preview_is_one_request(simulator: Simulator, connection: dbapi.Connection) -> None:
    assert len(connection.execute("SELECT * FROM droplet_actions LIMIT 100").fetchall()) == 100
    assert len(simulator.requests) == 1


def test_an_empty_answer_has_its_columns(connection: dbapi.Connection) -> None:
    cursor = connection.execute("SELECT id, type FROM droplet_actions WHERE droplet_id = 1")
    assert cursor.fetchall() == []
    assert [c[:2] for c in cursor.description or ()] == [("id", "INTEGER"), ("type", "TEXT")]
    assert cursor.fetchone() is None
    assert cursor.fetchmany(5) == []


def test_a_cursor_that_is_used_again_forgets_its_rows(connection: dbapi.Connection) -> None:
    cursor = connection.execute("VALUES (1), (2)")
    earlier = iter(cursor)
    assert next(earlier) == (1,)
    cursor.execute("VALUES (3)")
    assert list(earlier) == []
    assert list(cursor) == [(3,)]


@pytest.mark.usefixtures("one_by_one")
def test_a_join_with_parameters_is_asked_for_side_by_side(simulator: Simulator) -> None:
    simulator.account.populate(droplets=30, actions=2)
    connection = dbapi.connect(token=simulator.token, api_url=simulator.url)
    connection.execute("CREATE TABLE i(id INTEGER PRIMARY KEY, team)")
    teams = [(id, "ab"[id % 2]) for id in simulator.account.droplets]
    connection.executemany("INSERT INTO i VALUES (?, ?)", teams)
    connection.commit()
    sql = "SELECT a.id FROM i JOIN droplet_actions a ON a.droplet_id = i.id WHERE i.team = ?"
    assert len(connection.execute(sql, ("a",)).fetchall()) == 30
    assert len(simulator.requests) == 15
    ahead = "SELECT count(*) FROM dovtab_requests WHERE look_ahead = 'ahead'"
    assert connection.execute(ahead).fetchone() == (13,)
    connection.close()


def test_a_table_that_hides_ours_is_told_of(connection: dbapi.Connection) -> None:
    connection.execute("CREATE TABLE droplet_actions(mine)")
    with pytest.raises(dbapi.ProgrammingError, match="hides dovtab's"):
        connection.execute("SELECT * FROM droplet_actions")


def test_after_an_error_nobody_takes_the_rest_for_the_end(
    simulator: Simulator, connection: dbapi.Connection
) -> None:
    cursor = connection.execute("SELECT id FROM droplet_actions WHERE droplet_id = 3164444")
    simulator.fault(Fault("status", status=403, times=None))
    for _ in range(2):
        with pytest.raises(dbapi.Error):
            cursor.fetchall()


# Values


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC), "2026-11-24T10:00:00Z"),
        (datetime.datetime(2026, 11, 24, 10, tzinfo=EAST), "2026-11-24T07:30:00Z"),
        (datetime.datetime(2026, 11, 24, 10, 0, 0, 5), "2026-11-24 10:00:00.000005"),
        (datetime.date(2026, 11, 24), "2026-11-24"),
        (datetime.time(1, 2), "01:02:00"),
        (True, 1),
        (memoryview(b"ab"), b"ab"),
        (bytearray(b"ab"), b"ab"),
        (None, None),
        (2**62, 2**62),
    ],
)
def test_values_that_sqlite_has_no_type_for(
    connection: dbapi.Connection, value: object, stored: object
) -> None:
    assert connection.execute("SELECT ?", (value,)).fetchone() == (stored,)
    assert connection.execute("SELECT :v", {"v": value}).fetchone() == (stored,)


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ((2**63,), dbapi.DataError),
        (("\ud800",), dbapi.DataError),
        ((object(),), dbapi.InterfaceError),
        ((Decimal(1),), dbapi.InterfaceError),
        ((), dbapi.ProgrammingError),
        ((1, 2), dbapi.ProgrammingError),
        ({"other": 1}, dbapi.ProgrammingError),
        ("1", dbapi.ProgrammingError),
        (7, dbapi.ProgrammingError),
    ],
)
def test_what_cannot_be_bound(
    connection: dbapi.Connection, parameters: object, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        connection.execute("SELECT :x", parameters)
    assert "\n" not in str(caught.value)


# Errors


@pytest.mark.parametrize(
    ("sql", "kind", "says"),
    [
        ("SELECT 1; SELECT 2", dbapi.ProgrammingError, "one statement at a time"),
        ("SELEC 1", dbapi.OperationalError, "syntax error"),
        ("SELECT * FROM missing", dbapi.OperationalError, "no such table"),
        ("SELECT * FROM droplet_actions WHERE page = 0", dbapi.ProgrammingError, "page must"),
        ("SELECT droplet_actions_post(1, 'reboot')", dbapi.NotSupportedError, "is off"),
        (
            "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')",
            dbapi.NotSupportedError,
            "is off",
        ),
    ],
)
def test_errors_are_those_of_pep_249(
    simulator: Simulator,
    connection: dbapi.Connection,
    sql: str,
    kind: type[Exception],
    says: str,
) -> None:
    with pytest.raises(kind, match=says) as caught:
        connection.execute(sql).fetchall()
    assert "\n" not in str(caught.value)
    assert not [r for r in simulator.requests if r.method == "POST"]
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_error_while_rows_are_fetched(
    simulator: Simulator, connection: dbapi.Connection
) -> None:
    cursor = connection.execute("SELECT id FROM droplet_actions WHERE droplet_id = 3164444")
    simulator.fault(Fault("status", status=403, times=None))
    with pytest.raises(dbapi.OperationalError, match="403") as caught:
        cursor.fetchall()
    assert isinstance(caught.value.__cause__, dovtab.APIError)


@pytest.mark.parametrize(
    "use",
    [
        lambda c, cursor: cursor.execute("SELECT 1"),
        lambda c, cursor: cursor.fetchone(),
        lambda c, cursor: c.cursor(),
        lambda c, cursor: c.execute("SELECT 1"),
        lambda c, cursor: c.commit(),
        lambda c, cursor: c.in_transaction,
        lambda c, cursor: c.interrupt(),
    ],
)
def test_what_is_closed_is_of_no_use(connection: dbapi.Connection, use: Any) -> None:
    cursor = connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(dbapi.ProgrammingError, match="the connection is closed"):
        use(connection, cursor)


def test_settings_are_checked_at_once(tmp_path: Path) -> None:
    with pytest.raises(dbapi.ProgrammingError, match="concurrency must be"):
        dbapi.connect(tmp_path / "x.db", concurrency=0)
    with pytest.raises(dbapi.ProgrammingError, match="isolation_level is"):
        dbapi.connect(isolation_level="LATER")
    with pytest.raises(dbapi.OperationalError, match="unable to open"):
        dbapi.connect(tmp_path / "missing" / "x.db")


def test_another_thread_interrupts_it(
    simulator: Simulator, connection: dbapi.Connection
) -> None:
    simulator.latency = 5.0
    timer = threading.Timer(0.2, connection.interrupt)
    timer.start()
    with pytest.raises(dbapi.OperationalError, match="interrupt"):
        connection.execute("SELECT count(*) FROM droplet_actions").fetchall()
    timer.join()


def test_threads_at_once_are_an_error_of_pep_249(
    simulator: Simulator, connection: dbapi.Connection
) -> None:
    simulator.latency = 0.3
    failed: list[Exception] = []

    def ask() -> None:
        try:
            connection.execute("SELECT count(*) FROM droplet_actions").fetchall()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        connection.close()
    except dbapi.Error as error:
        failed.append(error)
    for thread in threads:
        thread.join()
    assert all(isinstance(error, dbapi.Error) for error in failed)


def test_a_connection_may_be_for_one_thread() -> None:
    connection = dbapi.connect(check_same_thread=True)
    said: list[str] = []

    def use() -> None:
        for act in (connection.close, connection.cursor):
            with pytest.raises(dbapi.ProgrammingError) as caught:
                act()
            said.append(str(caught.value))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert said == ["the connection is of another thread, and for that alone"] * 2
    connection.close()


# Transactions


@pytest.mark.parametrize(
    "before", ["/* app */ ", "-- app\n", ";", " ; /* a */;", "\ufeff", "/**/"]
)
def test_whatever_comes_before_a_statement_is_none(simulator: Simulator, before: str) -> None:
    connection = acting(simulator)
    connection.execute("CREATE TABLE t(x)")
    connection.commit()
    sql = "INSERT INTO droplet_actions(droplet_id, type) VALUES (3164444, 'reboot')"
    connection.execute(before + sql)
    assert connection.execute(before + "INSERT INTO t VALUES (1) RETURNING x").fetchall() == [
        (1,)
    ]
    connection.rollback()
    assert connection.execute(before + "SELECT count(*) AS n FROM t").fetchall() == [(0,)]
    for more in ("SELECT 1; /* x */ COMMIT", f"SELECT 1;{before}DELETE FROM t"):
        with pytest.raises(dbapi.ProgrammingError, match="one statement"):
            connection.execute(more)
    assert not [r for r in simulator.requests if r.method == "POST"]
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t SELECT id FROM droplet_actions LIMIT 1",
        "INSERT INTO t SELECT count(*) FROM dovtab_requests",
    ],
)
def test_it_waits_for_who_has_the_file_locked(
    simulator: Simulator, tmp_path: Path, sql: str
) -> None:
    simulator.account.populate(droplets=1, actions=1)
    path = tmp_path / "x.db"
    settings = {"token": simulator.token, "api_url": simulator.url}
    connection, other = (dbapi.connect(path, timeout=20, **settings) for _ in range(2))
    other.execute("CREATE TABLE t(x)")
    other.commit()
    other.execute("INSERT INTO t VALUES (0)")
    timer = threading.Timer(0.3, other.commit)
    timer.start()
    connection.execute(sql)
    connection.commit()
    timer.join()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
    connection.close()
    other.close()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE u(x)",
        "WITH n(i) AS (VALUES (1)) INSERT INTO t SELECT i FROM n",
        "SAVEPOINT s",
        "DROP TABLE t",
    ],
)
def test_whatever_changes_something_can_be_rolled_back(tmp_path: Path, sql: str) -> None:
    connection = dbapi.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE t(x)")
    connection.commit()
    connection.execute(sql)
    assert connection.in_transaction
    connection.rollback()
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    assert connection.execute("SELECT * FROM t").fetchall() == []
    assert not connection.in_transaction
    connection.close()


def test_a_savepoint_does_not_commit() -> None:
    connection = dbapi.connect()
    connection.execute("CREATE TABLE t(x)")
    connection.commit()
    for sql in ("SAVEPOINT s", "INSERT INTO t VALUES (1)", "RELEASE s"):
        connection.execute(sql)
    assert connection.in_transaction
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_leaving_a_with_commits_or_rolls_back() -> None:
    connection = dbapi.connect()
    with connection:
        connection.execute("CREATE TABLE t(x)")
    with pytest.raises(dbapi.OperationalError), connection:
        connection.execute("INSERT INTO t VALUES (1)").connection.execute("SELEC")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_autocommit(tmp_path: Path) -> None:
    connection = dbapi.connect(tmp_path / "x.db", isolation_level=None)
    assert connection.autocommit
    connection.execute("CREATE TABLE t(x)")
    assert not connection.in_transaction
    connection.autocommit = False
    connection.execute("INSERT INTO t VALUES (1)")
    assert connection.in_transaction
    connection.autocommit = True
    assert not connection.in_transaction
    connection.close()
    again = dbapi.connect(tmp_path / "x.db", read_only=True)
    assert again.execute("SELECT * FROM t").fetchall() == [(1,)]
    with pytest.raises(dbapi.OperationalError, match="readonly"):
        again.execute("INSERT INTO t VALUES (2)")
    again.close()


def test_inserted_actions_are_started_by_commit_alone(simulator: Simulator) -> None:
    connection = acting(simulator)
    sql = "INSERT INTO droplet_actions(droplet_id, type) VALUES (?, 'reboot')"
    cursor = connection.execute(sql, (DROPLET,))
    connection.rollback()
    cursor.execute(sql, (DROPLET,))
    assert cursor.rowcount == 1
    assert not [r for r in simulator.requests if r.method == "POST"]
    connection.commit()
    assert len([r for r in simulator.requests if r.method == "POST"]) == 1
    connection.close()


def test_the_environment_may_allow_actions(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVTAB_ALLOW_ACTIONS", "1")
    simulator.account.add_droplet(DROPLET)
    connection = dbapi.connect(token=simulator.token, api_url=simulator.url)
    connection.execute("SELECT droplet_actions_post(?, 'reboot')", (DROPLET,)).fetchall()
    assert [r.method for r in simulator.requests].count("POST") == 1
    connection.close()


def test_a_setting_that_is_none_is_not_given(simulator: Simulator) -> None:
    connection = dbapi.connect(token=simulator.token, api_url=simulator.url, allow_actions=None)
    with pytest.raises(dbapi.NotSupportedError, match="is off"):
        connection.execute("SELECT droplet_actions_post(1, 'reboot')")
    connection.close()


def test_a_refused_action_is_an_error_of_commit(simulator: Simulator) -> None:
    connection = acting(simulator)
    connection.execute("INSERT INTO droplet_actions(droplet_id, type) VALUES (99, 'reboot')")
    with pytest.raises(dbapi.OperationalError, match="99"):
        connection.commit()
    assert not connection.in_transaction
    connection.close()


def test_a_commit_that_is_kept_waiting_says_what_was_sent(
    simulator: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / "x.db"
    simulator.account.add_droplet(DROPLET)
    settings = {"token": simulator.token, "api_url": simulator.url, "allow_actions": True}
    connection = dbapi.connect(path, timeout=0.1, **settings)
    connection.execute("CREATE TABLE t(x)")
    connection.commit()
    reader = dbapi.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute(
        f"INSERT INTO droplet_actions(droplet_id, type) VALUES ({DROPLET}, 'reboot')"
    )
    with pytest.raises(dbapi.OperationalError, match="may have been sent"):
        connection.commit()
    reader.execute("COMMIT")
    connection.commit()
    assert [r.method for r in simulator.requests].count("POST") == 1
    assert reader.execute("SELECT * FROM t").fetchall() == [(1,)]
    connection.close()
    reader.close()


def test_many_are_one_after_the_other() -> None:
    connection = dbapi.connect()
    connection.execute("CREATE TABLE t(x PRIMARY KEY)")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(1000)))
    assert cursor.rowcount == 1000
    with pytest.raises(dbapi.IntegrityError):
        cursor.executemany("INSERT INTO t VALUES (:n)", [{"n": -1}, {"n": 1}])
    with pytest.raises(dbapi.ProgrammingError, match="gives rows"):
        cursor.executemany("SELECT ?", [(1,)])
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1001,)
    connection.close()


# The house


def test_the_package_imports_none_of_it() -> None:
    check = "import sys, dovtab; print([m for m in sys.modules if 'dbapi' in m or m == 'apsw'])"
    ran = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_declared_tables_are_in_no_file(simulator: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "inventory.db"
    connection = dbapi.connect(
        path, schema="the api's", token=simulator.token, api_url=simulator.url
    )
    listed = connection.execute('SELECT name FROM "the api\'s".sqlite_master').fetchall()
    assert listed == [("droplet_actions",), ("droplets",)]
    connection.execute("CREATE TABLE mine(x)")
    connection.commit()
    with pytest.raises(dbapi.NotSupportedError, match="authoriz"):
        connection.execute("ATTACH ? AS other", (os.fspath(tmp_path / "other.db"),))
    with pytest.raises(dbapi.OperationalError, match="not authorized"):
        connection.execute("SELECT load_extension('x')").fetchall()
    connection.close()
    with sqlite3.connect(path) as plain:
        assert plain.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
    plain.close()
    assert not (tmp_path / "other.db").exists()
