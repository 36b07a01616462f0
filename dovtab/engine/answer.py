"""What a request has brought, read when somebody first wants it.

A flight only fetches bytes. Whoever wants the rows makes them of it, in his own
thread: Python runs one thread at a time, and what one processor has made
another must first fetch; reading in the flights takes half as much time again.
"""

from __future__ import annotations

import threading

from dovtab.api.answers import decode
from dovtab.api.exchange import Exchange
from dovtab.api.pages import Page
from dovtab.engine.rows import read_answer
from dovtab.errors import AnswerError
from dovtab.resources import Resource

# Of an action in an answer, for what has not been read: enough for a rough count.
BYTES_PER_ROW = 400


class Answer:
    """A page, or None for "there is no such thing", or the error that it cannot be read.

    Args:
        exchange: has brought an answer, or the API's word that there is nothing.
    """

    def __init__(self, resource: Resource, exchange: Exchange) -> None:
        self._lock = threading.Lock()
        self._resource = resource
        self._exchange: Exchange | None = exchange
        self._page: Page | None = None
        self._error: AnswerError | None = None
        self._weight = 1 + len(exchange.body or b"") // BYTES_PER_ROW

    @property
    def weight(self) -> int:
        """About how many rows it takes the room of."""
        return self._weight

    def ids(self) -> set[int]:
        """The ids in it, as far as it has been read."""
        rows = self._page.rows if self._page is not None else []
        return {id for id, *_ in rows if isinstance(id, int)}

    def page(self) -> Page | None:
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
        return self._page

    def _read(self, exchange: Exchange) -> None:
        if exchange.not_found:
            return
        try:
            answer = decode(exchange)
            self._page = read_answer(self._resource, exchange.request, answer)
            self._weight = 1 + len(self._page.rows)
        except AnswerError as error:
            exchange.error = self._error = error
        exchange.body = None
