"""What will happen, and when.

Nothing runs by itself: whoever looks at the account first lets everything
happen that is due by then, in its order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Event = Callable[[], None]


class Agenda:
    """Events by their moment, in the clock's seconds."""

    def __init__(self) -> None:
        self._order = count()
        self._events: list[tuple[float, int, Event]] = []

    def add(self, moment: float, event: Event) -> None:
        heapq.heappush(self._events, (moment, next(self._order), event))

    def run_until(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            heapq.heappop(self._events)[2]()
