"""SQLite chooses well among our plans, whether or not it knows the inventory's size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import apsw
import pytest

from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach

LIST = "GET /v2/droplets/{droplet_id}/actions ?"
GET = "GET /v2/droplets/{droplet_id}/actions/{action_id} ?"
BY_ID = "GET /v2/actions/{action_id} ?"
EVERYTHING = "GET /v2/actions "
INVENTORIES = ["id INTEGER PRIMARY KEY, team", "id INTEGER, team", "id TEXT, team"]


@pytest.fixture(
    scope="module",
    params=[(size, known) for size in (2, 50, 20_000) for known in (False, True)],
)
def inventory(request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    """Of some size, which SQLite knows or does not; a plan asks nobody for anything."""
    size, known = request.param
    db = apsw.Connection(":memory:")
    attach(db, resolve({"token": "t", "api_url": "http://127.0.0.1:9"}, {}.get))
    for n, declared in enumerate(INVENTORIES):
        db.execute(f"CREATE TABLE inventory{n}({declared})")
        db.execute(
            f"INSERT INTO inventory{n} WITH RECURSIVE i(x) AS"
            " (SELECT 0 UNION ALL SELECT x + 1 FROM i LIMIT ?) SELECT x + 1, x % 7 FROM i",
            (size,),
        )
    db.execute("CREATE TABLE event(droplet INTEGER, action INTEGER, what)")
    db.execute("CREATE INDEX by_droplet ON event(droplet)")
    db.executemany("INSERT INTO event VALUES (?, ?, 'x')", [(i, i) for i in range(size)])
    if known:
        db.execute("ANALYZE")
    yield db
    db.close(True)


def plan(db: apsw.Connection, sql: str) -> list[str]:
    return [
        detail for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {sql}") if "VIRTUAL" in detail
    ]


def orders(tables: list[str]) -> list[str]:
    return [", ".join(order) for order in permutations(tables)]


@pytest.mark.parametrize("n", range(len(INVENTORIES)))
def test_a_join_reads_lists_and_never_everything(inventory: apsw.Connection, n: int) -> None:
    for tables in orders([f"inventory{n} i", "droplet_actions a"]):
        for where in (
            "",
            " AND i.team = 3",
            " AND a.type = 'reboot'",
            " AND a.status <> i.team",
        ):
            query = f"SELECT * FROM {tables} WHERE a.droplet_id = i.id{where}"
            for more in ("", " ORDER BY a.id LIMIT 3", " LIMIT 3"):
                (detail,) = plan(inventory, query + more)
                assert LIST in detail, query + more


def test_an_action_is_asked_for_by_itself_where_it_is_known(inventory: apsw.Connection) -> None:
    for tables in orders(["event e", "droplet_actions a"]):
        (detail,) = plan(
            inventory,
            f"SELECT * FROM {tables} WHERE a.droplet_id = e.droplet AND a.id = e.action",
        )
        assert GET in detail
        (detail,) = plan(inventory, f"SELECT * FROM {tables} WHERE a.action_id = e.action")
        assert BY_ID in detail


def test_three_tables_in_any_order_never_read_everything(inventory: apsw.Connection) -> None:
    for tables in orders(["inventory0 i", "event e", "droplet_actions a"]):
        (detail,) = plan(
            inventory,
            f"SELECT * FROM {tables} WHERE a.droplet_id = i.id AND e.action = a.id AND i.team = 1",
        )
        assert EVERYTHING not in detail
    for tables in orders(["inventory0 i", "droplet_actions a", "droplet_actions b"]):
        details = plan(
            inventory,
            f"SELECT * FROM {tables} WHERE a.droplet_id = i.id AND b.droplet_id = a.droplet_id"
            " AND b.id = a.id",
        )
        assert len(details) == 2
        assert not any(EVERYTHING in detail for detail in details)


def test_a_set_is_taken_at_once_and_not_again_for_each_row(inventory: apsw.Connection) -> None:
    """The whole set inside a loop would be read as often as the loop turns."""
    for tables in orders(["inventory0 i", "droplet_actions a"]):
        query = (
            f"SELECT * FROM {tables} WHERE a.droplet_id = i.id"
            " AND a.droplet_id IN (SELECT id FROM inventory0)"
        )
        details = [detail for *_, detail in inventory.execute(f"EXPLAIN QUERY PLAN {query}")]
        ours = next(d for d in details if "VIRTUAL" in d)
        inside = details.index(ours) > 0
        assert "droplet_id[]" in ours
        assert ("droplet_id=" in ours) == inside


def test_what_is_given_beats_what_is_joined(inventory: apsw.Connection) -> None:
    """One list, then the inventory; not one list for each row of the inventory."""
    for tables in orders(["inventory0 i", "droplet_actions a"]):
        query = f"SELECT * FROM {tables} WHERE a.droplet_id = 7 AND i.team = a.type"
        details = [detail for *_, detail in inventory.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert LIST in details[0] or "i" in details[0].split()
        assert sum("VIRTUAL" in d for d in details) == 1


def test_a_small_inventory_is_outside(connect: Callable[..., apsw.Connection]) -> None:
    db = connect()
    db.execute(
        "CREATE TABLE small(id INTEGER PRIMARY KEY); CREATE TABLE large(id, small, team)"
    )
    db.execute("INSERT INTO small VALUES (1), (2)")
    db.executemany("INSERT INTO large VALUES (?, ?, 1)", [(i, i % 2) for i in range(5000)])
    db.execute("ANALYZE")
    for tables in orders(["small s", "large l", "droplet_actions a"]):
        query = f"SELECT * FROM {tables} WHERE a.droplet_id = s.id AND l.id = a.id"
        details = [detail for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {query}")]
        first = next(n for n, d in enumerate(details) if "VIRTUAL" in d)
        assert any("s" in d.split()[:2] for d in details[:first]), details
        assert not any("l" in d.split()[:2] for d in details[:first]), details
