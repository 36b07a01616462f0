"""What belongs to one execution of a statement, and to no other.

The clock only orders things in this process, so the machine's own will do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dovtab.engine.acting.reach import Reach, Target
from dovtab.engine.allowance import refusal
from dovtab.engine.reading.covering import Coverings
from dovtab.engine.reading.held import Held
from dovtab.engine.reading.predictor import Predictor
from dovtab.engine.reading.prefetch import Outstanding, Prefetch
from dovtab.errors import TooManyRequestsError


class Statement:
    """One execution of one SQL statement, its subqueries and joins included.

    Args:
        text: its SQL.
        reads: whether it only reads.
        bindings: what its parameters are bound to, if the door knows that, in the door's
            own form.

    Attributes:
        triggered: whether it has run a trigger.
        started_ns: nanoseconds, of `now`.
        requests, actions: how many it has made, and how many of them acted.
        in_vain: how many were made beside those, to see whether fewer would do.
        queued: how many more its rows have asked for, to be made at COMMIT.
        outstanding: of what it has begun, how many requests more it is known to take.
        prefetch, held: what it is going to ask for, and what it has read.
        left: what is on its way for a scan that has ended: it may come back to it.
        predictor: there if this is no statement of the user's, but a speculative
            run of ``original``.
        post_results: the answers of functions that act, by what they were asked.
        reach: what its functions have acted on.
        targets: all that can be acted on, if it has looked, or why it could not.
        alone: why it cannot be run ahead, as far as anybody has tried.
        covering: what has been read in place of many requests.
        cover_at: how many requests have to be made before such a thing is thought of.
        attempts: how often one of its requests may be sent; None: as always.
        progress: there if it can say more than its requests do of how far it is.
        moments: what texts about time mean in it; its "now" does not move.
        at_end: to be called when it ends.
        when_other_ends: told of others that end while this one is running.
    """

    __slots__ = (
        "actions",
        "alone",
        "at_end",
        "attempts",
        "bindings",
        "cover_at",
        "covering",
        "held",
        "in_vain",
        "left",
        "moments",
        "original",
        "outstanding",
        "post_results",
        "predictor",
        "prefetch",
        "progress",
        "queued",
        "reach",
        "reads",
        "requests",
        "started_ns",
        "targets",
        "text",
        "triggered",
        "when_other_ends",
    )

    def __init__(self, text: str = "", *, reads: bool = False, bindings: Any = None) -> None:
        self.text = text
        self.reads = reads
        self.bindings = bindings
        self.triggered = False
        self.started_ns = now()
        self.requests = 0
        self.in_vain = 0
        self.actions = 0
        self.queued = 0
        self.outstanding = 0
        self.prefetch = Prefetch()
        self.held = Held()
        self.left: list[Outstanding] = []
        self.predictor: Predictor | None = None
        self.alone = ""
        self.original: Statement = self
        self.post_results: dict[tuple[object, ...], str] = {}
        self.reach = Reach()
        self.targets: Mapping[int, Target] | str | None = None
        self.covering = Coverings()
        self.cover_at = 0
        self.attempts: int | None = None
        self.progress: Callable[[], str] | None = None
        self.moments: dict[str, float] = {}
        self.at_end: list[Callable[[], None]] = []
        self.when_other_ends: list[Callable[[Statement], None]] = []

    @property
    def expected(self) -> int:
        """How many requests it will have made, as far as is known by now."""
        return self.requests + self.outstanding + self.prefetch.expected

    @property
    def did_something(self) -> bool:
        """Whether it has asked for anything, or acted."""
        return bool(self.requests or self.queued or self.post_results)

    def speculative_copy(self) -> Statement:
        """The same once more, to be run only to see what it is going to ask for."""
        copy = Statement(self.text, reads=self.reads, bindings=self.bindings)
        copy.started_ns, copy.prefetch, copy.held = self.started_ns, self.prefetch, self.held
        copy.original, copy.moments, copy.covering = self, self.moments, self.covering
        copy.predictor = Predictor(self.prefetch, time.monotonic)
        return copy

    def leave(self, requests: Iterable[Outstanding]) -> None:
        """A scan ends early; let what it has asked for arrive as long as this runs."""
        self.left += requests
        for request in [request for request in self.left if request.done]:
            self.left.remove(request)
            request.release()

    def end(self) -> None:
        """It asks for nothing any more."""
        for request in self.left:
            request.release()
        self.left.clear()
        if self.predictor is None:
            self.prefetch.end()
            self.held.release()
        for call in self.at_end:
            call()

    def spend(
        self, allowed: int, key: str, *, acts: bool = False, queues: bool = False
    ) -> None:
        """Count one more request.

        Args:
            key: the column to bind, for the error.
            acts: whether it starts an action.
            queues: whether it is not made now, but at COMMIT.

        Raises:
            TooManyRequestsError: it would be one more than ``allowed``.
        """
        if self.requests + self.queued >= allowed:
            made = self.requests + self.in_vain, self.actions, self.queued
            # What was foreseen may have this one among it.
            known = max(self.requests + self.outstanding + 1, self.expected)
            raise TooManyRequestsError(refusal(made, known, allowed, key))
        self.requests += not queues
        self.actions += acts
        self.queued += queues


def now() -> int:
    """A number of nanoseconds that grows, for what came before what."""
    return time.perf_counter_ns()
