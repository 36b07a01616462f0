"""What was learned from the API, for a while, and who is asking right now.

Shared by the connections of a process that use the same token and URL. A
statement never asks twice for the same thing while it runs; after that an
answer is good for the reader's ``cache_seconds``. An action that has ended is
good for ever. One flight serves all who want the same thing at the same time.
Starting an action drops what is known of its Droplet, also what is on its way.

Bounded by rows, the least recently used go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from dovtab.engine.answer import Answer
from dovtab.engine.flight import Flight
from dovtab.engine.statement import now as this_moment

KEPT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """An answer, since when it is known, and how much room it was given."""

    answer: Answer
    stored_at: float
    moment: int
    lasting: bool
    parent: int | None
    weight: int


class Cache:
    """Answers by path."""

    def __init__(self, kept_rows: int = KEPT_ROWS) -> None:
        self._lock = threading.Lock()
        self._kept_rows = kept_rows
        self._rows = 0
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._flights: dict[str, tuple[int | None, Flight[Answer], object]] = {}
        self._forgotten = 0

    def find(self, path: str, *, now: float, seconds: float, since: int) -> Answer | None:
        """A good answer, if there is one.

        Args:
            now: seconds, of the clock that `keep` gets too.
            seconds: how old an answer may be.
            since: the `moment` at which the reader's statement began.
        """
        with self._lock:
            known = self._known.get(path)
            if known is None:
                return None
            if not (known.lasting or known.moment >= since or now - known.stored_at < seconds):
                return None
            self._known.move_to_end(path)
            return known.answer

    def join(self, path: str) -> Flight[Answer] | None:
        """The flight that is under way for this path, now for us too."""
        with self._lock:
            _, flight, _ = self._flights.get(path, (None, None, None))
            return flight if flight is not None and flight.join() else None

    def ticket(self) -> int:
        """What a flight has to show, when it lands, to `keep` its answer."""
        with self._lock:
            return self._forgotten

    def announce(
        self, path: str, parent: int | None, flight: Flight[Answer], owner: object
    ) -> None:
        """Let others join this flight.

        Args:
            parent: the Droplet in the path.
            owner: what `finish` will show, to mean this flight and no later one.
        """
        with self._lock:
            self._flights[path] = (parent, flight, owner)

    def finish(self, path: str, owner: object) -> None:
        """The flight for this path has ended: nobody else can join it."""
        with self._lock:
            if self._flights.get(path, (None, None, None))[2] is owner:
                del self._flights[path]

    def keep(
        self,
        path: str,
        answer: Answer,
        *,
        parent: int | None,
        now: float,
        lasting: bool,
        ticket: int,
    ) -> None:
        """Store an answer, unless something was forgotten since its flight began."""
        with self._lock:
            if ticket != self._forgotten:
                return
            self._drop(path)
            weight = answer.weight
            self._known[path] = Known(answer, now, this_moment(), lasting, parent, weight)
            self._rows += weight
            self._make_room()

    def weigh(self, path: str) -> None:
        """The answer has been read: now it is certain how many rows it has."""
        with self._lock:
            known = self._known.get(path)
            if known is not None:
                weight = known.answer.weight
                self._rows += weight - known.weight
                self._known[path] = replace(known, weight=weight)
                self._make_room()

    def ids(self, parent: int) -> set[int]:
        """The actions of a Droplet that somebody has seen."""
        with self._lock:
            answers = [known.answer for known in self._known.values() if known.parent == parent]
        return set().union(*(answer.ids() for answer in answers))

    def drop(self, path: str, answer: Answer) -> None:
        """Keep this answer no longer; it cannot be read."""
        with self._lock:
            known = self._known.get(path)
            if known is not None and known.answer is answer:
                self._drop(path)

    def forget(self, parent: int | None) -> None:
        """Drop what may no longer be true of a Droplet; None: of any.

        The account's lists have rows of every Droplet, so they go too.
        """
        with self._lock:
            self._forgotten += 1
            for path, known in list(self._known.items()):
                if not known.lasting and (
                    None in (parent, known.parent) or known.parent == parent
                ):
                    self._drop(path)
            for path, (its_parent, _, _) in list(self._flights.items()):
                if None in (parent, its_parent) or its_parent == parent:
                    del self._flights[path]

    def _drop(self, path: str) -> None:
        known = self._known.pop(path, None)
        if known is not None:
            self._rows -= known.weight

    def _make_room(self) -> None:
        while self._rows > self._kept_rows and len(self._known) > 1:
            self._drop(next(iter(self._known)))
