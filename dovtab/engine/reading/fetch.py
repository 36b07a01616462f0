"""Many answers, in order, at once, and none of them twice.

As many as ``concurrency`` are on their way while the first of them is waited
for; nothing is asked for ahead of time that would break a limit, so read-ahead
never fails what would not have failed.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from dovtab.api.exchange import Request
from dovtab.api.pages import Page
from dovtab.engine.account import Account
from dovtab.engine.call import Call
from dovtab.engine.reading.answer import Answer
from dovtab.engine.reading.cover import Cover, Each
from dovtab.engine.reading.covering import FEWEST, Name, can_cover
from dovtab.engine.reading.pager import page_request
from dovtab.engine.reading.pending import Pending
from dovtab.engine.reading.predictor import Predictor
from dovtab.engine.reading.prefetch import Key, Send
from dovtab.engine.reading.source import Ahead, Source
from dovtab.engine.sql import may_stop_early
from dovtab.engine.statement import Statement
from dovtab.resources import Row, Table

# Of a statement that may not want all that is predicted, so many are asked for one by one
# before anybody looks whether one list would do.
FIRST_ASKED_FOR = 20


class Fetch:
    """The GETs of a table on one connection.

    Args:
        run_ahead: runs a statement's speculative copy, if it can, so that its
            predictor learns what the statement is going to ask for, or gives why it
            cannot; None: nobody can.
    """

    def __init__(
        self,
        table: Table,
        account: Account,
        run_ahead: Callable[[Statement], str] | None = None,
    ) -> None:
        self._source = Source(table, account)
        self._account = account
        self._run_ahead = run_ahead
        self._under_way: set[Call[Answer]] = set()

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self._account.clock.time()

    def of(self, table: Table) -> Fetch:
        """The same for another table of the account."""
        return Fetch(table, self._account, self._run_ahead)

    def each(
        self,
        requests: Iterable[Request],
        statement: Statement,
        *,
        count: int = 0,
        fresh: bool = False,
        slow_start: bool = False,
    ) -> Iterator[tuple[Request, Page[Row] | None]]:
        """Each request with its page, in their order; None: there is no such thing.

        Args:
            statement: who pays, and since when answers are good.
            count: how many requests there are, or at least seem to be.
            fresh: take no answer that was there before.
            slow_start: few may be wanted: never ask for more than was wanted so far.

        Raises:
            DovtabError: whatever keeps the next answer away.
        """
        predictor = statement.predictor
        if predictor is not None:
            for request in requests:
                yield request, self._known(request, statement, predictor)
            return
        upcoming = _outstanding(requests, count, statement)
        pending: deque[Pending] = deque()
        most = self._account.settings.concurrency
        width = 1 if slow_start else most
        try:
            while True:
                self._read_ahead(upcoming, pending, statement, width, fresh)
                if not pending:
                    return
                first = pending[0]
                page = self._source.wait(first, statement)
                pending.popleft().release()
                yield first.request, page
                width = min(most, width + 1)
        except GeneratorExit:
            statement.leave(pending)
            pending.clear()
            raise
        finally:
            upcoming.close()
            for one in pending:
                one.release()

    def one(
        self, request: Request, statement: Statement, siblings: Iterable[Request] = ()
    ) -> Page[Row] | None:
        """The page of a request that is one of many such, each from a scan of its own.

        Args:
            siblings: what the statement is going to ask for beside it, if it says so.

        Raises:
            DovtabError: whatever keeps the answer away.
        """
        if statement.predictor is not None:
            return self._known(request, statement, statement.predictor)
        pending = self._source.begin(request, statement)
        try:
            self._prefetch(pending, statement, siblings)
            return self._source.wait(pending, statement)
        finally:
            pending.release()

    def cover(self, requests: Sequence[Request], statement: Statement) -> None:
        """All of these are wanted: read one list in their place, if it is shorter."""
        settings, source = self._account.settings, self._source
        fewest = max(FEWEST, settings.concurrency)
        is_off = statement.predictor is not None or not settings.account_list
        if is_off or len(requests) <= fewest:
            return
        able = [request for request in requests if can_cover(source.table, request)]
        unknown = [request for request in able if source.find(request, statement) is None]
        if (
            len(unknown) <= fewest
            or source.covering_name(unknown[0].since) in statement.covering
        ):
            return
        witness = source.begin(unknown[0], statement)
        try:
            Cover(source, unknown, statement, self._each_of).read(witness)
            source.wait(witness, statement)
        finally:
            witness.release()

    def _cover_predicted(self, pending: Pending, statement: Statement) -> None:
        """The same for what a join is going to ask for."""
        statement.cover_at, settings = sys.maxsize, self._account.settings
        if not settings.account_list:
            return
        groups: dict[Name, list[Ahead]] = {}
        predictions = [s for s in statement.prefetch.predictions if isinstance(s, Ahead)]
        for send in predictions:
            if can_cover(send.source.table, send.request):
                key = send.source.covering_name(send.request.since)
                groups.setdefault(key, []).append(send)
        growth = max((_growth(send, statement) for send in predictions), default=1.0)
        own = self._source.covering_name(pending.request.since)
        asked = statement.prefetch.asked if may_stop_early(statement.text) else None
        for key, found in groups.items():
            if len(found) > max(FEWEST, settings.concurrency) and key not in statement.covering:
                requests = [send.request for send in found]
                source = found[0].source
                each_of = Fetch(source.table, source.account)._each_of
                worth = round(len(requests) * growth)
                attempt = Cover(source, requests, statement, each_of, worth)
                attempt.read(pending if key == own else None, asked=asked)

    def _each_of(self, table: Table) -> Each:
        return self.of(table).each

    def _read_ahead(
        self,
        upcoming: Iterator[Request],
        pending: deque[Pending],
        statement: Statement,
        width: int,
        fresh: bool,
    ) -> None:
        """Begin as many as may be under way."""
        while len(pending) < width:
            self._under_way = {call for call in self._under_way if not call.done}
            full = len(self._under_way) >= width or not self._account.is_free(statement)
            if pending and full:
                break
            request = next(upcoming, None)
            if request is None:
                break
            begun = self._source.begin(request, statement, fresh=fresh)
            if begun.call is not None:
                self._under_way.add(begun.call)
            pending.append(begun)

    def _prefetch(
        self, pending: Pending, statement: Statement, siblings: Iterable[Request]
    ) -> None:
        """While an answer is on its way, see what comes next and let some of it go."""
        prefetch, source = statement.prefetch, self._source
        on_its_way = pending.call is not None and pending.generation is None
        missed = on_its_way and prefetch.missed(source.key(pending.request))
        if missed and prefetch.should_predict:
            wanted = {source.key(r): Ahead(source, r, statement) for r in siblings}
            # How many of a set are wanted nobody knows.
            is_sure = not wanted and not may_stop_early(statement.text)
            statement.cover_at = 0 if is_sure else FIRST_ASKED_FOR
            if wanted:
                prefetch.will_want(wanted)
            elif self._run_ahead is not None:
                prefetch.predicted(_predict(statement, self._run_ahead))
        if prefetch.asked >= statement.cover_at:
            self._cover_predicted(pending, statement)
        while (following := prefetch.next(self._account.settings.concurrency)) is not None:
            _, send = following
            if not send():
                return

    def _known(
        self, request: Request, statement: Statement, predictor: Predictor
    ) -> Page[Row] | None:
        """In a speculative run: what is known of it; that it would be asked for is noted."""
        source, known = self._source, self._source.find(request, statement)
        send = Ahead(source, request, statement.original)
        predictor.record(source.key(request), send, known=known is not None)
        return None if known is None else known.page()


def _growth(ahead: Ahead, statement: Statement) -> float:
    """By how much what is predicted grows when a list that it comes out of has been read."""
    source, request = ahead.source, ahead.request
    number, size = (int(request.query.get(name, 1)) for name in source.table.reads.pager)
    if number == 1 or request.operation is not source.table.reads.account_list:
        return 1.0
    first = source.find(page_request(request, 1, size), statement)
    page = first.page() if first is not None else None
    return page.total / (size * (number - 1)) if page is not None else 1.0


def _predict(statement: Statement, run_ahead: Callable[[Statement], str]) -> dict[Key, Send]:
    copy = statement.speculative_copy()
    statement.alone = run_ahead(copy)
    return copy.predictor.found if copy.predictor else {}


def _outstanding(
    requests: Iterable[Request], count: int, statement: Statement
) -> Generator[Request, None, None]:
    """The requests; those of so many that were not taken yet are outstanding."""
    statement.outstanding += count
    try:
        for request in requests:
            if count:
                count -= 1
                statement.outstanding -= 1
            yield request
    finally:
        statement.outstanding -= count
