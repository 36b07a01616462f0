"""Random queries that use pages: the rows of an ordinary table, or a refusal, never others."""

from __future__ import annotations

import os
from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given, settings

import dovtab
from by_property.doors import ApswDoor
from by_property.page_queries import account, agree, prepare, queries
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import ManualClock
from shared_clock import SharedClock
from thoroughness import examples


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


@pytest.fixture(scope="module")
def door() -> Iterator[ApswDoor]:
    clock = ManualClock(start=1_795_000_000.0)
    with account(clock) as simulator:
        connection = apsw.Connection(":memory:")
        given = {"token": "simulator", "api_url": simulator.url, "max_requests": 10_000}
        attach(connection, resolve(given, os.getenv), SharedClock(clock))
        prepare(ApswDoor(connection), simulator)
        yield ApswDoor(connection)
        connection.close(True)


@settings(max_examples=examples(400), deadline=None)
@given(asked=queries)
def test_a_query_with_pages_gives_what_it_means_or_is_refused(
    door: ApswDoor, asked: tuple[str, str]
) -> None:
    agree(door, asked, dovtab.ArgumentError)
