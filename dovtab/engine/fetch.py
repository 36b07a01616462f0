"""Many answers, in order, at once, and none of them twice.

Answers come from the cache, from a flight that is under way for somebody else,
or from a flight of our own. As many as ``concurrency`` are on their way while
the first of them is waited for; nothing is asked for ahead of time that would
break a limit, so read-ahead never fails what would not have failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Event

from dovtab.api.exchange import Exchange, Request
from dovtab.api.pages import Page
from dovtab.engine.account import Account
from dovtab.engine.flight import Flight
from dovtab.engine.rows import read_answer
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError, DovtabError, Interrupted
from dovtab.resources import Resource


@dataclass(slots=True)
class _Coming:
    """A request and where its answer comes from: it is here, or in a flight.

    ``exchange`` is there if the flight is our own.
    """

    request: Request
    page: Page | None = None
    flight: Flight[Page | None] | None = None
    exchange: Exchange | None = None


class Fetch:
    """The GETs of a table on one connection."""

    def __init__(self, resource: Resource, account: Account) -> None:
        self._resource = resource
        self._account = account
        self._under_way: set[Flight[Page | None]] = set()
        names = [column.name for column in resource.visible]
        self._ended_column = names.index(resource.ended[0])

    def each(
        self,
        requests: Iterable[Request],
        statement: Statement,
        *,
        fresh: bool = False,
        slow_start: bool = False,
    ) -> Iterator[tuple[Request, Page | None]]:
        """Each request with its page, in their order; None: there is no such thing.

        Args:
            statement: who pays, and since when answers are good.
            fresh: take no answer that was there before.
            slow_start: few may be wanted: begin with one at a time, then double.

        Raises:
            DovtabError: whatever keeps the next answer away.
        """
        upcoming = iter(requests)
        coming: deque[_Coming] = deque()
        most = self._account.settings.concurrency
        width = 1 if slow_start else most
        try:
            while True:
                self._read_ahead(upcoming, coming, statement, width, fresh)
                if not coming:
                    return
                first = coming[0]
                page = self._wait(first, statement)
                coming.popleft()
                yield first.request, page
                width = min(most, 2 * width)
        finally:
            for one in coming:
                if one.flight is not None:
                    one.flight.leave()

    def _read_ahead(
        self,
        upcoming: Iterator[Request],
        coming: deque[_Coming],
        statement: Statement,
        width: int,
        fresh: bool,
    ) -> None:
        while len(coming) < width:
            self._under_way = {flight for flight in self._under_way if not flight.landed}
            full = len(self._under_way) >= width or not self._account.is_free(statement)
            if coming and full:
                return
            request = next(upcoming, None)
            if request is None:
                return
            coming.append(self._begin(request, statement, fresh))

    def _begin(self, request: Request, statement: Statement, fresh: bool) -> _Coming:
        account, cache, path = self._account, self._account.shared().cache, request.path
        known = cache.find(
            path,
            now=account.clock.monotonic(),
            seconds=account.settings.cache_seconds,
            since=statement.moment,
        )
        if known is not None and not fresh:
            return _Coming(request, page=known.page)
        flight, exchange = None if fresh else cache.join(path), None
        if flight is None:
            account.admit(request, statement)
            exchange = account.begin(request)
            flight = self._launch(exchange)
        self._under_way.add(flight)
        return _Coming(request, flight=flight, exchange=exchange)

    def _launch(self, exchange: Exchange) -> Flight[Page | None]:
        cache, path = self._account.shared().cache, exchange.request.path
        parent = exchange.request.parameters.get(self._resource.parent[0])
        ticket = cache.ticket()
        flight = Flight(lambda cancelled: self._fly(exchange, parent, ticket, cancelled))
        cache.announce(path, parent, flight, exchange)
        try:
            self._account.start(flight)
        except BaseException:
            flight.leave()
            cache.finish(path, exchange)
            raise
        return flight

    def _fly(
        self, exchange: Exchange, parent: int | None, ticket: int, cancelled: Event
    ) -> Page | None:
        """In the flight's own thread: ask, read, keep."""
        request, cache = exchange.request, self._account.shared().cache
        try:
            self._account.fly(exchange, cancelled)
            page = self._read(exchange)
            cache.keep(
                request.path,
                page,
                parent=parent,
                now=self._account.clock.monotonic(),
                lasting=page is not None and self._is_lasting(request, page),
                ticket=ticket,
            )
            return page
        finally:
            cache.finish(request.path, exchange)

    def _read(self, exchange: Exchange) -> Page | None:
        if exchange.not_found and exchange.request.parameters:
            return None
        if exchange.error is not None:
            raise exchange.error
        try:
            return read_answer(self._resource, exchange.request, exchange.answer)
        except AnswerError as error:
            exchange.error = error
            raise
        finally:
            exchange.answer = None

    def _is_lasting(self, request: Request, page: Page) -> bool:
        """Whether this is a single action that has ended, and will not change."""
        single = request.operation in (self._resource.get, self._resource.account_get)
        return single and page.rows[0][self._ended_column] in self._resource.ended[1]

    def _wait(self, coming: _Coming, statement: Statement) -> Page | None:
        if coming.flight is None:
            return coming.page
        account = self._account
        try:
            with account.telling(coming.request, coming.exchange):
                page = coming.flight.result(account.interrupted)
                if account.interrupted():
                    raise Interrupted("interrupted")
            return page
        except Interrupted:
            raise
        except DovtabError:
            if coming.exchange is not None:
                raise
        # Somebody else's flight failed, with their patience and not ours.
        own = self._begin(coming.request, statement, fresh=True)
        try:
            return self._wait(own, statement)
        finally:
            if own.flight is not None:
                own.flight.leave()
