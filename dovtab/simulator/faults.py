"""Faults: what goes wrong with a request, which one, how often.

Some faults happen at the edge, before the request took effect: ``status``,
``html``, ``redirect``, ``close``, ``reset``. With all others the account has
done what was asked, and only the answer suffers: exactly the difference that a
client cannot see, and must not guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from dovtab.simulator.wire import Request
from dovtab.simulator.wrong_shapes import WRONG_SHAPES

AT_EDGE = frozenset({"status", "html", "redirect", "close", "reset"})
_AFTER_EFFECT = frozenset(
    {"status_after_effect", "lost_after_effect", "delay", "answer"}
    | {"stall", "truncated", "slow", "malformed_json", "empty", "no_content", "gzip", "big"}
)
KINDS = AT_EDGE | _AFTER_EFFECT | WRONG_SHAPES.keys()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with the requests that match it.

    Args:
        kind: one of ``KINDS``; the names of ``WRONG_SHAPES`` are kinds too.
        method: None matches every method.
        path: a regular expression, searched in path and query.
        skip: matching requests that pass unharmed first.
        times: requests that are hit after those; None: for ever.
        probability: of a hit, from the simulator's seed; None: certain.
        status: of ``status``, ``status_after_effect`` and ``html``.
        seconds: real ones, for ``delay``, and between the pieces of ``slow``.
        retry_after: a header that ``status`` sends.
        location: where ``redirect`` points.
        size: bytes that ``big`` adds.
        mutate: for ``answer``: gets the decoded JSON and returns another value,
            or names one of ``WRONG_SHAPES``.
    """

    kind: str
    method: Literal["GET", "POST"] | None = None
    path: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float | None = None
    status: int = 500
    seconds: float = 1.0
    retry_after: int | None = None
    location: str = "https://example.com/"
    size: int = 10_000_000
    mutate: Callable[[Any], Any] | str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        if self.path is not None:
            re.compile(self.path)
        if isinstance(self.mutate, str) and self.mutate not in WRONG_SHAPES:
            raise ValueError(f"unknown wrong shape {self.mutate!r}")
        if (self.kind == "answer") != (self.mutate is not None):
            raise ValueError("mutate is what the fault 'answer' needs, and no other")

    def matches(self, request: Request) -> bool:
        if self.method not in (None, request.method):
            return False
        return self.path is None or re.search(self.path, request.target) is not None

    @property
    def at_edge(self) -> bool:
        """The request never reaches the account."""
        return self.kind in AT_EDGE
