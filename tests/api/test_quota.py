"""The quota against a server that counts by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovtab.api.quota import HOUR_REQUESTS, MINUTE_REQUESTS, Quota


@settings(max_examples=20, deadline=None)
@given(
    latency=st.floats(0, 2),
    pauses=st.lists(st.floats(0, 30), max_size=20),
    others=st.integers(0, 4000),
)
def test_a_server_that_counts_never_has_to_refuse(
    latency: float, pauses: list[float], others: int
) -> None:
    """Requests arrive at any moment between their sending and their answer."""
    quota, now, arrived = Quota(), 0.0, []
    for n in range(700):
        while (delay := quota.take(now)) > 0:
            assert delay <= 3600
            now += delay
        arrived.append(now + latency * (n % 3) / 2)
        now += latency
        in_minute = sum(1 for t in arrived if t > now - 60)
        assert in_minute <= MINUTE_REQUESTS
        used = others + sum(1 for t in arrived if t > now - 3600)
        quota.answered(now, limit=HOUR_REQUESTS, remaining=HOUR_REQUESTS - used)
        if n < len(pauses):
            now += pauses[n]


def test_the_limits_are_used_up() -> None:
    """A thousand requests without latency take three minutes, not four."""
    quota, now = Quota(), 0.0
    for _ in range(1000):
        while (delay := quota.take(now)) > 0:
            now += delay
        quota.answered(now)
    assert now == pytest.approx(180, abs=0.01)


def test_the_hour_is_shared_with_others() -> None:
    quota = Quota()
    assert quota.take(0.0) == 0
    quota.answered(0.0, limit=5000, remaining=2)
    assert [quota.take(1.0) for _ in range(2)] == [0, 0]
    # The first of ours leaves the window after an hour; of the others nobody knows, and
    # what is known of them is forgotten before.
    assert quota.take(1.0) == pytest.approx(59, abs=0.01)
    quota.answered(1.0, limit=5000, remaining=1)
    quota.answered(1.0, limit=5000, remaining=0)
    assert quota.take(2.0) == pytest.approx(59, abs=0.01)


def test_an_hour_that_we_have_used_up_ourselves_is_waited_for() -> None:
    quota, now = Quota(), 0.0
    for _ in range(5000):
        while (delay := quota.take(now)) > 0:
            now += delay
        quota.answered(now)
    assert quota.take(now) == pytest.approx(3600 - now, abs=0.01)


@given(
    remaining=st.integers(0, 3),
    ours=st.integers(1, 5),
    later=st.floats(0, 200, allow_nan=False),
)
def test_whoever_waits_as_long_as_he_is_told_need_not_wait_again(
    remaining: int, ours: int, later: float
) -> None:
    """Alone, that is: what others do meanwhile nobody knows."""
    quota = Quota()
    for _ in range(ours):
        assert quota.take(0.0) == 0
    for _ in range(ours):
        quota.answered(0.0, limit=5000, remaining=remaining)
    while (delay := quota.take(later)) == 0:
        pass
    if later <= 60:
        # What is under way may end at any moment.
        assert delay in (pytest.approx(60 - later, abs=0.01), 0.05)


def test_while_one_request_is_refused_no_other_is_sent() -> None:
    quota = Quota()
    assert quota.take(0.0) == 0
    quota.refused(0.0, 5.0)
    quota.refused(1.0, 0.5)
    assert quota.take(2.0) == 3.0
    assert quota.take(5.0) == 0
    # A header that makes no sense keeps nobody away for good.
    quota.refused(5.0, 9e11)
    assert quota.take(6.0) == 59.0


def test_an_hour_used_up_by_others_is_asked_about_again_after_a_minute() -> None:
    quota = Quota()
    assert quota.take(0.0) == 0
    quota.answered(0.0, limit=5000, remaining=0)
    assert quota.take(10.0) == pytest.approx(50, abs=0.01)
    assert quota.take(60.002) == 0


def test_requests_under_way_hold_their_slots() -> None:
    quota = Quota()
    assert all(quota.take(0.0) == 0 for _ in range(MINUTE_REQUESTS))
    assert quota.take(500.0) == 0.05
    quota.answered(500.0, attempts=3)
    assert quota.take(501.0) == pytest.approx(59, abs=0.01)


def test_a_limit_of_nothing_is_not_believed() -> None:
    quota = Quota()
    assert quota.take(0.0) == 0
    quota.answered(0.0, limit=0, remaining=0)
    assert quota.take(1.0) == 0


def test_slots_can_be_left_for_others() -> None:
    quota = Quota()
    while quota.take(0.0, leaving=(50, 0)) == 0:
        pass
    assert [quota.take(0.0) for _ in range(50)] == [0.0] * 50
    assert quota.take(0.0) > 0
    quota = Quota()
    quota.take(0.0)
    quota.answered(0.0, limit=5000, remaining=60)
    taken = 0
    while quota.take(1.0, leaving=(0, 50)) == 0:
        taken += 1
    assert taken == 10
