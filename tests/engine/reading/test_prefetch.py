"""Prefetching: few at a time, each wanted or given up, and none where predictions are wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dovtab.engine.reading.prefetch import (
    FIRST_PREFETCHES,
    MOST_FRUITLESS,
    SOON_PREFETCHES,
    UNWANTED,
    Key,
    Prefetch,
    Send,
)


class Request:
    """Stands for a request that is on its way, and knows whether it has been given up."""

    def __init__(self) -> None:
        self.done = False
        self.released = 0

    def release(self) -> None:
        self.released += 1


def key(n: int) -> Key:
    return "account", "droplet_actions", f"/v2/droplets/{n}/actions"


def found(numbers: list[int]) -> dict[Key, Send]:
    return {key(n): lambda: True for n in numbers}


def send(prefetch: Prefetch, most: int) -> list[Request]:
    """Send as much as there is to send."""
    sent: list[Request] = []
    while (following := prefetch.next(most)) is not None:
        sent.append(Request())
        prefetch.sent(following[0], sent[-1])
    return sent


numbers = st.lists(st.integers(1, 40), max_size=40)


@given(
    wanted=st.lists(st.integers(1, 40), max_size=60),
    runs=st.lists(numbers, min_size=1, max_size=8),
    most=st.integers(1, 64),
    arriving=st.integers(1, 5),
)
def test_each_is_wanted_or_given_up_and_nothing_is_sent_twice(
    wanted: list[int], runs: list[list[int]], most: int, arriving: int
) -> None:
    """Whatever is wanted, and whatever the speculative runs say of it."""
    prefetch = Prefetch()
    sent: list[Request] = []
    taken = ran = 0
    asked: set[Key] = set()
    for turn, n in enumerate(wanted):
        name = key(n)
        if prefetch.is_outstanding(name):
            prefetch.take(name)
            taken += 1
        elif prefetch.missed(name) and prefetch.should_predict:
            prefetch.predicted(found(runs[ran % len(runs)]))
            ran += 1
        asked.add(name)
        new = send(prefetch, most)
        assert not any(prefetch.is_outstanding(k) for k in asked)
        sent += new
        on_their_way = [one for one in sent if not (one.done or one.released)]
        assert len(on_their_way) - taken < most
        assert prefetch.outstanding == len(sent) - taken - sum(one.released for one in sent)
        for one in sent[:: arriving + turn % 2]:
            one.done = True
    assert prefetch.asked == len(asked)
    prefetch.end()
    assert prefetch.outstanding == 0
    assert prefetch.next(most) is None
    assert sum(one.released for one in sent) == len(sent) - taken
    assert max((one.released for one in sent), default=0) <= 1


def test_the_first_request_is_no_pattern_and_few_follow_the_second() -> None:
    prefetch = Prefetch()
    assert prefetch.missed(key(1))
    assert not prefetch.should_predict
    assert prefetch.missed(key(2))
    assert prefetch.should_predict
    prefetch.predicted(found([2, *range(3, 40)]))
    assert len(send(prefetch, 16)) == FIRST_PREFETCHES
    prefetch.take(key(3))
    assert len(send(prefetch, 16)) == 2  # one for the one that was wanted, one for being right


def test_concurrency_counts_the_wanted_one_too() -> None:
    prefetch = Prefetch()
    prefetch.will_want(found(list(range(1, 40))))
    assert len(send(prefetch, 4)) == 3
    assert send(prefetch, 1) == []


def test_what_a_run_no_longer_finds_is_given_up() -> None:
    prefetch = Prefetch()
    for n in (1, 2):
        prefetch.missed(key(n))
    prefetch.predicted(found([2, 3, 4]))
    three, four = send(prefetch, 16)
    prefetch.missed(key(9))
    prefetch.predicted(found([9, 4, 10]))
    assert (three.released, four.released) == (1, 0)


def test_runs_that_bring_nothing_come_to_an_end() -> None:
    """Nothing new is found, the wanted one is not, or what was found is not wanted."""
    for outcome in ([], [5, 6, 7], None):
        prefetch, runs = Prefetch(), 0
        for n in range(100, 200):
            prefetch.missed(key(n))
            if prefetch.should_predict:
                runs += 1
                prefetch.predicted(found([n, 7 * n] if outcome is None else outcome))
                send(prefetch, 16)
        assert runs <= MOST_FRUITLESS + 1


@given(
    wanted=st.lists(st.booleans(), min_size=100, max_size=300),
    most=st.integers(2, 64),
    arriving=st.integers(1, 5),
)
def test_few_are_sent_that_nobody_wants(wanted: list[bool], most: int, arriving: int) -> None:
    """Of what was predicted in one order the statement wants some, in that order."""
    prefetch, sent = Prefetch(), 0
    for n in (1, 2):
        prefetch.missed(key(n))
    prefetch.predicted(found([2, *range(10, 10 + len(wanted))]))
    waiting: list[Request] = []
    for turn, n in enumerate(n for n, is_wanted in enumerate(wanted, 10) if is_wanted):
        hit = prefetch.is_outstanding(key(n))
        prefetch.take(key(n)) if hit else prefetch.missed(key(n))
        waiting += (new := send(prefetch, most))
        sent += len(new)
        for one in waiting[:: arriving + turn % 2]:
            one.done = True
        if prefetch.next(most) is None and all(one.done for one in waiting) and not hit:
            break
    # As many as may be outstanding, and no more: then it is seen that they are wrong.
    assert prefetch.outstanding <= UNWANTED * max(SOON_PREFETCHES, most)
    if not any(wanted[1::2]) and sum(wanted[::2]) > 40:
        assert prefetch.outstanding <= 25


def test_what_is_wrong_time_and_again_is_not_tried_again() -> None:
    """coalesce((SELECT ... of one), (SELECT ... of another)): the other is never asked for."""
    prefetch = Prefetch()
    prefetch.missed(key(0))
    prefetch.missed(key(1))
    both = [n for i in range(1, 300) for n in (i, 1000 + i)]
    prefetch.predicted(found(both))
    sent = send(prefetch, 16)
    for n in range(2, 300):
        prefetch.take(key(n)) if prefetch.is_outstanding(key(n)) else prefetch.missed(key(n))
        for one in sent:
            one.done = True
        sent += send(prefetch, 16)
    assert not prefetch.should_predict
    assert prefetch.outstanding < 20


def test_what_was_wrong_stays_wrong() -> None:
    """Though what was passed over is wanted after all: the order is not what it was said to be."""
    prefetch = Prefetch()
    for n in (0, 1):
        prefetch.missed(key(n))
    prefetch.predicted(found([1, *range(2, 60)]))
    sent = send(prefetch, 16)
    assert len(sent) == FIRST_PREFETCHES
    for n in (8, 7, 6, 5, 4, 3, 2):
        prefetch.take(key(n))
    assert send(prefetch, 16) == []
    assert not prefetch.should_predict


def test_what_comes_later_than_it_was_to_come_is_forgiven() -> None:
    prefetch = Prefetch()
    for n in (0, 1):
        prefetch.missed(key(n))
    prefetch.predicted(found([1, *range(2, 60)]))
    sent = send(prefetch, 16)
    for pair in range(2, 58, 2):
        for n in (pair + 1, pair):
            prefetch.take(key(n)) if prefetch.is_outstanding(key(n)) else prefetch.missed(
                key(n)
            )
            for one in sent:
                one.done = True
            sent += send(prefetch, 16)
    assert len(sent) > 50
