"""Random queries that use pages: the rows of an ordinary table, or a refusal, never others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import ManualClock, Rules, Simulator
from shared_clock import SharedClock

SIZES = (2, 3)


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


@pytest.fixture(scope="module")
def db() -> Iterator[apsw.Connection]:
    """``ordinary2`` and ``ordinary3`` know of each row the page of its Droplet's list."""
    clock = ManualClock(start=1_795_000_000.0)
    with Simulator(clock=clock, rules=Rules(minute_limit=None, hour_limit=None)) as simulator:
        connection = apsw.Connection(":memory:")
        given = {"token": "simulator", "api_url": simulator.url, "max_requests": 10_000}
        attach(connection, resolve(given, os.getenv), SharedClock(clock))
        connection.execute("CREATE TABLE inventory(d INTEGER); ")
        connection.execute("INSERT INTO inventory VALUES (1), (2), (3), (3), (9), (NULL)")
        for size in SIZES:
            connection.execute(
                f"CREATE TABLE ordinary{size}(id INTEGER, droplet_id INTEGER, type TEXT,"
                " page INTEGER, per_page INTEGER)"
            )
        for droplet, count in ((1, 7), (2, 3), (3, 1), (4, 0)):
            simulator.account.add_droplet(droplet_id=droplet)
            for n in range(count):
                action = simulator.account.add_action(droplet, ("reboot", "backup")[n % 2])
                for size in SIZES:
                    page = (count - 1 - n) // size + 1  # Newest first.
                    connection.execute(
                        f"INSERT INTO ordinary{size} VALUES (?, ?, ?, ?, ?)",
                        (action.id, droplet, action.type, page, size),
                    )
        yield connection
        connection.close(True)


pages = st.sampled_from(
    ["a.page = 1", "a.page = 2", "a.page < 3", "a.page IN (1, 3)", "+a.page = 1"]
)
terms = st.one_of(
    pages,
    st.sampled_from(["a.droplet_id = 1", "a.droplet_id IN (1, 2, 9)", "a.droplet_id > 1"]),
    st.sampled_from(["a.droplet_id = i.d", "i.d = a.droplet_id", "i.d < 3", "a.type = 'reboot'"]),
    st.builds("({} AND a.droplet_id = 1 OR a.droplet_id = 2 AND {})".format, pages, pages),
    st.builds("({} OR a.type = 'backup')".format, pages),
)  # fmt: skip
ons = st.lists(terms, max_size=3)
joins = st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])


@settings(max_examples=400, deadline=None)
@given(
    join=joins,
    swapped=st.booleans(),
    on=ons,
    where=ons,
    size=st.sampled_from(SIZES),
    sized_in_on=st.booleans(),
)
def test_a_query_with_pages_gives_what_it_means_or_is_refused(
    db: apsw.Connection,
    join: str,
    swapped: bool,
    on: list[str],
    where: list[str],
    size: int,
    sized_in_on: bool,
) -> None:
    sized = [f"a.per_page = {size}"]
    first, second = ("@ a", "inventory i") if swapped else ("inventory i", "@ a")
    query = (
        f"SELECT a.id, a.page, i.d FROM {first} {join} {second}"
        f" ON {' AND '.join([*on, 'a.droplet_id IS NOT NULL', *(sized if sized_in_on else [])])}"
        f" WHERE {' AND '.join([*where, '1', *([] if sized_in_on else sized)])}"
    )
    expected = Counter(db.execute(query.replace("@", f"ordinary{size}")))
    try:
        found = Counter(db.execute(query.replace("@", "droplet_actions")))
    except dovtab.ArgumentError:
        return
    assert found == expected, query
