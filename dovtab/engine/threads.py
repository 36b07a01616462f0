"""The threads that do calls: kept for a moment, since another call often follows.

To start a thread takes longer than to wake one, and what a join asks for is small.

Theory of operation. Work is pending until a thread takes it. A thread is one of these:

=======  ==========================  =================================================
state    who moves it here           what holds
=======  ==========================  =================================================
busy     itself, by taking work      it waits for nobody here
idle     itself, if none is pending  its baton is in the list, and held
woken    `run`                       its baton is out of the list, and free or about
                                     to be: it looks for work
ended    itself, after IDLE_SECONDS  it was in the list till then, so nobody counts on it
=======  ==========================  =================================================

Always: for each work that is pending, a thread is woken or being started. Work never
waits for other work to be done, which might wait for it. Ctrl-C may come between any
two steps of `run`: a thread that was taken out of the list and not woken looks by
itself, when its time is over, and whoever was interrupted takes his work back. A
woken thread that finds nothing is idle again.

A signal is for the program's own thread: in a program that is not Python's, such as a
database server, its handler may be fit for no other.

They are daemons: the program may end while a server is still thinking. None survives
a fork: a child begins with no thread and no work.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable

# Longer than it takes to use what an answer has brought; nothing is held by an idle thread.
IDLE_SECONDS = 0.05

Work = Callable[[], None]

# What a thread does wrong comes to itself. Windows sends no signals.
_OWN_FAULTS = {"SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP"}
_OTHERS_SIGNALS = {s for s in signal.Signals if s.name not in _OWN_FAULTS}


class Threads:
    """As many as there is work at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: deque[Work] = deque()
        self._idle: list[threading.Lock] = []

    def run(self, work: Work) -> None:
        """Let a thread do this, which raises nothing, at once.

        Raises:
            RuntimeError: the system has no thread left, and it will not be done.
        """
        with self._lock:
            self._pending.append(work)
            baton = self._idle.pop() if self._idle else None
        if baton is not None:
            baton.release()
            return
        thread = threading.Thread(target=self._work, name="dovtab request", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # Or somebody who became free has taken it.
            if self.take_back(work):
                raise

    def take_back(self, work: Work) -> bool:
        """Let nobody do this; False: somebody does it, or has done it."""
        with self._lock:
            if work not in self._pending:
                return False
            self._pending.remove(work)
            return True

    def _work(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, _OTHERS_SIGNALS)
        baton = threading.Lock()
        baton.acquire()
        while True:
            with self._lock:
                work = self._pending.popleft() if self._pending else None
                if work is None:
                    self._idle.append(baton)
            if work is not None:
                work()
                continue
            woken = baton.acquire(timeout=IDLE_SECONDS)
            with self._lock:
                if baton in self._idle:
                    self._idle.remove(baton)
                    if not woken and not self._pending:
                        return
