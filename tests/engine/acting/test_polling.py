"""When to ask again, and what the answers come to."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dovtab
from dovtab.engine.acting.polling import (
    LONGEST_PAUSE,
    MOST_FAILURES,
    UNSEEN_SECONDS,
    End,
    Polling,
)

OPEN, DONE = {"id": 7, "status": "in-progress"}, {"id": 7, "status": "completed"}


def has_ended(action: dict[str, Any]) -> bool:
    return bool(action["status"] != "in-progress")


def status(number: int) -> dovtab.APIError:
    return dovtab.APIError(f"GET: {number}", status=number)


ANSWERS: dict[str, Any] = {
    "open": OPEN,
    "done": DONE,
    "absent": None,
    "too often": status(429),
    "broken": status(500),
    "lost": dovtab.NetworkError("lost"),
    "forbidden": status(403),
    "wrong": dovtab.AnswerError("wrong"),
}
PASSING = ("broken", "lost")


def model(said: list[tuple[str, float]], seconds: float) -> str | None:
    """The end that a list of answers and moments has come to, looked at as a whole."""
    words = [word for word, _ in said]
    word, waited = said[-1]
    if word == "done":
        return "ended"
    if word in ("forbidden", "wrong"):
        return "failed"
    # A refusal of the rate limit says nothing at all.
    telling = [w for w in words if w != "too often"]
    if word in PASSING and len(telling) >= 4 and all(w in PASSING for w in telling[-4:]):
        return "failed"
    if word == "absent" and "open" not in words and waited >= min(5.0, seconds):
        return "missing"
    return "timeout" if waited >= seconds else None


@given(
    script=st.lists(
        st.tuples(
            st.sampled_from([*ANSWERS, "open", "absent", "too often", "broken"]),
            st.sampled_from([0.0, 0.3, 4.0]),
            st.floats(0, 1, exclude_max=True),
        ),
        max_size=30,
    ),
    seconds=st.sampled_from([0.0, 1.0, 4.9, 5.0, 20.0, 600.0]),
)
def test_what_polls_come_to_is_what_their_answers_say(
    script: list[tuple[str, float, float]], seconds: float
) -> None:
    polling = Polling(seconds, has_ended)
    said: list[tuple[str, float]] = []
    waited = 0.0
    for word, taken, jitter in script:
        waited += taken
        said.append((word, waited))
        next = polling.take(ANSWERS[word], waited, jitter)
        expected = model(said, seconds)
        if expected is not None:
            assert isinstance(next, End)
            assert next.kind == expected
            assert next.action == (DONE if expected == "ended" else None)
            is_error = isinstance(ANSWERS[word], dovtab.DovtabError)
            assert next.error == (ANSWERS[word] if is_error else None)
            return
        assert isinstance(next, float)
        # Never past the time that is left, and never at once.
        assert 0 < next <= seconds - waited
        assert next <= LONGEST_PAUSE * 1.25
        waited += next


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_pauses_grow_from_one_second_to_fifteen(jitter: float) -> None:
    polling = Polling(math.inf, has_ended)
    pauses = [polling.take(OPEN, 0.0, jitter) for _ in range(12)]
    drawn = 0.75 + jitter / 2
    middle = [pause / drawn for pause in pauses if isinstance(pause, float)]
    assert middle[:4] == pytest.approx([1, 1.5, 2.25, 3.375])
    assert middle[-3:] == pytest.approx([15, 15, 15])
    assert middle == sorted(middle)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 7.0, 100.0])
def test_it_is_over_at_the_second(seconds: float) -> None:
    polling, waited = Polling(seconds, has_ended), 0.0
    while isinstance(next := polling.take(OPEN, waited, 0.9), float):
        waited += next
    assert next == End("timeout")
    assert waited == pytest.approx(seconds)


def test_a_refusal_of_the_rate_limit_is_not_having_seen_it() -> None:
    """Or an action that is not there would be waited for until the time is over."""
    polling = Polling(600, has_ended)
    assert isinstance(polling.take(status(429), 0, 0.5), float)
    assert polling.take(None, UNSEEN_SECONDS, 0.5) == End("missing")


def test_what_was_seen_once_is_not_missing() -> None:
    polling = Polling(600, has_ended)
    polling.take(OPEN, 0, 0.5)
    assert isinstance(polling.take(None, 60, 0.5), float)
    assert polling.take(DONE, 90, 0.5) == End("ended", DONE)


def test_failures_that_are_not_in_a_row_are_borne() -> None:
    polling, error = Polling(600, has_ended), status(502)
    for _ in range(5):
        for _ in range(MOST_FAILURES - 1):
            assert isinstance(polling.take(error, 1, 0.5), float)
        assert isinstance(polling.take(OPEN, 1, 0.5), float)
    for _ in range(MOST_FAILURES - 1):
        polling.take(error, 1, 0.5)
    assert polling.take(error, 1, 0.5) == End("failed", error=error)
