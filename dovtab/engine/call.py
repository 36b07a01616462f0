"""Single-flight: one call in another thread, for all who want its result.

A blocking call inside xFilter would keep SQLite's interrupt waiting until the
server answers. So the slow part runs in a thread, and the thread that belongs to
SQLite looks up often enough to notice an interrupt or Ctrl-C.

Theory of operation. A call is made, started, and done; nothing leads back. One that
cannot be started is done at once, with that error, for whoever has joined it.

===========  ========================  =====================================
state        who moves it              what holds
===========  ========================  =====================================
made         whoever made it           no thread; its maker waits, others may join
started      `start`, once             a thread does it; ``waiting`` are interested
cancelled    the last `release`        nobody waits; `join` refuses; the thread
                                       is told by an event and ends when it can
done         the thread that does it   a result or an error, which stays
===========  ========================  =====================================

Always: everyone who made or joined a call releases it exactly once. Whether it
is cancelled and whether it is done are independent: a call that nobody wants may
still come to its end, and writes down what it did.

A thread does not survive a fork. In a child, a call of the parent counts as done and
takes no lock: who held it is not there. If it was not done, it has no result but an
error.

Source: https://pkg.go.dev/golang.org/x/sync/singleflight
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dovtab.engine.threads import Threads
from dovtab.errors import Interrupted, NetworkError

T = TypeVar("T")

# Short enough that Ctrl-C feels immediate, long enough to cost nothing.
LOOK_UP_SECONDS = 0.05


class Call(Generic[T]):
    """A call under way. It gets an event that is set when nobody waits any more."""

    def __init__(self, call: Callable[[threading.Event], T]) -> None:
        self._call = call
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting = 1
        self._cancelled = threading.Event()
        self._is_done = False
        # Held until it is done: to wait for a lock is to wait for nothing else.
        self._under_way = threading.Lock()
        self._under_way.acquire()
        self.started = False
        self._result: T
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin. Whoever calls this releases it, too, if it does not go well.

        Raises:
            NetworkError: the system has no thread left.
        """
        self.started = True
        try:
            _threads.run(self._run)
        except BaseException as error:
            if isinstance(error, RuntimeError) or _threads.take_back(self._run):
                self.started = False
                self._error = NetworkError(f"no request can be sent: {error}")
                self._end()
                if isinstance(error, RuntimeError):
                    raise self._error from None
            raise

    @property
    def done(self) -> bool:
        """Whether it has ended, or never will."""
        return self._is_done or self._is_orphan()

    def join(self) -> bool:
        """Wait for it too; False when it has been given up already."""
        if self._is_orphan():
            return False
        with self._lock:
            if self._cancelled.is_set():
                return False
            self._waiting += 1
            return True

    def release(self) -> None:
        """Wait for it no longer."""
        if self._is_orphan():
            return
        with self._lock:
            self._waiting -= 1
            if self._waiting == 0:
                self._cancelled.set()

    def result(self, interrupted: Callable[[], bool]) -> T:
        """Wait for the call and give its result, or raise what it raised.

        Raises:
            Interrupted: ``interrupted`` said so first.
            NetworkError: it was under way when this process was forked.
        """
        if interrupted():
            raise Interrupted("interrupted")
        while not self._is_done:
            if self._is_orphan():
                raise NetworkError(
                    "a request was under way when this process was forked, and its answer"
                    " goes to the parent: run the statement again"
                )
            if self._under_way.acquire(timeout=LOOK_UP_SECONDS):
                # For whoever else waits.
                self._under_way.release()
            elif interrupted():
                raise Interrupted("interrupted")
        if self._error is not None:
            raise self._error
        return self._result

    def _is_orphan(self) -> bool:
        return self._process != os.getpid()

    def _run(self) -> None:
        try:
            self._result = self._call(self._cancelled)
        except BaseException as error:
            self._error = error
        finally:
            self._end()

    def _end(self) -> None:
        self._is_done = True
        self._under_way.release()


_threads = Threads()


def _in_child() -> None:
    global _threads
    _threads = Threads()


os.register_at_fork(after_in_child=_in_child)
