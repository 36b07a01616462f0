"""Rows since a moment, in as many requests as there are pages of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.simulator import ManualClock, Rules, Simulator

DAY = 86_400.0
DROPLETS, EACH = 40, 50
# So many of all are of the last seven days.
RECENT = 600


@pytest.fixture
def history(simulator: Simulator, clock: ManualClock) -> Simulator:
    """2,000 actions, one every 17 minutes, then 10 foreign ones that are newer."""
    now = clock.time()
    for n in range(1, DROPLETS + 1):
        simulator.account.add_droplet(n)
    for n in range(DROPLETS * EACH):
        age = (DROPLETS * EACH - n) * 7 * DAY / RECENT - 1
        simulator.account.add_action(1 + n % DROPLETS, started_at=now - age)
    for n in range(10):
        simulator.account.add_foreign_action("image", n, started_at=now - 10 + n)
    return simulator


@pytest.mark.parametrize(
    ("query", "rows", "requests"),
    [
        ("WHERE since = '-7 days'", RECENT, 5),
        ("WHERE since = '-7 days' AND droplet_id = 3", RECENT // DROPLETS, 1),
        ("WHERE since = '-7 days' AND droplet_id IN (1, 2)", 2 * RECENT // DROPLETS, 2),
        ("WHERE since = '-1 hour'", 3, 2),
        ("WHERE since = '2100-01-01'", 0, 1),
        ("WHERE since = '-7 days' AND page = 1", 190, 1),
        ("WHERE since = '-7 days' AND per_page = 100", RECENT, 8),
        ("WHERE since = '-7 days' LIMIT 50", 50, 2),
        ("WHERE since = '2001-01-01'", DROPLETS * EACH, 11),
        ("WHERE since = '-7 days' AND since = '-8 days'", 0, 0),
        ("WHERE since = NULL", 0, 0),
    ],
)
def test_so_many_requests_are_enough_since_then(
    history: Simulator,
    connect: Callable[..., apsw.Connection],
    query: str,
    rows: int,
    requests: int,
) -> None:
    found = list(connect(account_list=False).execute(f"SELECT id FROM droplet_actions {query}"))
    assert len(found) == len(set(found)) == rows
    assert len(history.requests) <= requests


@pytest.mark.parametrize("order", ["asc", "shuffled"])
def test_a_list_in_another_order_loses_no_row(
    history: Simulator, db: apsw.Connection, order: Any
) -> None:
    history.account.rules = Rules(order=order)
    assert (
        db.execute("SELECT count(*) FROM droplet_actions WHERE since = '-7 days'").get == RECENT
    )
    assert len(history.requests) == 11


def test_it_is_what_started_at_says_and_reads_back(
    history: Simulator, db: apsw.Connection
) -> None:
    query = "SELECT id FROM droplet_actions WHERE droplet_id = 5 AND {} ORDER BY id"
    since = list(db.execute(query.format("since = '2026-11-12T10:00:00Z'")))
    assert since == list(db.execute(query.format("started_at >= '2026-11-12T10:00:00Z'")))
    assert (
        db.execute("SELECT DISTINCT since FROM droplet_actions(5) WHERE since = '-3 days'").get
        == "-3 days"
    )


def test_now_is_one_moment_in_a_statement(
    history: Simulator, db: apsw.Connection, clock: ManualClock
) -> None:
    """Or a join would have rows of one Droplet that it has not of another."""
    db.create_scalar_function("later", lambda: clock.advance(DAY))
    query = """
        WITH ids(d) AS (VALUES (1), (2), (3))
        SELECT d, count(a.id), later() FROM ids LEFT JOIN droplet_actions a
        ON a.droplet_id = d AND since = '-7 days' GROUP BY d"""
    assert {count for _, count, _ in db.execute(query)} == {RECENT // DROPLETS}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("WHERE since = 'soon'", "^since must be a time or a modifier as SQLite's"),
        ("WHERE since = ''", "^since must be a time or a modifier as SQLite's"),
        ("WHERE since = '7 days'", "^since '7 days' is in the future: what goes back has a"),
        ("WHERE since = '+1 day'", "^since '.1 day' is in the future"),
        ("WHERE since > '2026-01-01'", "^since narrows what is asked for, and a row has no"),
        ("WHERE since = '-1 day' OR droplet_id = 1", "^since narrows"),
    ],
)
def test_what_is_not_meant_so_is_said(
    history: Simulator, db: apsw.Connection, query: str, message: str
) -> None:
    with pytest.raises(dovtab.ArgumentError, match=message):
        list(db.execute(f"SELECT id FROM droplet_actions {query}"))
    assert not history.requests
