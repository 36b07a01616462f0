"""Many tasks on few threads: each is run to its end, and none is in another's way."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovtab.api.settings import resolve
from dovtab.engine.account import Account
from dovtab.engine.acting.schedule import Task, run_all
from dovtab.errors import Interrupted
from dovtab.simulator import ManualClock
from shared_clock import SharedClock


def account(
    concurrency: int,
    interrupted: Callable[[], bool] = lambda: False,
    clock: SharedClock | None = None,
) -> Account:
    given = {"token": "t", "api_url": "http://127.0.0.1:9", "concurrency": concurrency}
    return Account(resolve(given, os.getenv), interrupted, clock)


@settings(max_examples=30, deadline=None)
@given(
    waits=st.lists(st.lists(st.floats(0, 100), max_size=5), max_size=40),
    concurrency=st.sampled_from([1, 2, 16]),
)
def test_every_task_is_run_to_its_end_and_by_one_thread_at_a_time(
    waits: list[list[float]], concurrency: int
) -> None:
    steps: Counter[int] = Counter()
    in_step: set[int] = set()
    threads: set[int] = set()

    def task(number: int) -> Task:
        def run(cancelled: Event) -> Iterator[float]:
            for seconds in [*waits[number], None]:
                assert number not in in_step
                in_step.add(number)
                threads.add(threading.get_ident())
                steps[number] += 1
                in_step.remove(number)
                if seconds is not None:
                    yield seconds
            assert not cancelled.is_set()

        return run

    clock = SharedClock(ManualClock())
    run_all(account(concurrency, clock=clock), [task(n) for n in range(len(waits))])
    assert steps == {n: len(its) + 1 for n, its in enumerate(waits)}
    assert len(threads) <= concurrency


def test_with_one_thread_they_are_taken_up_as_they_are_due() -> None:
    ran: list[tuple[str, float]] = []
    clock = SharedClock(ManualClock(start=0.0))

    def task(name: str, *waits: float) -> Task:
        def run(cancelled: Event) -> Iterator[float]:
            for seconds in waits:
                ran.append((name, clock.monotonic()))
                yield seconds
            ran.append((name, clock.monotonic()))

        return run

    run_all(account(1, clock=clock), [task("a", 10, 10), task("b", 3, 3, 3), task("c")])
    assert ran == [
        *(("a", 0), ("b", 0), ("c", 0)),
        *(("b", 3), ("b", 6), ("b", 9), ("a", 10), ("a", 20)),
    ]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_whoever_waits_is_in_nobody_s_way(concurrency: int) -> None:
    """Forty that wait three times take as long as one of them, not as ten."""
    first_steps: list[None] = []
    second_steps_seen: list[int] = []

    def task(cancelled: Event) -> Iterator[float]:
        first_steps.append(None)
        yield 0.2
        second_steps_seen.append(len(first_steps))
        yield 0.1
        yield 0.1

    began = time.monotonic()
    run_all(account(concurrency), [task] * 40)
    took = time.monotonic() - began
    assert set(second_steps_seen) == {40}
    assert 0.4 <= took < 3.5


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_interrupt_tells_every_task_and_each_comes_to_its_end(concurrency: int) -> None:
    """Those that were never begun too: somebody has to write down that they were not."""
    stop = Event()
    told: list[bool] = []

    def task(cancelled: Event) -> Iterator[float]:
        if not cancelled.is_set():
            yield 0.0
            stop.set()
            yield 3600.0
        told.append(cancelled.is_set())

    began = time.monotonic()
    with pytest.raises(Interrupted):
        run_all(account(concurrency, stop.is_set), [task] * 20)
    while len(told) < 20:
        assert time.monotonic() - began < 5
        time.sleep(0.005)
    assert all(told)


def test_none_is_begun_for_a_statement_that_was_stopped_before() -> None:
    begun: list[bool] = []

    def task(cancelled: Event) -> Iterator[float]:
        begun.append(cancelled.wait(5))
        yield from ()

    with pytest.raises(Interrupted):
        run_all(account(4, lambda: True), [task] * 9)
    deadline = time.monotonic() + 5
    while len(begun) < 9:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert begun == [True] * 9


def test_no_tasks_take_no_thread() -> None:
    run_all(account(4), [])
    assert all(t.name != "dovtab request" for t in threading.enumerate())
