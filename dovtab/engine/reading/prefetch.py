"""What a statement is going to ask for next, and what of it is on its way.

A join asks for one Droplet after the other, each time from a scan of its own.
When it is known what comes next, a few of those requests go out beside the one
that is wanted now, and wait here for the scan that will want them.

The one rule: a prefetch is speculative, and the statement must not notice. What is
wanted goes first. A prefetch waits for no quota, is sent once, counts when it is
wanted, and if it fails the statement asks again as if nothing had been sent. A
few are ever outstanding, so one that was wrong has cost little; a statement whose
predictions are wrong is left alone.

Theory of operation. To one statement an answer is, by its key, one of these:

===========  =========================================  ======================
state        who moves it here                          and then
===========  =========================================  ======================
unknown      it begins here                             asked, or predicted
predicted    `predicted` (a speculative run named it)   `next` chooses it, or it
             or `will_want` (the statement did)         is asked for first
outstanding  `sent`: it is on its way                   `take`, or `predicted`
                                                        drops it
asked        `take` (a hit) or `missed`                 nothing: for good
===========  =========================================  ======================

What is predicted is unknown again if it turns out to be known (`sent` with None) or if
the next speculative run does not name it; what is outstanding, if that run does not.
A miss of something that was predicted is a hit that came too early. A miss of
something that nobody had predicted calls for a speculative run, from the second
on, until too many of those were fruitless. What is outstanding while something is
wanted that was to come after it has been passed over; if that happens to more than a
few, nothing more is sent. Always: no key is in two states; what
is outstanding is released exactly once, by whoever took it or here; `end` leaves
nothing outstanding.

Pure but for the requests that it releases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

# Whose account, which table's, and the path: the name of an answer.
Key = tuple[object, str, str]
# Sends the request that was predicted; False if it is no time for that.
Send = Callable[[], bool]

# On their way at first; each that proves right allows one more, up to so many, and from
# there on only every fourth. A statement that stops after a few rows has then asked for
# little that it did not need, however many it may ask for at once.
FIRST_PREFETCHES, SOON_PREFETCHES, HITS_FOR_MORE = 7, 15, 4
# So many times as many may have come and not been wanted yet: what a join asks
# for in its first table and in its second is wanted in turn.
UNWANTED = 2
# So many may have been sent and passed over: the statement went on to what was to come
# after them. Then there are no more, for they are wrong.
MOST_PASSED_OVER = 4
# How often a speculative run may bring nothing before there are no more of them.
MOST_FRUITLESS = 3


class Outstanding(Protocol):
    """A request that went out before anybody wanted it."""

    @property
    def done(self) -> bool:
        """Whether its answer is here."""

    def release(self) -> None:
        """Want it no longer."""


class Prefetch:
    """The predictions about one statement."""

    def __init__(self) -> None:
        self._predicted: dict[Key, Send] = {}
        self._outstanding: dict[Key, Outstanding] = {}
        # Which comes before which, as the last speculative run has it.
        self._order: dict[Key, int] = {}
        self._passed_over: set[Key] = set()
        self._is_wrong = False
        self._asked: set[Key] = set()
        self._wanted: Key | None = None
        self._misses = 0
        self._hits = 0
        self._hits_at_last_run = 0
        self._fruitless = 0

    @property
    def outstanding(self) -> int:
        """How many have been sent that nobody has wanted yet."""
        return len(self._outstanding)

    @property
    def expected(self) -> int:
        """How many answers are going to be wanted, as far as is known."""
        return len(self._predicted) + len(self._outstanding)

    @property
    def asked(self) -> int:
        """How many different answers have been wanted so far."""
        return len(self._asked)

    @property
    def predictions(self) -> list[Send]:
        """What is predicted and has not been sent."""
        return list(self._predicted.values())

    def is_outstanding(self, key: Key) -> bool:
        """Whether it has been sent and not been wanted yet."""
        return key in self._outstanding

    def take(self, key: Key) -> Outstanding:
        """What is outstanding, which is wanted now: whoever calls this releases it."""
        self._asked.add(key)
        self._hits += 1
        self._pass_over(key)
        self._passed_over.discard(key)
        return self._outstanding.pop(key)

    def missed(self, key: Key) -> bool:
        """This is wanted, and was not outstanding; whether nobody had predicted it."""
        self._asked.add(key)
        self._wanted = key
        if self._predicted.pop(key, None) is not None:
            self._hits += 1
            self._pass_over(key)
            return False
        self._misses += 1
        return True

    @property
    def should_predict(self) -> bool:
        """Whether to find out what comes next. One miss is no pattern yet."""
        return self._misses > 1 and self._fruitless < MOST_FRUITLESS and not self._is_wrong

    def is_news(self, key: Key, *, known: bool) -> bool:
        """In a speculative run: whether the statement has yet to want this."""
        sought = key == self._wanted or key in self._outstanding
        return sought or not (known or key in self._asked)

    def predicted(self, found: Mapping[Key, Send]) -> None:
        """Take what a speculative run has found, in the order in which it will be wanted."""
        misled = bool(self._outstanding) and self._hits == self._hits_at_last_run
        self._hits_at_last_run = self._hits
        self._order = {key: place for place, key in enumerate(found)}
        for key in self._outstanding.keys() - found.keys():
            self._outstanding.pop(key).release()
        self._predicted = self._new(found)
        if misled or self._wanted not in found or not self._predicted:
            self._fruitless += 1

    def will_want(self, siblings: Mapping[Key, Send]) -> None:
        """The statement itself says what it may ask for, in whatever order."""
        self._predicted |= self._new(siblings)

    def next(self, most: int) -> tuple[Key, Send] | None:
        """The next to send, if there should be one.

        Args:
            most: requests at once, the wanted one included.
        """
        soon = min(SOON_PREFETCHES, FIRST_PREFETCHES + self._hits)
        at_once = min(most - 1, max(soon, FIRST_PREFETCHES + self._hits // HITS_FOR_MORE))
        unwanted = min(FIRST_PREFETCHES + self._hits, UNWANTED * at_once)
        if len(self._outstanding) >= unwanted or self._is_wrong or not self._predicted:
            return None
        if len(self._outstanding) >= at_once:
            on_their_way = sum(not one.done for one in self._outstanding.values())
            if on_their_way >= at_once:
                return None
        return next(iter(self._predicted.items()))

    def sent(self, key: Key, request: Outstanding | None) -> None:
        """It is on its way; None: there was no need, it is known."""
        del self._predicted[key]
        if request is not None:
            self._outstanding[key] = request

    def end(self) -> None:
        """The statement has ended: whatever is outstanding is wanted no longer."""
        self._predicted.clear()
        while self._outstanding:
            self._outstanding.popitem()[1].release()

    def _pass_over(self, wanted: Key) -> None:
        """Note what was sent and should have been wanted before this."""
        place = self._order.get(wanted, 0)
        self._passed_over |= {k for k in self._outstanding if self._order.get(k, place) < place}
        self._is_wrong |= len(self._passed_over) > MOST_PASSED_OVER

    def _new(self, found: Mapping[Key, Send]) -> dict[Key, Send]:
        held = self._asked | self._outstanding.keys()
        return {key: send for key, send in found.items() if key not in held}
