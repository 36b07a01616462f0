"""Time as something that can be passed in, and turned by hand in a test."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of dovtab asks of time; all in seconds."""

    def time(self) -> float:
        """Seconds since 1970."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment, never going back."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep, or return True early when the event is set."""


class SystemClock:
    """The machine's own."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)
