"""Waiting for something slow without becoming deaf.

A blocking call inside xFilter would keep SQLite's interrupt waiting until the
server answers. So the slow part runs in a thread of its own, and the thread
that belongs to SQLite looks up often enough to notice an interrupt or Ctrl-C.
Several may wait for one flight; when the last of them leaves, the slow part
learns that nobody wants it any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dovtab.errors import Interrupted, NetworkError

T = TypeVar("T")

# Short enough that Ctrl-C feels immediate, long enough to cost nothing.
LOOK_UP_SECONDS = 0.05


class Flight(Generic[T]):
    """A call under way. It gets an event that is set when nobody waits any more."""

    def __init__(self, call: Callable[[threading.Event], T]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._waiting = 1
        self._cancelled = threading.Event()
        self._landed = threading.Event()
        self.started = False
        self._result: T
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin. Whoever calls this leaves, too, if it does not go well.

        Raises:
            NetworkError: the system has no thread left.
        """
        # A daemon: the program may end while a server is still thinking.
        thread = threading.Thread(target=self._run, name="dovtab request", daemon=True)
        self.started = True
        try:
            thread.start()
        except RuntimeError as error:
            self.started = False
            raise NetworkError(f"no request can be sent: {error}") from None

    @property
    def landed(self) -> bool:
        """Whether the call has ended."""
        return self._landed.is_set()

    def join(self) -> bool:
        """Wait for it too; False when it has been given up already."""
        with self._lock:
            if self._cancelled.is_set():
                return False
            self._waiting += 1
            return True

    def leave(self) -> None:
        """Wait for it no longer. Every one who joined leaves once."""
        with self._lock:
            self._waiting -= 1
            if self._waiting == 0:
                self._cancelled.set()

    def result(self, interrupted: Callable[[], bool]) -> T:
        """Wait for the call and give its result, or raise what it raised.

        Raises:
            Interrupted: ``interrupted`` said so first.
        """
        if interrupted():
            raise Interrupted("interrupted")
        while not self._landed.wait(LOOK_UP_SECONDS):
            if interrupted():
                raise Interrupted("interrupted")
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._call(self._cancelled)
        except BaseException as error:
            self._error = error
        finally:
            self._landed.set()
