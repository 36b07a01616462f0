"""What a statement is going to ask for next, and what of it is on its way.

A join asks for one Droplet after the other, each time from a scan of its own.
When it is known what comes next, a few of those requests go out beside the one
that is wanted now, and wait here for the scan that will want them.

The one rule: looking ahead is a guess, and the statement must not notice. What
is wanted goes first. A guess waits for no quota, is sent once, counts when it
is wanted, and if it fails the statement asks again as if nothing had been sent.
A few guesses are ever open, so one that was wrong has cost little; a statement
about which guesses are wrong is left alone.

Pure but for the flights it gives up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from dovtab.api.exchange import Request
    from dovtab.engine.source import Coming, Source
    from dovtab.engine.statement import Statement

# Whose account, and the path: the name of an answer.
Key = tuple[object, str]
# Who would ask, and what.
Expected: TypeAlias = "tuple[Source, Request]"

# Guesses open at first; each that proves right allows one more. A statement
# that stops after a few rows has then asked for little that it did not need.
FIRST_GUESSES = 7
# So many times as many may have come and not been wanted yet: what a join asks
# for in its first table and in its second is wanted in turn.
UNWANTED = 3
# How often a look may bring nothing before there are no more of them.
VAIN_LOOKS = 3


class Foresight(Protocol):
    """How a host finds out what a statement is going to ask for."""

    def look(self, statement: Statement) -> dict[Key, Expected]:
        """All that it is going to ask for and has not yet, in order, as far as can be told."""

    def came_by(self, key: Key, source: Source, request: Request, *, new: bool) -> None:
        """In a look: this would be asked for; ``new`` if it is not known."""


class LookAhead:
    """The guesses about one statement."""

    def __init__(self) -> None:
        self._expected: dict[Key, Expected] = {}
        self._open: dict[Key, Coming] = {}
        self._asked: set[Key] = set()
        self._wanted: Key | None = None
        self._surprises = 0
        self._right = 0
        self._right_at_last_look = 0
        self._vain = 0
        self._certain = False

    @property
    def open(self) -> int:
        """How many guesses nobody has wanted yet."""
        return len(self._open)

    @property
    def to_come(self) -> int:
        """How many things are expected to be wanted yet."""
        return len(self._expected) + len(self._open)

    @property
    def asked(self) -> int:
        """How many different things have been wanted so far."""
        return len(self._asked)

    def guess_for(self, key: Key) -> Coming | None:
        """The open guess, if there is one."""
        return self._open.get(key)

    def take(self, key: Key) -> None:
        """The guess is wanted now, and open no longer."""
        self._asked.add(key)
        self._right += 1
        del self._open[key]

    def is_surprised_by(self, key: Key) -> bool:
        """This is wanted, and no guess was open; whether nobody had expected it."""
        self._asked.add(key)
        self._wanted = key
        if self._expected.pop(key, None) is not None:
            self._right += 1
            return False
        self._surprises += 1
        return True

    @property
    def is_worth_a_look(self) -> bool:
        """Whether to find out what comes next. One surprise is no pattern yet."""
        return self._surprises > 1 and self._vain < VAIN_LOOKS

    def is_to_come(self, key: Key, *, known: bool) -> bool:
        """In a look: whether this belongs to what the statement is going to want."""
        return key == self._wanted or key in self._open or not (known or key in self._asked)

    def expect(self, seen: dict[Key, Expected]) -> None:
        """Take the outcome of a look."""
        misled = bool(self._open) and self._right == self._right_at_last_look
        self._right_at_last_look = self._right
        for key in self._open.keys() - seen.keys():
            self._open.pop(key).leave()
        held = self._asked | self._open.keys()
        self._expected = {key: its for key, its in seen.items() if key not in held}
        if misled or self._wanted not in seen or not self._expected:
            self._vain += 1

    def told(self, company: dict[Key, Expected]) -> None:
        """The statement itself says what it is going to ask for: no guess at all."""
        self._certain = True
        held = self._asked | self._open.keys()
        self._expected |= {key: its for key, its in company.items() if key not in held}

    def next(self, most: int) -> tuple[Key, Expected] | None:
        """The next guess to send, if there should be one.

        Args:
            most: requests at once, the wanted one included.
        """
        allowed = most if self._certain else min(most, FIRST_GUESSES + self._right + 1)
        in_the_air = sum(not coming.landed for coming in self._open.values())
        unwanted = min(UNWANTED * most, FIRST_GUESSES + UNWANTED * self._right)
        if in_the_air + 1 >= allowed or (len(self._open) >= unwanted and not self._certain):
            return None
        return next(iter(self._expected.items()), None)

    def guessed(self, key: Key, coming: Coming | None) -> None:
        """It has been sent; None: there was no need, it is known."""
        del self._expected[key]
        if coming is not None:
            self._open[key] = coming

    def end(self) -> None:
        """The statement has ended: whatever is open is wanted no longer."""
        self._expected.clear()
        while self._open:
            self._open.popitem()[1].leave()
