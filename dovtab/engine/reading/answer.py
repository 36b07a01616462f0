"""What a request has brought, read when somebody first wants it.

A call only fetches bytes. Whoever wants the rows makes them of it, in his own
thread: Python runs one thread at a time, and what one processor has made
another must first fetch; reading in the calls takes half as much time again.
"""

from __future__ import annotations

import pickle
import threading
import zlib

from dovtab.api.answers import decode
from dovtab.api.exchange import Exchange
from dovtab.api.pages import Page
from dovtab.engine.reading.covering import Covering
from dovtab.engine.reading.rows import read_rows
from dovtab.errors import AnswerError
from dovtab.resources import Row, Table

# Of an action in an answer, for what has not been read: enough for a rough count.
BYTES_PER_ROW = 400


class Answer:
    """A page, or None for "there is no such thing", or the error that it cannot be read.

    Args:
        exchange: has brought an answer, or the API's word that there is nothing; None: the
            page is there, and its rows are somebody else's.
        covering: what it is out of, if it was not asked for.
    """

    def __init__(
        self,
        table: Table,
        exchange: Exchange | None,
        page: Page[Row] | None = None,
        covering: Covering | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._table = table
        self._exchange = exchange
        self._page = page
        self._packed: bytes | None = None
        self._error: AnswerError | None = None
        self._covering = covering
        self._weight = 0
        if exchange is not None:
            self._weight = 1 + len(exchange.body or b"") // BYTES_PER_ROW

    @property
    def weight(self) -> int:
        """About how many rows it takes the room of."""
        return self._weight

    def take_covering(self) -> Covering | None:
        """What it is out of, once."""
        covering, self._covering = self._covering, None
        return covering

    def ids(self) -> set[int]:
        """The ids in it, as far as it has been read."""
        with self._lock:
            page = self._unpacked()
        return {id for id, *_ in page.rows if isinstance(id, int)} if page else set()

    def page(self) -> Page[Row] | None:
        """The page.

        Raises:
            AnswerError: it is not what was asked for.
        """
        with self._lock:
            if self._exchange is not None:
                self._read(self._exchange)
                self._exchange = None
            if self._error is not None:
                raise self._error
            return self._unpacked()

    def pack(self) -> int:
        """Take less room, for good; gives how many bytes that are."""
        with self._lock:
            if self._page is not None:
                page, self._page = self._page, None
                # Texts that repeat are pickled once; the rest of it repeats too.
                self._packed = zlib.compress(pickle.dumps(page), 1)
            return len(self._packed or b"")

    def _unpacked(self) -> Page[Row] | None:
        if self._packed is None:
            return self._page
        page: Page[Row] = pickle.loads(zlib.decompress(self._packed))
        return page

    def _read(self, exchange: Exchange) -> None:
        if exchange.not_found:
            return
        try:
            answer = decode(exchange)
            self._page = read_rows(self._table, exchange.request, answer)
            self._weight = 1 + len(self._page.rows)
        except AnswerError as error:
            exchange.error = self._error = error
        exchange.body = None
