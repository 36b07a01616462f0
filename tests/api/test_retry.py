"""When a request goes again, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.rate_limit import WINDOW_SECONDS, rate_limit_delay
from dovtab.api.retry import Failure, RetryPolicy, retry_delay

attempts, jitters = st.integers(1, 50), st.floats(0, 1, exclude_max=True)


@given(attempts, st.sampled_from(Failure), jitters)
def test_what_may_have_run_and_must_not_run_twice_never_goes_again(
    attempt: int, failure: Failure, jitter: float
) -> None:
    delay = retry_delay(RetryPolicy(), attempt, failure, repeatable=False, jitter=jitter)
    assert delay is None or failure is Failure.NOT_SENT


@given(attempts, st.sampled_from(Failure), jitters, st.booleans())
def test_there_is_an_end_to_it(
    attempt: int, failure: Failure, jitter: float, repeatable: bool
) -> None:
    policy = RetryPolicy(attempts=4, base=0.5, cap=8)
    delay = retry_delay(policy, attempt, failure, repeatable=repeatable, jitter=jitter)
    if attempt >= 4:
        assert delay is None
    if delay is not None:
        assert 0.5 * 2 ** (attempt - 1) / 2 <= delay <= min(8, 0.5 * 2 ** (attempt - 1))


header = st.none() | st.text(max_size=8) | st.floats().map(str) | st.integers().map(str)


def test_a_server_that_says_now_and_refuses_again_is_asked_less_and_less() -> None:
    delays = [rate_limit_delay({"retry-after": "0"}, now=0, attempt=n) for n in range(1, 20)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    # Within two minutes, the patience that there is, twenty times at most.
    assert sum(delays[:20]) > 80
    assert rate_limit_delay({"retry-after": "29"}, now=0, attempt=9) == 29


@given(header, header, st.floats(0, 2e9), st.integers(1, 100))
def test_no_header_makes_the_wait_negative_or_endless(
    retry_after: str | None, reset: str | None, now: float, attempt: int
) -> None:
    given_headers = {"retry-after": retry_after, "ratelimit-reset": reset}
    headers = {name: text for name, text in given_headers.items() if text is not None}
    delay = rate_limit_delay(headers, now=now, attempt=attempt)
    assert 0 < delay < 1e12
    if retry_after is None:
        assert delay <= WINDOW_SECONDS


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "0"}, 0.1),
        ({"retry-after": "12", "ratelimit-reset": "1900"}, 12),
        ({"retry-after": "soon", "ratelimit-reset": "1900"}, 900),
        ({"ratelimit-reset": "4601"}, 2),
        ({"ratelimit-reset": "999"}, 2),
        ({}, 2),
    ],
)
def test_the_first_header_that_makes_sense_counts(
    headers: dict[str, str], seconds: float
) -> None:
    assert rate_limit_delay(headers, now=1000, attempt=1) == seconds
