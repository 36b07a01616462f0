"""What a speculative run finds out: the requests that its statement will make.

A door that can runs the statement once more beside itself; our tables then give
what is known, and note here what is not. The run is ended when it has found
enough, or has read our tables often enough, or takes too long.

Pure: the clock is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from dovtab.engine.reading.prefetch import Key, Prefetch, Send

# More if the statement itself has come far.
MOST_FOUND = 1_000
MOST_SCANS, SCANS_PER_ASKED = 5_000, 2
# More than any round trip that it could save.
MOST_SECONDS = 0.5


class Enough(Exception):
    """The speculative run has found enough, or taken long enough."""


class Predictor:
    """Notes what one speculative run would ask for.

    Args:
        prefetch: of the statement that is run ahead.
        monotonic: gives seconds.

    Attributes:
        found: what would be asked for and is not known, in that order.
    """

    def __init__(self, prefetch: Prefetch, monotonic: Callable[[], float]) -> None:
        self.found: dict[Key, Send] = {}
        self.asked = prefetch.asked
        self._prefetch = prefetch
        self._monotonic = monotonic
        self._ends_at = monotonic() + MOST_SECONDS
        self._scans_left = MOST_SCANS + SCANS_PER_ASKED * prefetch.asked

    @property
    def is_late(self) -> bool:
        """Whether the run has taken long enough."""
        return self._monotonic() > self._ends_at

    def record(self, key: Key, send: Send, *, known: bool) -> None:
        """This would be asked for.

        Args:
            send: sends it ahead of time.
            known: whether there is an answer already.

        Raises:
            Enough: and that is all that has to be known.
        """
        if self._prefetch.is_news(key, known=known):
            self.found.setdefault(key, send)
        self._scans_left -= 1
        if self._scans_left <= 0 or len(self.found) >= MOST_FOUND or self.is_late:
            raise Enough
