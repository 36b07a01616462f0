"""A page is one of one list, in every kind of query."""

from __future__ import annotations

import apsw
import pytest

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
