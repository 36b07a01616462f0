"""Reading one list in place of many requests, where that takes fewer.

The quota is what a fleet runs out of: a list of the account is read instead, and who is
there from the list of Droplets. Nobody shall notice but by the clock and by
`dovtab_requests`. So it is given up, and everything asked for one by one as if nothing
had been tried, when the token may not, a page fails, it gets longer than it was worth,
it does not come out whole in one go, or has other rows than a Droplet's own list, or
rows of which it is not said whose they are. Of the statement's `max_requests` it takes as
much as it has cost, but one at most for each request in whose place it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.engine.reading.covering import MOST_ROWS, Covering, decide, pages
from dovtab.engine.reading.held import Held
from dovtab.engine.reading.lengths import UNREADABLE
from dovtab.engine.reading.pager import page_request, read_list
from dovtab.engine.reading.pending import Pending
from dovtab.engine.reading.since import Since, seconds
from dovtab.engine.reading.source import Source
from dovtab.engine.statement import Statement
from dovtab.errors import APIError, DovtabError, Interrupted
from dovtab.resources import Row, Table

# The token may not, or there is no such list: that is not asked again so soon.
NOT_FOR_US = frozenset({401, 403, 404})


class Each(Protocol):
    """Gives requests of a table with their pages, as `Fetch.each` does."""

    def __call__(
        self, requests: Iterable[Request], statement: Statement, *, count: int
    ) -> Iterator[tuple[Request, Page[Row] | None]]:
        """Get them."""


class _GivenUp(Exception):
    """It is not worth it, or cannot be trusted."""


class Cover:
    """An attempt to read a list in place of these requests.

    Args:
        requests: of one operation, and all since the same moment.
        statement: that wants them.
        each: of a table.
        worth: how many requests it may take the place of, if more than these.
    """

    def __init__(
        self,
        source: Source,
        requests: Sequence[Request],
        statement: Statement,
        each: Callable[[Table], Each],
        worth: int = 0,
    ) -> None:
        self._source = source
        self._table = source.table
        self._statement = statement
        self._each = each
        self._since = requests[0].since
        key = (source.table.reads.parent or source.table.reads.item)[0]
        self._sought = {request.parameters[key]: request for request in requests}
        self._worth = max(worth, len(self._sought))
        # It pays for what may turn out to be of no use.
        self._paying = Statement(statement.text, reads=True)
        self._paying.started_ns, self._paying.attempts = statement.started_ns, 1
        self._paying.held = Held(unpacked_rows=MOST_ROWS)

    def read(self, witness: Pending | None, *, asked: int | None = None) -> None:
        """Read it, if it takes fewer requests; the statement's `covering` then has it.

        Args:
            witness: one of the requests, which has been sent: its answer has to agree;
                None: the first is sent.
            asked: see `decide`.

        Raises:
            Interrupted: somebody stopped the statement.
        """
        statement, key = self._statement, self._source.covering_name(self._since)
        statement.covering.keep(key, None)
        shared = self._source.account.shared()
        covering = Covering(self._table, self._since, shared.cache.generation())
        try:
            if self._is_worth_it(asked):
                self._fill(covering)
                self._check(covering, witness)
                covering.unpaid = self._paying.requests
                statement.covering.keep(key, covering)
        except Interrupted:
            raise
        except (DovtabError, _GivenUp):
            statement.in_vain += self._paying.requests
            return
        finally:
            self._paying.end()

    def _is_worth_it(self, asked: int | None) -> bool:
        """Whether it is, by the length that the list had last, or by its first page."""
        account, listed = self._source.account, self._table.reads.account_list
        assert listed is not None
        now, lengths = account.clock.monotonic(), account.shared().lengths
        rows = lengths.find(self._table.name, now)
        # How much of a list is since some moment is only seen in it.
        known = rows if self._since is None or rows == UNREADABLE else None
        if known is not None and self._decide(known, asked) == "never":
            return False
        query, _ = listed.queries({})[0]
        try:
            first = self._first(self._table, Request(listed, query=query))
        except APIError as error:
            if error.status in NOT_FOR_US:
                lengths.keep(self._table.name, None, now)
            raise
        lengths.keep(self._table.name, first.total, now)
        verdict = self._decide(self._wanted(first), asked)
        if verdict == "later":
            self._statement.cover_at = pages(first.total) + pages(self._worth)
            self._statement.covering.forget(self._source.covering_name(self._since))
        return verdict == "now"

    def _decide(self, rows: int, asked: int | None) -> str:
        owners = bool(self._table.reads.parent)
        return decide(self._worth, rows, owners=owners, asked=asked)

    def _wanted(self, first: Page[Row]) -> int:
        if self._since is None:
            return first.total
        since = Since(self._since)
        since.take(self._times(first.rows))
        return since.expected(first.total)

    def _fill(self, covering: Covering) -> None:
        listed, owners = self._table.reads.account_list, self._table.owners
        assert listed is not None
        with self._coming(owners) as have_come:
            is_whole = True
            for query, _ in listed.queries({}):
                # Objects that are asked for by their ids are there if they are listed.
                if owners is None and self._sought.keys() <= covering.owners:
                    is_whole = False
                    break
                for rows in self._list(self._table, Request(listed, query=query)):
                    covering.add(rows)
            if owners is None:
                covering.are_there(covering.owners, all=is_whole)
            else:
                have_come()
                self._look_who_is_there(covering, owners)

    @contextmanager
    def _coming(self, owners: Table | None) -> Iterator[Callable[[], object]]:
        """Have the first page of who is there on its way meanwhile; gives what waits for it."""
        listed = owners.reads.account_list if owners is not None else None
        if owners is None or listed is None:
            yield lambda: None
            return
        source = Source(owners, self._source.account)
        query, _ = listed.queries({})[0]
        request = page_request(Request(listed, query=query), 1, PER_PAGE_MAX)
        pending = source.begin(request, self._paying)
        try:
            yield lambda: source.wait(pending, self._paying)
        finally:
            pending.release()

    def _look_who_is_there(self, covering: Covering, owners: Table) -> None:
        there: set[int] = set()
        listed = owners.reads.account_list
        assert listed is not None
        is_whole = True
        for query, _ in listed.queries({}):
            if self._sought.keys() <= there:
                is_whole = False
                break
            for rows in self._list(owners, Request(listed, query=query)):
                there.update(row[0] for row in rows if isinstance(row[0], int))
        covering.are_there(there, all=is_whole)

    def _first(self, table: Table, request: Request) -> Page[Row]:
        asked = [page_request(request, 1, PER_PAGE_MAX)]
        ((_, page),) = self._each(table)(asked, self._paying, count=1)
        if page is None:
            raise _GivenUp
        return page

    def _list(self, table: Table, request: Request) -> Iterator[list[Row]]:
        """The pages of a list, as far as they are wanted."""
        first = self._first(table, request)
        since = None
        if table is self._table and self._since is not None:
            since = Since(self._since)
        self._afford(pages(first.total if since is None else self._wanted(first)) - 1)
        wanted = since.expected if since is not None else lambda total: total
        for _, rows in read_list(request, self._get(table), first, wanted=wanted):
            if since is None:
                yield rows
                continue
            kept = since.take(self._times(rows))
            yield [row for row, is_wanted in zip(rows, kept, strict=True) if is_wanted]
            if since.is_over:
                return

    def _get(self, table: Table) -> Callable[..., Iterator[tuple[Request, Page[Row] | None]]]:
        def get(
            requests: Iterable[Request], *, count: int, fresh: bool
        ) -> Iterator[tuple[Request, Page[Row] | None]]:
            if fresh or self._paying.requests + count > self._worth:
                raise _GivenUp
            return self._each(table)(requests, self._paying, count=count)

        return get

    def _check(self, covering: Covering, witness: Pending | None) -> None:
        """Ask one of those that are there, and one of the others, if it matters."""
        if witness is None:
            request = next(iter(self._sought.values()))
            page = self._ask(request)
        else:
            request, page = witness.request, self._source.wait(witness, self._statement)
        rows = page.rows if page is not None else []
        if self._since is not None:
            times = self._times(rows)
            rows = [r for r, t in zip(rows, times, strict=True) if t and t >= self._since]
        ids = {row[0] for row in rows if isinstance(row[0], int)}
        if covering.has_strays or not covering.agrees(request, page, ids):
            raise _GivenUp
        missing = covering.last_missing(self._sought)
        other = None if missing is None else self._sought[missing]
        if other not in (None, request) and self._ask(other) is not None:
            raise _GivenUp

    def _ask(self, request: Request) -> Page[Row] | None:
        self._afford(1)
        ((_, page),) = self._each(self._table)([request], self._paying, count=1)
        return page

    def _afford(self, more: int) -> None:
        allowed = self._source.account.settings.max_requests - self._statement.requests
        cost = self._paying.requests + more
        if cost >= self._worth or cost > allowed:
            raise _GivenUp

    def _times(self, rows: Sequence[Row]) -> list[float | None]:
        assert self._table.reads.since is not None
        place = self._table.places[self._table.reads.since[1]]
        return [seconds(row[place]) for row in rows]
