"""Threads are kept for the work that follows, and never keep it waiting."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial

import pytest

from dovtab.engine.call import Call
from dovtab.engine.threads import Threads

SOON = 5.0


@pytest.fixture
def threads() -> Threads:
    return Threads()


def done(threads: Threads, work: Callable[[], None]) -> threading.Thread:
    """Wait until some thread has done this; gives which."""
    by: list[threading.Thread] = []
    ended = threading.Event()

    def noted() -> None:
        work()
        by.append(threading.current_thread())
        ended.set()

    threads.run(noted)
    assert ended.wait(SOON)
    return by[0]


def nothing() -> None:
    pass


def test_a_thread_that_is_free_does_what_comes_next(threads: Threads) -> None:
    deadline = time.monotonic() + SOON
    last = done(threads, nothing)
    # It may be not quite free yet when the next comes.
    while (next_one := done(threads, nothing)) is not last:
        assert time.monotonic() < deadline
        last = next_one


def test_a_thread_takes_no_signal_of_the_program_s(threads: Threads) -> None:
    """But for what it does wrong itself."""
    blocked: list[set[int]] = []
    done(threads, lambda: blocked.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, []))))
    assert blocked[0] > {signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1}
    assert signal.SIGSEGV not in blocked[0]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_work_that_waits_for_other_work_does_not_keep_it_from_being_done(
    threads: Threads,
) -> None:
    done(threads, nothing)
    events = [threading.Event() for _ in range(20)]

    def after_the_next(number: int) -> None:
        if all(event.wait(SOON) for event in events[number + 1 : number + 2]):
            events[number].set()

    for number in range(len(events)):
        threads.run(partial(after_the_next, number))
    assert events[0].wait(SOON)


def test_all_of_it_is_done_whoever_brings_it(threads: Threads) -> None:
    count = threading.Semaphore(0)

    def bring() -> None:
        for _ in range(100):
            threads.run(lambda: count.release())

    several = [threading.Thread(target=bring) for _ in range(4)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert all(count.acquire(timeout=SOON) for _ in range(400))


def test_they_end_when_nothing_follows(threads: Threads) -> None:
    done(threads, nothing)
    deadline = time.monotonic() + SOON
    while any(thread.name == "dovtab request" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    done(threads, nothing)


def test_what_it_brought_is_not_kept_by_a_thread_that_is_free(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Brought:
        pass

    monkeypatch.setattr("dovtab.engine.threads.IDLE_SECONDS", 0.5)
    brought = Brought()
    gone = weakref.ref(brought)
    by = done(threads, lambda held=brought: None)  # type: ignore[misc]
    del brought
    deadline = time.monotonic() + SOON
    while gone() is not None:
        gc.collect()
        assert time.monotonic() < deadline
    assert done(threads, nothing) is by


def test_without_a_thread_left_it_is_not_done(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done_by: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError):
        threads.run(lambda: done_by.append("nobody"))
    monkeypatch.setattr(threading.Thread, "start", start)
    done(threads, nothing)
    assert done_by == []


def test_control_c_while_it_begins_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    start, done_by = threading.Thread.start, []

    def pressed(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    call = Call(lambda cancelled: done_by.append("somebody"))
    monkeypatch.setattr(threading.Thread, "start", pressed)
    with pytest.raises(KeyboardInterrupt):
        call.start()
    monkeypatch.setattr(threading.Thread, "start", start)
    assert (call.started, call.done) == (False, True)
    other: Call[int] = Call(lambda cancelled: 7)
    other.start()
    assert other.result(lambda: False) == 7
    assert done_by == []


def test_what_is_done_already_cannot_be_taken_back(threads: Threads) -> None:
    done(threads, nothing)
    assert not threads.take_back(nothing)


FORK = """
import os, sys
from dovtab.engine.call import Call
before = Call(lambda cancelled: 7)
before.start()
assert before.result(lambda: False) == 7
child = os.fork()
call = Call(lambda cancelled: 8)
call.start()
looks = iter([False] * 100)
assert call.result(lambda: next(looks)) == 8
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_threads_of_its_own() -> None:
    """The parent's one is free, and is not there."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
