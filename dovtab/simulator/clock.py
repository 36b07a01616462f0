"""The simulator's time.

A rule that depends on time asks a clock that was handed to it, so a test moves
an action to its end, or a rate limit to its next window, without waiting.
Only what happens on the socket (latency, a delay) takes real seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Something that knows the time, in seconds since 1970."""

    def time(self) -> float: ...


class SystemClock:
    """The real time."""

    def time(self) -> float:
        return time.time()


class ManualClock:
    """A time that stands still until it is told to advance.

    >>> clock = ManualClock(start=100.0)
    >>> clock.advance(2.5)
    >>> clock.time()
    102.5
    """

    def __init__(self, start: float = 1_795_000_000.0) -> None:
        self._now = start

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


Moment = float | str


def timestamp(moment: Moment) -> str:
    """The API's text for a moment: RFC 3339, whole seconds, ``Z``. A text stays.

    >>> timestamp(1_795_000_000.7)
    '2026-11-18T11:06:40Z'
    """
    if isinstance(moment, str):
        return moment
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
