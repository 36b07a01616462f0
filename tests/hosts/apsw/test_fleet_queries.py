"""Queries over both tables, and with since and tags, beside ordinary tables with the same rows.

The account's list is read in place of many where nothing else is said.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings

from by_property.doors import ApswDoor
from by_property.fleet import account, agree, over, prepare
from by_property.fleet_queries import JOINS, queries
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock
from thoroughness import share_of_examples


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


FAULTS = ("status", "close", "truncated", "lost_after_effect")
UNLIMITED: dict[str, Any] = {"minute_limit": None, "hour_limit": None}
RULES = {
    "another order": Rules(**UNLIMITED, order="shuffled", gpus_in_tag_list=False),
    "growing": Rules(**UNLIMITED, order="asc"),
}
KINDS = ["one list", "each its own", "answers kept", "faults", "growing", "another order"]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def simulator(kind: str) -> Iterator[Simulator]:
    clock = ManualClock(start=1_795_000_000.0)
    with account(clock, RULES.get(kind)) as running:
        yield running


@pytest.fixture(scope="module")
def door(kind: str, simulator: Simulator) -> Iterator[ApswDoor]:
    given = {"token": "simulator", "api_url": simulator.url, "max_requests": 100_000}
    given["max_wait_seconds"] = 86_400  # Nobody waits: the clock is turned by hand.
    # With fewer at once an IN of this account has more than go at once.
    given |= {"concurrency": 2, "cache_seconds": 5 if kind == "answers kept" else 0}
    given["account_list"] = kind != "each its own"
    door = ApswDoor(apsw.Connection(":memory:"))
    assert isinstance(simulator.clock, ManualClock)
    attach(door.db, resolve(given, os.getenv), SharedClock(simulator.clock))
    prepare(door, simulator)
    for fault in FAULTS if kind == "faults" else ():
        # Few enough that the fourth attempt is as good as certain to go well.
        simulator.fault(Fault(kind=fault, status=503, probability=0.01, times=None))
    chance = random.Random(kind)

    def grow(page: int) -> None:
        if chance.random() < 0.05:
            simulator.account.add_foreign_action("image", page)

    simulator.before_page(grow if kind == "growing" else None)
    yield door
    door.close()


@settings(
    deadline=None,
    max_examples=share_of_examples(0.5),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sql=queries)
def test_a_query_gives_the_rows_of_ordinary_tables(door: ApswDoor, sql: str) -> None:
    agree(door, sql)


def test_one_list_is_read_in_place_of_many_if_it_may(
    simulator: Simulator, door: ApswDoor, kind: str
) -> None:
    """Else this file would show nothing of it."""
    if kind != "answers kept":
        before = len(simulator.requests)
        for join in JOINS:
            door.rows(over(f"SELECT a.id FROM {join}", ours=True))
        paths = {request.path for request in simulator.requests[before:]}
        assert ("/v2/actions" in paths) == (kind != "each its own")
