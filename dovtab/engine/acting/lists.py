"""Lists that are read on behalf of an action, in a call's thread, page after page.

They are read afresh: what is sought may have come a moment ago. A list that does
not end is given up after as many requests as a statement may make.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Event

from dovtab.api.answers import decode
from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.engine.account import Account
from dovtab.engine.interruption import not_sent
from dovtab.engine.reading.pager import page_request, read_list
from dovtab.engine.reading.rows import Object, read_objects
from dovtab.errors import TooManyRequestsError
from dovtab.resources import Table


class Lists:
    """The lists of an account.

    Args:
        cancelled: set when nobody waits; then no further page is asked for.

    Attributes:
        server_ahead: seconds by which the API's clock is ahead of ours, as its last
            answer said.
    """

    def __init__(self, table: Table, account: Account, cancelled: Event) -> None:
        self.server_ahead = 0.0
        self._table = table
        self._account = account
        self._cancelled = cancelled
        self._requests = 0

    def read(self, request: Request) -> Iterator[list[Object]]:
        """The pages of a list, each when it is wanted.

        Raises:
            DovtabError: whatever keeps a page away, or makes the list not whole.
        """
        first = self._page(page_request(request, 1, PER_PAGE_MAX))
        for _, rows in read_list(request, self._pages, first):
            yield [item for _, item in rows]

    def _pages(
        self, requests: Iterable[Request], *, count: int, fresh: bool
    ) -> Iterator[tuple[Request, Page[tuple[int, Object]]]]:
        yield from ((request, self._page(request)) for request in requests)

    def _page(self, request: Request) -> Page[tuple[int, Object]]:
        allowed = self._account.settings.max_requests
        if self._requests >= allowed:
            raise TooManyRequestsError(
                f"{request}: more pages would be needed than max_requests={allowed}"
            )
        self._requests += 1
        self._account.acquire_in_thread(request, self._cancelled)
        exchange = self._account.record(request)
        self._account.send(exchange, self._cancelled)
        if exchange.error is not None:
            raise exchange.error
        if exchange.attempts == 0:
            raise not_sent(request)
        self.server_ahead = exchange.server_ahead
        return read_objects(self._table, request, decode(exchange))
