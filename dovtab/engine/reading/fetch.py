"""Many answers, in order, at once, and none of them twice.

As many as ``concurrency`` are on their way while the first of them is waited
for; nothing is asked for ahead of time that would break a limit, so read-ahead
never fails what would not have failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from dovtab.api.exchange import Request
from dovtab.api.pages import Page
from dovtab.engine.account import Account
from dovtab.engine.call import Call
from dovtab.engine.reading.answer import Answer
from dovtab.engine.reading.predictor import Predictor
from dovtab.engine.reading.prefetch import Key, Send
from dovtab.engine.reading.source import Pending, Source
from dovtab.engine.statement import Statement
from dovtab.resources import Row, Table


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
        upcoming = iter(requests)
        pending: deque[Pending] = deque()
        most = self._account.settings.concurrency
        width = 1 if slow_start else most
        statement.outstanding += count
        try:
            while True:
                begun = self._read_ahead(upcoming, pending, statement, width, fresh)
                statement.outstanding -= min(begun, count)
                count -= min(begun, count)
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
            statement.outstanding -= count
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

    def _read_ahead(
        self,
        upcoming: Iterator[Request],
        pending: deque[Pending],
        statement: Statement,
        width: int,
        fresh: bool,
    ) -> int:
        """Begin as many as may be under way; gives how many that were."""
        count = 0
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
            count += 1
        return count

    def _prefetch(
        self, pending: Pending, statement: Statement, siblings: Iterable[Request]
    ) -> None:
        """While an answer is on its way, see what comes next and let some of it go."""
        prefetch, source = statement.prefetch, self._source
        on_its_way = pending.call is not None and pending.generation is None
        missed = on_its_way and prefetch.missed(source.key(pending.request))
        if missed and prefetch.should_predict:
            wanted = {
                source.key(request): partial(source.prefetch, request, statement)
                for request in siblings
            }
            if wanted:
                prefetch.will_want(wanted)
            elif self._run_ahead is not None:
                prefetch.predicted(_predict(statement, self._run_ahead))
        while (following := prefetch.next(self._account.settings.concurrency)) is not None:
            _, send = following
            if not send():
                return

    def _known(
        self, request: Request, statement: Statement, predictor: Predictor
    ) -> Page[Row] | None:
        """In a speculative run: what is known of it; that it would be asked for is noted."""
        source, known = self._source, self._source.find(request, statement)
        send = partial(source.prefetch, request, statement.original)
        predictor.record(source.key(request), send, known=known is not None)
        return None if known is None else known.page()


def _predict(statement: Statement, run_ahead: Callable[[Statement], str]) -> dict[Key, Send]:
    copy = statement.speculative_copy()
    statement.alone = run_ahead(copy)
    return copy.predictor.found if copy.predictor else {}
