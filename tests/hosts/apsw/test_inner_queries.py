"""Queries inside an INSERT: its rows belong to the statement that writes them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import apsw
import apsw.ext
import pytest

import dovtab
from dovtab.simulator import Simulator

Connect = Callable[..., apsw.Connection]
INSERT = "INSERT INTO droplet_actions(droplet_id, type) "


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in range(1, 10):
        simulator.account.add_droplet(droplet_id=id)
    return simulator


def acted(fleet: Simulator) -> list[int]:
    return sorted(int(r.path.split("/")[3]) for r in fleet.requests if r.method == "POST")


def fts5(db: apsw.Connection) -> str:
    db.execute("CREATE VIRTUAL TABLE h USING fts5(name)")
    db.execute("INSERT INTO h(rowid, name) VALUES (1, 'web a'), (2, 'web b'), (3, 'web c')")
    return "SELECT rowid, 'enable_ipv6' FROM h WHERE h MATCH 'web'"


def rtree(db: apsw.Connection) -> str:
    db.execute("CREATE VIRTUAL TABLE h USING rtree(id, low, high)")
    db.execute("INSERT INTO h VALUES (1, 0, 1), (2, 0, 1), (3, 0, 1)")
    return "SELECT id, 'enable_ipv6' FROM h WHERE low < 5"


def pragma(db: apsw.Connection) -> str:
    db.execute("CREATE TABLE h(a, b, c)")
    return "SELECT cid + 1, 'enable_ipv6' FROM pragma_table_info('h')"


def python_table(db: apsw.Connection) -> str:
    def numbers() -> object:
        for n in (1, 2, 3):
            assert db.execute("SELECT ?", (n,)).get == n
            yield {"n": n}

    numbers.columns, numbers.column_access = ("n",), apsw.ext.VTColumnAccess.By_Name
    apsw.ext.make_virtual_module(db, "numbers", numbers, eponymous=True)
    return "SELECT n, 'enable_ipv6' FROM numbers"


def querying_function(db: apsw.Connection) -> str:
    db.create_scalar_function("same", lambda n: db.execute("SELECT ?", (n,)).get, 1)
    return "SELECT same(column1), 'enable_ipv6' FROM (VALUES (1), (2), (3))"


def half_reading_function(db: apsw.Connection) -> str:
    left = []

    def same(n: int) -> int:
        cursor = db.execute("VALUES (?), (0), (0)", (n,))
        left.append(cursor)
        return int(next(cursor)[0])

    db.create_scalar_function("same", same, 1)
    return "SELECT same(column1), 'enable_ipv6' FROM (VALUES (1), (2), (3))"


INNER = [fts5, rtree, pragma, python_table, querying_function, half_reading_function]


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: inner.__name__)
def test_every_row_of_it_is_sent(
    fleet: Simulator, db: apsw.Connection, inner: Callable[[apsw.Connection], str]
) -> None:
    db.execute(INSERT + inner(db))
    assert acted(fleet) == [1, 2, 3]


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: inner.__name__)
def test_nothing_of_it_is_sent_if_a_row_fails(
    fleet: Simulator, db: apsw.Connection, inner: Callable[[apsw.Connection], str]
) -> None:
    query = inner(db)
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (9, 'enable_ipv6')")
    with pytest.raises(dovtab.ArgumentError):
        db.execute(f"{INSERT}SELECT * FROM ({query}) UNION ALL SELECT 4, 'bogus'")
    db.execute("COMMIT")
    assert acted(fleet) == [9]


def test_a_cursor_left_half_read_does_not_keep_what_was_refused(
    fleet: Simulator, db: apsw.Connection
) -> None:
    db.execute("CREATE TABLE inventory(id, name)")
    db.execute("INSERT INTO inventory VALUES (1, 'web-01'), (2, 'web-01')")
    left = []

    def did(name: str) -> int:
        cursor = db.execute("SELECT id FROM inventory WHERE name = ?", (name,))
        left.append(cursor)
        return int(next(cursor)[0])

    db.create_scalar_function("did", did, 1)
    db.execute("BEGIN")
    with contextlib.suppress(dovtab.ArgumentError):
        db.execute(INSERT + "VALUES (did('web-01'), 'reboot'), (5, 'reboot'), (6, 'bogus')")
    left.clear()
    db.execute("COMMIT")
    assert acted(fleet) == []
