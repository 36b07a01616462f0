"""Many tasks, few of them at once, and none in the way while it only waits.

A task is a generator: it works, gives the seconds that it wants to wait, and is
taken up again when they are over. As many threads as there may be requests at once
take whatever is due first.

Source: https://docs.python.org/3/library/heapq.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from math import inf
from threading import Event

from dovtab.engine.account import Account
from dovtab.engine.call import Call
from dovtab.errors import NetworkError

# It gets an event that is set when nobody waits for it any more.
Task = Callable[[Event], Iterator[float]]


def run_all(account: Account, tasks: Iterable[Task]) -> None:
    """Run all of them to their end.

    Raises:
        Interrupted: somebody stopped the statement; every task has been told, and
            ends in its own time.
    """
    waiting: list[tuple[float, int, Task | Iterator[float]]]
    waiting = [(-inf, n, task) for n, task in enumerate(tasks)]
    lock = threading.Lock()

    def work(cancelled: Event) -> None:
        while True:
            with lock:
                if not waiting:
                    return
                due, n, task = heappop(waiting)
            running = task(cancelled) if callable(task) else task
            early = due - account.clock.monotonic()
            if early > 0:
                account.pause(early, cancelled)
            seconds = next(running, None)
            if seconds is not None:
                with lock:
                    heappush(waiting, (account.clock.monotonic() + seconds, n, running))

    calls = [Call(work) for _ in range(min(account.settings.concurrency, len(waiting)))]
    try:
        for call in _started(calls):
            account.wait_for(call)
    finally:
        for call in calls:
            call.release()


def _started(calls: list[Call[None]]) -> list[Call[None]]:
    """As many as the system has threads for; one is enough, it only takes longer."""
    for n, call in enumerate(calls):
        try:
            call.start()
        except NetworkError:
            if n == 0:
                raise
            return calls[:n]
    return calls
