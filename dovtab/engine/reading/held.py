"""What a running statement has read, so that it asks for nothing twice.

A join may come back to a Droplet, and two subqueries may read the same list. If
they asked again, a row that arrived meanwhile would be in one of the two; so what
a statement has read stays as it was until the statement ends, or starts an action
there itself.

Memory: the last ``UNPACKED_ROWS`` rows, and always the last answer, stay as they are; older answers are packed,
to about 20 bytes a row, up to ``PACKED_BYTES``. What is beyond that is given up,
and asking for it again is refused, never done in silence.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from dovtab.engine.reading.prefetch import Key
from dovtab.errors import TooManyRequestsError

UNPACKED_ROWS = 20_000
PACKED_BYTES = 64 << 20


class Holdable(Protocol):
    """An answer, as far as it matters here."""

    @property
    def weight(self) -> int:
        """About how many rows it takes the room of."""

    def pack(self) -> int:
        """Take less room; gives how many bytes that are."""


class Held:
    """The answers that one statement has read, the last used last.

    Args:
        unpacked_rows, packed_bytes: None for as much as this module says.
    """

    def __init__(
        self, unpacked_rows: int | None = None, packed_bytes: int | None = None
    ) -> None:
        self._rows_left = UNPACKED_ROWS if unpacked_rows is None else unpacked_rows
        self._bytes_left = PACKED_BYTES if packed_bytes is None else packed_bytes
        # Of each, the parent that it is about, and the room that it takes.
        self._unpacked: OrderedDict[Key, tuple[Holdable, int | None, int]] = OrderedDict()
        self._packed: OrderedDict[Key, tuple[Holdable, int | None, int]] = OrderedDict()
        self._given_up: dict[Key, int | None] = {}

    def find(self, key: Key) -> Holdable | None:
        """The answer that the statement has read under this name.

        Raises:
            TooManyRequestsError: it has been given up, for lack of room.
        """
        if key in self._given_up:
            raise TooManyRequestsError(
                f"the statement comes back to {key[2]}, and has read too much since to have"
                " kept it; asking again could give other rows: read it once, into a table"
                " (CREATE TEMP TABLE ... AS SELECT ...)"
            )
        for kept in (self._unpacked, self._packed):
            if key in kept:
                kept.move_to_end(key)
        found = self._unpacked.get(key) or self._packed.get(key)
        return found[0] if found else None

    def add(self, key: Key, answer: Holdable, parent: int | None) -> None:
        """The statement has read it.

        Args:
            parent: the Droplet that it is about; None: it may be any.
        """
        self._drop(key)
        weight = answer.weight
        self._unpacked[key] = answer, parent, weight
        self._rows_left -= weight
        while self._rows_left < 0 and len(self._unpacked) > 1:
            self._pack(*self._unpacked.popitem(last=False))

    def invalidate(self, parent: int | None) -> None:
        """Hold no longer what may not be true any more: the statement has acted itself.

        Args:
            parent: on which Droplet; None: it may be any.
        """
        entries = {**self._unpacked, **self._packed}
        parents = {key: entry[1] for key, entry in entries.items()} | self._given_up
        for key, its in parents.items():
            if None in (parent, its) or its == parent:
                self._drop(key)

    def release(self) -> None:
        """The statement has ended."""
        self._unpacked.clear()
        self._packed.clear()
        self._given_up.clear()

    def _pack(self, key: Key, held: tuple[Holdable, int | None, int]) -> None:
        answer, parent, weight = held
        self._rows_left += weight
        size = answer.pack()
        self._packed[key] = answer, parent, size
        self._bytes_left -= size
        while self._bytes_left < 0:
            oldest, (_, parent, size) = self._packed.popitem(last=False)
            self._bytes_left += size
            self._given_up[oldest] = parent

    def _drop(self, key: Key) -> None:
        self._given_up.pop(key, None)
        if key in self._unpacked:
            self._rows_left += self._unpacked.pop(key)[2]
        if key in self._packed:
            self._bytes_left += self._packed.pop(key)[2]
