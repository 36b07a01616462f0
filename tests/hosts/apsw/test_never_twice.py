"""A statement never asks twice for the same thing, however much it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.engine.reading import held
from dovtab.simulator import Simulator

pytestmark = pytest.mark.usefixtures("one_by_one")

Connect = Callable[..., apsw.Connection]
DROPLETS, EACH = 105, 200
COUNT = "(SELECT count(a.id) FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id)"
TWICE = f"SELECT {COUNT}, {COUNT}"


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """More actions than a cache keeps."""
    for id in range(1, DROPLETS + 1):
        simulator.account.add_droplet(droplet_id=id)
        for _ in range(EACH):
            simulator.account.add_action(id)
    return simulator


def with_inventory(db: apsw.Connection) -> apsw.Connection:
    db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY)")
    db.executemany("INSERT INTO inventory VALUES (?)", [(n + 1,) for n in range(DROPLETS)])
    return db


def test_the_same_join_in_two_subqueries_asks_once_and_counts_the_same(
    fleet: Simulator, connect: Connect
) -> None:
    """Also if a row arrives when the first of them has been read."""
    db = with_inventory(connect(max_requests=DROPLETS + 1))
    asked: Counter[str] = Counter()

    def arrive(page: int) -> None:
        asked["requests"] += 1
        if asked["requests"] == DROPLETS - 1:
            fleet.account.add_action(1)

    fleet.before_page(arrive)
    assert db.execute(TWICE).get == (DROPLETS * EACH, DROPLETS * EACH)
    assert max(Counter(r.path for r in fleet.requests).values()) == 1
    assert len(fleet.requests) == DROPLETS
    # Another statement sees what has arrived.
    assert db.execute(f"SELECT {COUNT}").get == DROPLETS * EACH + 1


@pytest.mark.parametrize("look_ahead", [True, False])
def test_pages_of_a_scan_that_ended_early_are_not_asked_for_again(
    simulator: Simulator, connect: Connect, *, look_ahead: bool
) -> None:
    """EXISTS ends a scan when others of its pages are on their way."""
    simulator.account.add_droplet(droplet_id=3)
    for n in range(100):
        simulator.account.add_action(3, id=1000 + n)
    simulator.latency = 0.003
    db = connect(look_ahead=look_ahead)
    db.execute("CREATE TABLE inventory(d); INSERT INTO inventory VALUES (3), (3), (3), (3)")
    exists = (
        "SELECT 1 FROM droplet_actions x WHERE x.droplet_id = i.d AND per_page = 3 AND x.id"
    )
    for _ in range(5):
        before = len(simulator.requests)
        query = f"SELECT count(*) FROM inventory i WHERE EXISTS ({exists} < 1060)"
        assert db.execute(query).get == 4
        asked = Counter(r.query["page"] for r in simulator.requests[before:])
        assert max(asked.values()) == 1
        assert len(asked) > 15


def test_what_cannot_be_held_is_refused_and_not_asked_again(
    fleet: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "PACKED_BYTES", 2_000)
    db = with_inventory(connect())
    with pytest.raises(
        dovtab.TooManyRequestsError, match="read it once, into a table"
    ) as caught:
        list(db.execute(TWICE))
    assert "/v2/droplets/1/actions?page=1&per_page=200" in str(caught.value)
    assert max(Counter(r.path for r in fleet.requests).values()) == 1
    assert db.execute(f"SELECT {COUNT}").get == DROPLETS * EACH


def test_what_a_statement_does_itself_it_sees(simulator: Simulator, connect: Connect) -> None:
    simulator.account.add_droplet(droplet_id=1)
    db = connect()
    count = "(SELECT count(*) FROM droplet_actions(1) WHERE id > n)"
    query = (
        f"SELECT {count}, droplet_actions_post(1, 'enable_ipv6') IS NOT NULL, {count}"
        " FROM (VALUES (0))"
    ).replace("(VALUES (0))", "(SELECT 0 AS n)")
    assert db.execute(query).get == (0, 1, 1)


def test_what_another_connection_does_it_does_not(
    simulator: Simulator, connect: Connect
) -> None:
    """Half of a statement is not read before something, and half after it."""
    simulator.account.add_droplet(droplet_id=1)
    db, other = connect(), connect()

    def act() -> int:
        return len(other.execute("SELECT droplet_actions_post(1, 'enable_ipv6')").fetchall())

    db.create_scalar_function("act", act, 0)
    count = "(SELECT count(*) FROM droplet_actions(1) WHERE id > n)"
    assert db.execute(f"SELECT {count}, act(), {count} FROM (SELECT 0 AS n)").get == (0, 1, 0)
