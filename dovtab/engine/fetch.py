"""Many answers, in order, at once, and none of them twice.

As many as ``concurrency`` are on their way while the first of them is waited
for; nothing is asked for ahead of time that would break a limit, so read-ahead
never fails what would not have failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from dovtab.api.exchange import Request
from dovtab.api.pages import Page
from dovtab.engine.account import Account
from dovtab.engine.answer import Answer
from dovtab.engine.flight import Flight
from dovtab.engine.look_ahead import Foresight
from dovtab.engine.source import Coming, Source
from dovtab.engine.statement import Statement
from dovtab.resources import Resource


class Fetch:
    """The GETs of a table on one connection.

    Args:
        foresight: tells what a statement is going to ask for; None: nobody can.
    """

    def __init__(
        self, resource: Resource, account: Account, foresight: Foresight | None = None
    ) -> None:
        self._source = Source(resource, account)
        self._account = account
        self._foresight = foresight
        self._under_way: set[Flight[Answer]] = set()

    def each(
        self,
        requests: Iterable[Request],
        statement: Statement,
        *,
        count: int = 0,
        fresh: bool = False,
        slow_start: bool = False,
    ) -> Iterator[tuple[Request, Page | None]]:
        """Each request with its page, in their order; None: there is no such thing.

        Args:
            statement: who pays, and since when answers are good.
            count: how many requests there are, or at least seem to be.
            fresh: take no answer that was there before.
            slow_start: few may be wanted: begin with one at a time, then double.

        Raises:
            DovtabError: whatever keeps the next answer away.
        """
        if statement.looking:
            yield from ((request, self._known(request, statement)) for request in requests)
            return
        upcoming = iter(requests)
        coming: deque[Coming] = deque()
        most = self._account.settings.concurrency
        width = 1 if slow_start else most
        statement.to_come += count
        try:
            while True:
                begun = self._read_ahead(upcoming, coming, statement, width, fresh)
                statement.to_come -= min(begun, count)
                count -= min(begun, count)
                if not coming:
                    return
                first = coming[0]
                page = self._source.wait(first, statement)
                coming.popleft()
                yield first.request, page
                width = min(most, 2 * width)
        finally:
            statement.to_come -= count
            for one in coming:
                one.leave()

    def one(
        self, request: Request, statement: Statement, company: Iterable[Request] = ()
    ) -> Page | None:
        """The page of a request that is one of many such, each from a scan of its own.

        Args:
            company: what the statement is going to ask for beside it, if it says so.

        Raises:
            DovtabError: whatever keeps the answer away.
        """
        if statement.looking:
            return self._known(request, statement)
        coming = self._source.begin(request, statement)
        try:
            self._look_ahead(coming, statement, company)
            return self._source.wait(coming, statement)
        finally:
            coming.leave()

    def _read_ahead(
        self,
        upcoming: Iterator[Request],
        coming: deque[Coming],
        statement: Statement,
        width: int,
        fresh: bool,
    ) -> int:
        """Begin as many as may be under way; gives how many that were."""
        count = 0
        while len(coming) < width:
            self._under_way = {flight for flight in self._under_way if not flight.landed}
            full = len(self._under_way) >= width or not self._account.is_free(statement)
            if coming and full:
                break
            request = next(upcoming, None)
            if request is None:
                break
            begun = self._source.begin(request, statement, fresh=fresh)
            if begun.flight is not None:
                self._under_way.add(begun.flight)
            coming.append(begun)
            count += 1
        return count

    def _look_ahead(
        self, coming: Coming, statement: Statement, company: Iterable[Request]
    ) -> None:
        """While an answer is on its way, see what comes next and let some of it go."""
        ahead, source = statement.ahead, self._source
        on_its_way = coming.flight is not None and coming.guessed is None
        surprised = on_its_way and ahead.is_surprised_by(source.key(coming.request))
        if surprised and ahead.is_worth_a_look:
            told = {source.key(request): (source, request) for request in company}
            if told:
                ahead.told(told)
            elif self._foresight is not None:
                ahead.expect(self._foresight.look(statement))
        while (guess := ahead.next(self._account.settings.concurrency)) is not None:
            _, (its_source, request) = guess
            if not its_source.guess(request, statement):
                return

    def _known(self, request: Request, statement: Statement) -> Page | None:
        """In a look: what is known of it; who would ask, and for what, is noted."""
        source, key = self._source, self._source.key(request)
        known = source.find(request, statement)
        if self._foresight is not None:
            new = statement.ahead.is_to_come(key, known=known is not None)
            self._foresight.came_by(key, source, request, new=new)
        return known.page if known is not None else None
