"""What belongs to one running statement: since when, and how many requests.

The moment only orders things in this process, so the machine's clock will do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dovtab.engine.look_ahead import LookAhead
from dovtab.errors import TooManyRequestsError


class Statement:
    """One execution of one SQL statement, its subqueries and joins included.

    Args:
        text: its SQL.
        reads: whether it only reads.
        bindings: what its parameters are bound to, if the host knows that.
    """

    __slots__ = (
        "actions",
        "ahead",
        "at_end",
        "bindings",
        "during",
        "looking",
        "moment",
        "once",
        "reads",
        "requests",
        "text",
        "to_come",
        "triggered",
    )

    def __init__(self, text: str = "", *, reads: bool = False, bindings: Any = None) -> None:
        self.text = text
        self.reads = reads
        self.triggered = False
        self.bindings = bindings
        self.moment = now()
        self.ahead = LookAhead()
        self.requests = 0
        self.actions = 0
        # Of what has been begun, how many requests it is known to take more.
        self.to_come = 0
        self.looking = False
        # Answers of functions that act, by what they were asked.
        self.once: dict[tuple[object, ...], str] = {}
        self.at_end: list[Callable[[], None]] = []
        # Told of others that begin and end while this one is running.
        self.during: list[Callable[[Statement], None]] = []

    @property
    def expected(self) -> int:
        """How many requests it will have made, as far as is known by now."""
        return self.requests + self.to_come + self.ahead.to_come

    def twin(self) -> Statement:
        """The same once more, only to look at what it is going to ask for."""
        twin = Statement()
        twin.moment, twin.ahead, twin.looking = self.moment, self.ahead, True
        return twin

    def end(self) -> None:
        """It asks for nothing any more."""
        if not self.looking:
            self.ahead.end()
        for call in self.at_end:
            call()

    def spend(self, allowed: int, *, acts: bool = False) -> None:
        """Count one more request.

        Args:
            acts: whether it starts an action.

        Raises:
            TooManyRequestsError: it would be one more than ``allowed``.
        """
        if self.requests >= allowed:
            started = f", {self.actions} of which started actions," if self.actions else ""
            raise TooManyRequestsError(
                f"requests made by this statement: {self.requests}{started} and it needs more"
                f" than max_requests={allowed}: narrow it (WHERE droplet_id = ...), or raise"
                " the setting max_requests (DOVTAB_MAX_REQUESTS)"
            )
        self.requests += 1
        self.actions += acts


def now() -> int:
    """A number that grows, for what came before what."""
    return time.perf_counter_ns()
