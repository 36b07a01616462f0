"""Time for a test: nobody sleeps."""

from __future__ import annotations

import threading

from dovtab.simulator import ManualClock

# When a clock that is turned by hand begins, in seconds since 1970.
START = 1_795_000_000.0


class SharedClock:
    """dovtab's clock, tied to the simulator's: whoever waits turns both."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.waits: list[float] = []

    def time(self) -> float:
        return self._clock.time()

    def monotonic(self) -> float:
        return self._clock.time()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self._clock.advance(seconds)
        return event.is_set()
