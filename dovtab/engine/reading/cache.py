"""What was learned from the API, for a while, and who is asking right now.

Shared by the connections of a process that use the same token and URL. An answer
is good for what began before it came, for the reader's ``cache_seconds``, and, if
it is an action that has ended, for ever. One call serves all who want the same thing at the same time.
Starting an action drops what is known of its Droplet, also what is on its way.

Bounded by rows, the least recently used go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from dovtab.engine.call import Call
from dovtab.engine.reading.answer import Answer
from dovtab.engine.statement import now as now_ns

# A table and a path: two tables make different rows of one answer.
Name = tuple[str, str]

KEPT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """An answer, since when it is known, and how much room it was given."""

    answer: Answer
    stored_at: float
    stored_ns: int
    immutable: bool
    parent: int | None
    weight: int


class Cache:
    """Answers by table and path."""

    def __init__(self, kept_rows: int = KEPT_ROWS) -> None:
        self._lock = threading.Lock()
        self._kept_rows = kept_rows
        self._rows = 0
        self._known: OrderedDict[Name, Known] = OrderedDict()
        self._calls: dict[Name, tuple[int | None, Call[Answer], object]] = {}
        self._generation = 0

    def find(self, name: Name, *, now: float, seconds: float, since: int) -> Answer | None:
        """A good answer, if there is one.

        Args:
            now: seconds, of the clock that `keep` gets too.
            seconds: how old an answer may be.
            since: the nanoseconds, of `now`, at which the reader's statement began.
        """
        with self._lock:
            known = self._known.get(name)
            if known is None:
                return None
            young = known.stored_ns >= since or now - known.stored_at < seconds
            if not (known.immutable or young):
                return None
            self._known.move_to_end(name)
            return known.answer

    def join(self, name: Name) -> Call[Answer] | None:
        """The call that is under way for it, now for us too."""
        with self._lock:
            _, call, _ = self._calls.get(name, (None, None, None))
            return call if call is not None and call.join() else None

    def generation(self) -> int:
        """What a call has to show, when it is done, to `keep` its answer."""
        with self._lock:
            return self._generation

    def register(
        self, name: Name, parent: int | None, call: Call[Answer], owner: object
    ) -> None:
        """Let others join this call.

        Args:
            parent: the Droplet in the path.
            owner: what `unregister` will show, to mean this call and no later one.
        """
        with self._lock:
            self._calls[name] = (parent, call, owner)

    def unregister(self, name: Name, owner: object) -> None:
        """The call has ended: nobody else can join it."""
        with self._lock:
            if self._calls.get(name, (None, None, None))[2] is owner:
                del self._calls[name]

    def keep(
        self,
        name: Name,
        answer: Answer,
        *,
        parent: int | None,
        now: float,
        immutable: bool,
        generation: int,
    ) -> None:
        """Store an answer, unless something was invalidated since its call began."""
        with self._lock:
            if generation != self._generation:
                return
            self._drop(name)
            weight = answer.weight
            self._known[name] = Known(answer, now, now_ns(), immutable, parent, weight)
            self._rows += weight
            self._make_room()

    def weigh(self, name: Name) -> None:
        """The answer has been read: now it is certain how many rows it has."""
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.weight != (weight := known.answer.weight):
                self._rows += weight - known.weight
                self._known[name] = replace(known, weight=weight)
                self._make_room()

    def ids(self, parent: int | None) -> set[int]:
        """The actions of a Droplet that somebody has seen; None: of any."""
        with self._lock:
            answers = [
                known.answer
                for known in self._known.values()
                if None in (parent, known.parent) or known.parent == parent
            ]
        return set().union(*(answer.ids() for answer in answers))

    def drop(self, name: Name, answer: Answer) -> None:
        """Keep this answer no longer; it cannot be read."""
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.answer is answer:
                self._drop(name)

    def invalidate(self, parent: int | None) -> None:
        """Drop what may no longer be true of a Droplet; None: of any.

        The account's lists have rows of every Droplet, so they go too.
        """
        with self._lock:
            self._generation += 1
            for name, known in list(self._known.items()):
                if not known.immutable and (
                    None in (parent, known.parent) or known.parent == parent
                ):
                    self._drop(name)
            for name, (its_parent, _, _) in list(self._calls.items()):
                if None in (parent, its_parent) or its_parent == parent:
                    del self._calls[name]

    def _drop(self, name: Name) -> None:
        known = self._known.pop(name, None)
        if known is not None:
            self._rows -= known.weight

    def _make_room(self) -> None:
        while self._rows > self._kept_rows and len(self._known) > 1:
            self._drop(next(iter(self._known)))
