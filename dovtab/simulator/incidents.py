"""What befalls requests: which of them, after how many, how often.

Faults and colleagues are told apart by what they do, not by when they strike.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from dovtab.simulator.wire import Request


class Incident(Protocol):
    """Something that befalls the requests that match it.

    ``skip``, ``times`` and ``probability`` are as in Fault.
    """

    @property
    def skip(self) -> int: ...
    @property
    def times(self) -> int | None: ...
    @property
    def probability(self) -> float | None: ...

    def matches(self, request: Request) -> bool: ...


Kind = TypeVar("Kind", bound=Incident)


@dataclass(slots=True)
class _Armed(Generic[Kind]):
    incident: Kind
    seen: int = 0
    hits: int = 0


class Incidents(Generic[Kind]):
    """The incidents in force. The first that hits wins; later ones do not count it.

    Args:
        chance: draws for those that have a probability.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self._armed: list[_Armed[Kind]] = []

    def add(self, incident: Kind) -> None:
        with self._lock:
            self._armed.append(_Armed(incident))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def hit(self, request: Request) -> Kind | None:
        """What befalls this request, if anything."""
        with self._lock:
            for armed in self._armed:
                if armed.incident.matches(request) and self._strikes(armed):
                    return armed.incident
        return None

    def _strikes(self, armed: _Armed[Kind]) -> bool:
        incident = armed.incident
        armed.seen += 1
        if armed.seen <= incident.skip:
            return False
        if incident.times is not None and armed.hits >= incident.times:
            return False
        if incident.probability is not None and self._chance.random() >= incident.probability:
            return False
        armed.hits += 1
        return True
