"""Waiting for something slow without becoming deaf.

A blocking call inside xFilter would keep SQLite's interrupt waiting until the
server answers. So the slow part runs in a thread of its own, and the thread
that belongs to SQLite looks up often enough to notice an interrupt or Ctrl-C.
Whoever leaves tells the slow part, which then sends nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dovtab.errors import Interrupted

T = TypeVar("T")

# Short enough that Ctrl-C feels immediate, long enough to cost nothing.
LOOK_UP_SECONDS = 0.05


class Flight(Generic[T]):
    """A call under way. It gets an event that is set when nobody waits any more."""

    def __init__(self, call: Callable[[threading.Event], T]) -> None:
        self._call = call
        self._cancelled = threading.Event()
        self._landed = threading.Event()
        self._result: T
        self._error: BaseException | None = None
        # A daemon: the program may end while a server is still thinking.
        threading.Thread(target=self._run, name="dovtab request", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._call(self._cancelled)
        except BaseException as error:
            self._error = error
        finally:
            self._landed.set()

    def result(self, interrupted: Callable[[], bool]) -> T:
        """Wait for the call and give its result, or raise what it raised.

        Raises:
            Interrupted: ``interrupted`` said so first.
        """
        try:
            while not self._landed.wait(LOOK_UP_SECONDS):
                if interrupted():
                    raise Interrupted("interrupted")
        except BaseException:
            self._cancelled.set()
            raise
        if self._error is not None:
            raise self._error
        return self._result
