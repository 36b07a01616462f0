"""Whole queries, over the table and over an ordinary table with the same rows."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import apsw
import pytest
from hypothesis import HealthCheck, given, settings

from by_property.doors import ApswDoor
from by_property.whole_queries import ASKED_TOGETHER, account, agree, prepare, queries
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock
from shared_clock import SharedClock


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


FAULTS = ("status", "close", "truncated", "lost_after_effect")


@pytest.fixture(scope="module", params=["nothing kept", "answers kept", "faults"])
def prepared(request: pytest.FixtureRequest) -> Iterator[tuple[ApswDoor, ApswDoor]]:
    """Two connections with ``droplet_actions`` and, with the same rows, ``ordinary``."""
    clock = ManualClock(start=1_795_000_000.0)
    with account(clock) as simulator:
        given = {"token": "simulator", "api_url": simulator.url, "max_requests": 100_000}
        given["max_wait_seconds"] = 86_400  # Nobody waits: the clock is turned by hand.
        given["cache_seconds"] = 5 if request.param == "answers kept" else 0
        shared_clock = SharedClock(clock)
        doors = ApswDoor(apsw.Connection(":memory:")), ApswDoor(apsw.Connection(":memory:"))
        for door in doors:
            attach(door.db, resolve(dict(given), os.getenv), shared_clock)
            prepare(door, simulator)
        if request.param == "faults":
            for kind in FAULTS:
                # Few enough that the fourth attempt is as good as certain to go well.
                simulator.fault(Fault(kind=kind, status=503, probability=0.006, times=None))
        yield doors
        for door in doors:
            door.close()


@pytest.fixture
def both(prepared: tuple[ApswDoor, ApswDoor]) -> ApswDoor:
    return prepared[0]


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sql=queries)
def test_a_query_gives_the_rows_of_an_ordinary_table(both: ApswDoor, sql: str) -> None:
    agree(both, sql)


def test_two_threads_with_a_connection_each_do_not_disturb_each_other(
    prepared: tuple[ApswDoor, ApswDoor],
) -> None:
    """They share the client, the cache and the quota."""
    failures: list[BaseException] = []

    def ask(door: ApswDoor, asked: list[str]) -> None:
        try:
            for sql in asked:
                agree(door, sql)
        except BaseException as error:
            failures.append(error)

    halves = zip(prepared, (ASKED_TOGETHER * 3, ASKED_TOGETHER[::-1] * 3), strict=True)
    threads = [threading.Thread(target=ask, args=half) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
