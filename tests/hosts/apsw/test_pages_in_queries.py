"""A page is one of one list, in every kind of query."""

from __future__ import annotations

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator


@pytest.fixture
def paged(simulator: Simulator) -> Simulator:
    """Droplets 1 and 2 with three actions each, and an inventory that SQLite likes inside."""
    for droplet in (1, 2):
        simulator.account.add_droplet(droplet_id=droplet)
        for n in range(3):
            simulator.account.add_action(droplet, id=10 * droplet + n)
    return simulator


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.droplet_id AND a.page = 1",
        "SELECT a.id FROM inventory i LEFT JOIN droplet_actions a ON a.droplet_id = i.droplet_id AND a.page = 1",
        "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2) AND (page = 1 OR type = 'nope')",
        "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2) AND +page = 1",
        "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2) AND page < 2",
        "SELECT id FROM droplet_actions a WHERE droplet_id IN (1, 2) AND coalesce(page, 1) = 1",
    ],
)
def test_a_page_is_of_the_droplet_s_list_in_every_kind_of_query(
    paged: Simulator, db: apsw.Connection, query: str
) -> None:
    db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO inventory VALUES (1), (2)")
    assert sorted(id for (id,) in db.execute(query)) == [10, 11, 12, 20, 21, 22]


def test_a_row_knows_the_page_it_came_from(paged: Simulator, db: apsw.Connection) -> None:
    query = (
        "SELECT id, page, per_page FROM droplet_actions WHERE droplet_id = 1 AND per_page = 2"
    )
    assert list(db.execute(query)) == [(12, 1, 2), (11, 1, 2), (10, 2, 2)]
    query = "SELECT id, page FROM droplet_actions WHERE droplet_id = 1 LIMIT 2"
    assert list(db.execute(query)) == [(12, 1), (11, 1)]


def test_a_set_of_actions_is_more_than_one_row(paged: Simulator, db: apsw.Connection) -> None:
    query = "SELECT a.id, b.id FROM droplet_actions a JOIN droplet_actions b ON b.droplet_id = 2 WHERE a.id IN (10, 11)"
    assert len(list(db.execute(query))) == 6


@pytest.fixture
def fleet(simulator: Simulator, db: apsw.Connection) -> Simulator:
    """Droplets of 5, 450 and 1 actions, and an inventory of the three."""
    db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY)")
    for droplet, count in ((1, 5), (2, 450), (3, 1)):
        simulator.account.add_droplet(droplet_id=droplet)
        for _ in range(count):
            simulator.account.add_action(droplet)
        db.execute("INSERT INTO inventory VALUES (?)", (droplet,))
    return simulator


INVENTORY, A = "inventory i", "droplet_actions a"
ON = "ON a.droplet_id = i.droplet_id AND a.page = 1"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (f"{INVENTORY} LEFT JOIN {A} {ON}", 206),
        (f"{INVENTORY} JOIN {A} {ON}", 206),
        (f"{A} JOIN {INVENTORY} {ON}", 206),
        (f"{INVENTORY} JOIN {A} USING (droplet_id) WHERE a.page < 2", 206),
        (f"{A} WHERE (droplet_id = 2 AND page = 1) OR (droplet_id = 1 AND page = 1)", 205),
        (f"{A} WHERE (droplet_id = 2 AND page = 2) OR (droplet_id = 1 AND page = 1)", 205),
        (f"{A} WHERE (droplet_id = 2 AND page = 3) OR (droplet_id = 1 AND page = 2)", 50),
        (f"{A} WHERE page = 1 AND (droplet_id = 1 OR droplet_id = 2)", 205),
        (f"{A} JOIN {A[:-1]}b ON a.droplet_id = b.droplet_id AND a.page = 1 AND b.droplet_id = 3", 1),
        (f"{A} WHERE page = 1", 200),
        (f"{A} CROSS JOIN {INVENTORY} ON a.resource_id = +i.droplet_id AND page = 1", 200),
        (f"{INVENTORY} LEFT JOIN {A} {ON} WHERE page < 2", 206),
    ],
)  # fmt: skip
def test_a_page_is_of_the_list_that_its_droplet_has(
    fleet: Simulator, db: apsw.Connection, query: str, count: int
) -> None:
    assert db.execute(f"SELECT count(*) FROM {query}").get == count


@pytest.mark.parametrize(
    "query",
    [
        f"{INVENTORY} RIGHT JOIN {A} {ON}",
        f"{A} RIGHT JOIN {INVENTORY} {ON}",
        f"{INVENTORY} FULL JOIN {A} {ON}",
        f"{A} RIGHT JOIN {INVENTORY} ON a.droplet_id = i.droplet_id AND a.page < 2",
        f"{A} JOIN {A[:-1]}b ON a.droplet_id = b.droplet_id AND a.page = 1 AND b.page = 1",
        f"{A} WHERE page = 1 AND droplet_id > 1",
        f"{A} WHERE page = 1 AND resource_id = 2",
        f"{A} JOIN {INVENTORY} ON a.resource_id = i.droplet_id AND page = 1",
        f"{A} WHERE page = 1 AND droplet_id + 0 = 2",
        f"{A} WHERE page = 1 AND (droplet_id = 1 OR type = 'reboot')",
    ],
)
def test_a_page_of_which_nobody_can_say_the_list_is_refused(
    fleet: Simulator, db: apsw.Connection, query: str
) -> None:
    with pytest.raises(
        dovtab.ArgumentError, match=r"a page is one of one list.*say droplet_id"
    ):
        list(db.execute(f"SELECT count(*) FROM {query}"))
    assert fleet.requests == [] or "JOIN" in query


def test_the_page_of_a_row_is_known_however_it_is_found(
    fleet: Simulator, db: apsw.Connection
) -> None:
    oldest = min(id for id, a in fleet.account.actions.items() if a.resource_id == 2)
    query = "SELECT page FROM droplet_actions WHERE droplet_id = 2 AND id = ?"
    assert db.execute(query, (oldest,)).get == 3
    assert db.execute(query + " AND page < 3", (oldest,)).get is None
    assert db.execute(query + " AND page > 2", (oldest,)).get == 3


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (f"{INVENTORY} LEFT JOIN {A} USING (droplet_id) WHERE per_page = 50", 456),
        (f"{INVENTORY} LEFT JOIN {A} {ON} WHERE per_page = 50", 61),
        (f"{INVENTORY} RIGHT JOIN {A} ON a.resource_id IN (1, 2) WHERE per_page = 50", 456),
        (f"{INVENTORY} FULL JOIN {A} USING (droplet_id) WHERE per_page = 50", 456),
        (f"{A} WHERE droplet_id = 2 AND per_page > 9", 450),
    ],
)
def test_a_number_of_rows_that_sqlite_only_compares_is_refused(
    fleet: Simulator, db: apsw.Connection, query: str, count: int
) -> None:
    """It would drop rows in silence: either SQLite tells of it, or nothing is given."""
    try:
        assert db.execute(f"SELECT count(a.id) FROM {query}").get == count
    except dovtab.ArgumentError as error:
        told = str(error)
        assert told.startswith("per_page is how many rows") or "one of one list" in told
