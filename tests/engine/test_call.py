"""One call for all who want it: given up when nobody does, and done for good."""

from __future__ import annotations

import threading

import pytest

from dovtab.engine.call import Call
from dovtab.errors import Interrupted, NetworkError


def never() -> bool:
    return False


def test_all_who_wait_get_the_same() -> None:
    go = threading.Event()
    call: Call[object] = Call(lambda cancelled: (go.wait(), object())[1])
    call.start()
    assert call.join()
    assert not call.done
    go.set()
    first = call.result(never)
    assert call.done
    assert call.result(never) is first


def test_what_it_raises_everybody_gets() -> None:
    def fail(cancelled: threading.Event) -> None:
        raise ZeroDivisionError

    call = Call(fail)
    call.start()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            call.result(never)


def test_it_is_given_up_when_the_last_lets_go_and_not_before() -> None:
    call: Call[bool] = Call(lambda cancelled: cancelled.wait())
    call.start()
    assert call.join()
    call.release()
    assert call.join()
    call.release()
    assert not call.done
    call.release()
    assert call.result(never) is True
    assert not call.join()


def test_whoever_is_interrupted_does_not_stop_the_others() -> None:
    go = threading.Event()
    call: Call[int] = Call(lambda cancelled: 7 if go.wait() and not cancelled.is_set() else 0)
    call.start()
    assert call.join()
    with pytest.raises(Interrupted):
        call.result(lambda: True)
    call.release()
    go.set()
    assert call.result(never) == 7


def test_whoever_joined_one_that_cannot_be_started_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others may join before the thread is there, and then it never is."""

    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    call: Call[int] = Call(lambda cancelled: 7)
    assert call.join()
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(NetworkError, match="no request can be sent"):
        call.start()
    assert call.done
    looks = iter([False] * 5)  # More than that would be waiting.
    with pytest.raises(NetworkError, match="no request can be sent"):
        call.result(lambda: next(looks))
