"""xFilter, xNext, xEof and xColumn over an iterator of rows.

A row is a tuple whose last element is the rowid. ``Column`` is then the row's own
``__getitem__``: SQLite gets a value with one call into C, and the rowid with -1.

Source: https://rogerbinns.github.io/apsw/vtable.html#vtcursor-class
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import apsw

from dovtab.errors import Interrupted
from dovtab.resources import Row

if TYPE_CHECKING:
    from dovtab.engine.reading.lookup import Value
    from dovtab.engine.table import Filter


class Cursor:
    """A scan in progress.

    Args:
        filter: gives the pages of rows for an idxStr and its values.
    """

    def __init__(self, filter: Filter) -> None:
        self._filter = filter
        self._rows: Iterator[Row] = iter(())
        self._ended = True

    def Filter(self, number: int, name: str | None, argv: Sequence[Value]) -> None:
        # A row costs no step of a generator: only a page does.
        self._rows = chain.from_iterable(self._filter(name or "", argv))
        self.Next()

    def Next(self) -> None:
        try:
            row = next(self._rows, None)
        except Interrupted as interrupted:
            raise apsw.InterruptError(str(interrupted)) from None
        self._ended = row is None
        if row is not None:
            self.Column = row.__getitem__

    def Eof(self) -> bool:
        return self._ended

    def Rowid(self) -> object:
        return self.Column(-1)

    def Close(self) -> None:
        self._rows = iter(())
