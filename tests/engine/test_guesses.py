"""Guesses: few at a time, each wanted or given up, and none where they are wrong."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.exchange import Request
from dovtab.engine.flight import Flight
from dovtab.engine.look_ahead import FIRST_GUESSES, VAIN_LOOKS, Expected, Key, LookAhead
from dovtab.engine.source import Coming
from dovtab.resources import DROPLET_ACTIONS

REQUEST = Request(DROPLET_ACTIONS.account_list)


class Guess:
    """Stands for a flight, and knows whether it has been given up."""

    def __init__(self) -> None:
        self.landed = False
        self.left = 0

    def leave(self) -> None:
        self.left += 1


def key(n: int) -> Key:
    return "account", f"/v2/droplets/{n}/actions"


def seen(numbers: list[int]) -> dict[Key, Expected]:
    return {key(n): cast("Expected", (None, REQUEST)) for n in numbers}


def send(ahead: LookAhead, most: int) -> list[Guess]:
    """Guess as much as there is to guess."""
    sent = []
    while (guess := ahead.next(most)) is not None:
        sent.append(Guess())
        flight = cast("Flight[None]", sent[-1])
        ahead.guessed(guess[0], Coming(REQUEST, flight=flight, guessed=0))
    return sent


numbers = st.lists(st.integers(1, 40), max_size=40)


@given(
    wanted=st.lists(st.integers(1, 40), max_size=60),
    looks=st.lists(numbers, min_size=1, max_size=8),
    most=st.integers(1, 64),
    landing=st.integers(1, 5),
)
def test_every_guess_is_wanted_or_given_up_and_nothing_is_guessed_twice(
    wanted: list[int], looks: list[list[int]], most: int, landing: int
) -> None:
    """Whatever is wanted, and whatever the looks say of it."""
    ahead = LookAhead()
    sent: list[Guess] = []
    taken = looked = 0
    asked: set[Key] = set()
    for turn, n in enumerate(wanted):
        name = key(n)
        if ahead.guess_for(name) is not None:
            ahead.take(name)
            taken += 1
        elif ahead.is_surprised_by(name) and ahead.is_worth_a_look:
            ahead.expect(seen(looks[looked % len(looks)]))
            looked += 1
        asked.add(name)
        new = send(ahead, most)
        assert not any(ahead.guess_for(k) for k in asked)
        sent += new
        in_the_air = [g for g in sent if not g.landed and not g.left]
        assert len(in_the_air) - taken < most
        assert ahead.open == len(sent) - taken - sum(g.left for g in sent)
        for guess in sent[:: landing + turn % 2]:
            guess.landed = True
    assert ahead.asked == len(asked)
    ahead.end()
    assert ahead.open == 0
    assert ahead.next(most) is None
    assert sum(guess.left for guess in sent) == len(sent) - taken
    assert max((guess.left for guess in sent), default=0) <= 1


def test_the_first_request_is_no_pattern_and_few_follow_the_second() -> None:
    ahead = LookAhead()
    assert ahead.is_surprised_by(key(1))
    assert not ahead.is_worth_a_look
    assert ahead.is_surprised_by(key(2))
    assert ahead.is_worth_a_look
    ahead.expect(seen([2, *range(3, 40)]))
    assert len(send(ahead, 16)) == FIRST_GUESSES
    ahead.take(key(3))
    assert len(send(ahead, 16)) == 2  # one for the one that was wanted, one for being right


def test_concurrency_counts_the_wanted_one_too() -> None:
    ahead = LookAhead()
    ahead.told(seen(list(range(1, 40))))
    assert len(send(ahead, 4)) == 3
    assert send(ahead, 1) == []


def test_what_a_look_no_longer_finds_is_given_up() -> None:
    ahead = LookAhead()
    for n in (1, 2):
        ahead.is_surprised_by(key(n))
    ahead.expect(seen([2, 3, 4]))
    three, four = send(ahead, 16)
    ahead.is_surprised_by(key(9))
    ahead.expect(seen([9, 4, 10]))
    assert (three.left, four.left) == (1, 0)


def test_looks_that_bring_nothing_come_to_an_end() -> None:
    """Nothing new is found, the wanted one is not, or what was found is not wanted."""
    for outcome in ([], [5, 6, 7], None):
        ahead, looks = LookAhead(), 0
        for n in range(100, 200):
            ahead.is_surprised_by(key(n))
            if ahead.is_worth_a_look:
                looks += 1
                ahead.expect(seen([n, 7 * n] if outcome is None else outcome))
                send(ahead, 16)
        assert looks <= VAIN_LOOKS + 1
