"""A time compares as the moments do, and as it would in an ordinary table, or is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given, settings

import dovtab
from by_property.doors import ApswDoor
from by_property.time_queries import Query, account, agree, prepare, queries
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import ManualClock
from shared_clock import SharedClock


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


@pytest.fixture(scope="module")
def door() -> Iterator[ApswDoor]:
    clock = ManualClock()
    with account(clock) as simulator:
        door = ApswDoor(apsw.Connection(":memory:"))
        given = {"token": "simulator", "api_url": simulator.url, "cache_seconds": 5}
        attach(door.db, resolve(dict(given), os.getenv), SharedClock(clock))
        prepare(door)
        yield door
        door.close()


@settings(deadline=None, max_examples=5 * settings().max_examples)
@given(query=queries)
def test_a_comparison_is_right_or_refused(door: ApswDoor, query: Query) -> None:
    refused = agree(door, query, dovtab.ArgumentError)
    assert refused is None or " does not compare with it: write strftime" in str(refused)
