"""xFilter and xNext: rows go over the wire a page at a time, when they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dovtab.hosts.pipe import wire
from dovtab.hosts.pipe.wire import Reader, WireError
from dovtab.resources import Row

if TYPE_CHECKING:
    # A program that only loads the extension starts without it.
    from dovtab.engine.all_accounts import AllAccounts
    from dovtab.engine.table import RecordTable, VirtualTable

# Of what is read without a request; a page of the API's has 200.
ROWS_AT_ONCE = 1_000


class Cursors:
    """The scans in progress of a connection."""

    def __init__(self) -> None:
        self._pages: dict[int, Iterator[list[Row]]] = {}

    def filter(
        self, cursor: int, table: VirtualTable | AllAccounts | RecordTable, reader: Reader
    ) -> bytes:
        """Begin a scan; gives its first rows."""
        idx_str, argv = reader.text(), reader.values()
        reader.end()
        self._pages[cursor] = _pieces(table.open()(idx_str, argv))
        return self.next(cursor)

    def next(self, cursor: int) -> bytes:
        """The next rows: whether these are the last, how many there are, and each.

        The next page is not asked for to know whether there is one.

        Raises:
            WireError: there is no such scan.
        """
        from dovtab.engine.reading.scan import LastPage

        if cursor not in self._pages:
            raise WireError(f"no cursor {cursor}")
        try:
            page = next(self._pages[cursor], None)
        except BaseException:
            self.close(cursor)
            raise
        if page is None:
            self.close(cursor)
            return b"\1" + wire.number(0)
        encoded, count = wire.rows(page)
        is_last = isinstance(page, LastPage)
        if is_last:
            self.close(cursor)
        return bytes((is_last,)) + wire.number(count) + encoded

    def close(self, cursor: int) -> None:
        """Read no further."""
        self._pages.pop(cursor, None)


def _pieces(pages: Iterator[list[Row]]) -> Iterator[list[Row]]:
    for page in pages:
        if len(page) <= ROWS_AT_ONCE:
            yield page
            continue
        for start in range(0, len(page), ROWS_AT_ONCE):
            yield page[start : start + ROWS_AT_ONCE]
