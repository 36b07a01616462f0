"""From what is looked for to requests, and from answers to rows.

The one rule: what comes out is what an ordinary table with the same rows would
give, or an error. A page is read when its first row is wanted, so a statement
that stops early has asked for little.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.engine.reading.fetch import Fetch
from dovtab.engine.reading.lookup import Lookup, Value, lookup
from dovtab.engine.reading.pager import page_query, read_list
from dovtab.engine.reading.planner import read_idx_str
from dovtab.engine.reading.rows import complete, has_listed
from dovtab.engine.reading.since import Since, moment, seconds
from dovtab.engine.statement import Statement
from dovtab.resources import Cell, Operation, Row, Table


class LastPage(list[Row]):
    """A page after which there is none, and it takes no request to know that."""


class _Unknown(Exception):
    """A speculative run has come to a page that is not known."""


def scan(
    table: Table,
    idx_str: str,
    argv: Sequence[Value],
    fetch: Fetch,
    statement: Statement,
    name: str = "",
) -> Iterator[list[Row]]:
    """The rows of a plan, page by page: the next page is asked for when it is taken.

    Args:
        name: what the table is called.

    Raises:
        ArgumentError: a value that no request can carry, such as page 0.
        DovtabError: while pages are taken, whatever keeps an answer away.
    """
    _, arguments = read_idx_str(idx_str)
    sought = lookup(table, arguments, argv, statement.text, name)
    if sought is None:
        return iter(())
    reader = _Reader(table, sought, fetch, statement)
    return reader.items() if sought.items is not None else reader.lists()


@dataclass(frozen=True, slots=True)
class _Reader:
    table: Table
    sought: Lookup
    fetch: Fetch
    statement: Statement

    def items(self) -> Iterator[list[Row]]:
        """Page by page: one request an object; at its parent's address if there is just one."""
        reads, parents = self.table.reads, self.sought.parents or ()
        alone = len(parents) == 1 and reads.get is not None
        operation = reads.get if alone else reads.account_get
        assert operation is not None
        path = {reads.parent[0]: parents[0]} if alone else {}
        requests = [
            Request(operation, {**path, reads.item[0]: id}) for id in self.sought.items or ()
        ]
        self.fetch.cover(requests, self.statement)
        for number, (request, page) in enumerate(self._pages(requests, []), start=1):
            rows = self._rows(request, page.rows if page else [])
            if parents and not alone:
                owner = self.table.places[reads.parent[0]]
                rows = [row for row in rows if row[owner] in parents]
            yield LastPage(rows) if number == len(requests) else rows

    def lists(self) -> Iterator[list[Row]]:
        """Page by page: a list for each parent, or the account's; a parent that is gone has none."""
        moment = self._moment()
        reads, parents = self.table.reads, self._parents()
        must: Sequence[tuple[str, str] | None]
        if parents is not None and reads.list is not None:
            first = [self._first(reads.list, moment, parent=parent) for parent in parents]
            others = self.sought.siblings
            siblings = [self._first(reads.list, moment, parent=parent) for parent in others]
            if not (self.sought.few or self.sought.row_limit or self.sought.page):
                self.fetch.cover(first, self.statement)
            must = [None] * len(first)
        else:
            assert reads.account_list is not None
            asked = reads.account_list.queries(self.sought.filters)
            first = [self._first(reads.account_list, moment, query=query) for query, _ in asked]
            siblings, must = [], [tell for _, tell in asked]
        # An object may be in more than one part of a list, and is one row.
        seen: set[Cell] = set()
        for (request, page), tells in zip(self._pages(first, siblings), must, strict=True):
            if page is not None:
                since = None if moment is None else Since(moment)
                for rows in self._list(request, page, since):
                    yield self._only(rows, tells, seen) if len(first) > 1 else rows

    def _parents(self) -> Sequence[int] | None:
        """The parents, ascending, if some are sought; the owners are asked for where need be."""
        owners, filters = self.table.owners, self.sought.filters
        of_owners = {name: filters[name] for name in self.table.of_owners if name in filters}
        if owners is None or not of_owners:
            return self.sought.parents
        reader = _Reader(
            owners, Lookup(filters=of_owners), self.fetch.of(owners), self.statement
        )
        found = {row[0] for rows in reader.lists() for row in rows}
        sought = (
            found if self.sought.parents is None else found.intersection(self.sought.parents)
        )
        return sorted(id for id in sought if isinstance(id, int))

    def _only(
        self, rows: list[Row], tells: tuple[str, str] | None, seen: set[Cell]
    ) -> list[Row]:
        """The rows that had not come, and that say of themselves what they must."""
        if tells is not None:
            place = self.table.places[tells[0]]
            rows = [row for row in rows if has_listed(row[place], tells[1])]
        new = [row for row in rows if row[0] not in seen]
        seen.update(row[0] for row in new)
        return new

    def _first(
        self,
        operation: Operation,
        moment: float | None,
        *,
        parent: int | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Request:
        path = {} if parent is None else {self.table.reads.parent[0]: parent}
        paged = page_query(self.sought.page or 1, self._first_page_size())
        return Request(operation, path, {**(query or {}), **paged}, since=moment)

    def _pages(
        self, requests: Sequence[Request], siblings: Iterable[Request]
    ) -> Iterator[tuple[Request, Page[Row] | None]]:
        """Each with its answer; a single one may be one of many scans of a join."""
        if len(requests) == 1:
            yield requests[0], self.fetch.one(requests[0], self.statement, siblings)
        else:
            few = self.sought.few or self.sought.row_limit is not None
            count = len(requests)
            yield from self.fetch.each(requests, self.statement, count=count, slow_start=few)

    def _list(
        self, request: Request, first: Page[Row], since: Since | None
    ) -> Iterator[list[Row]]:
        """The pages of a list whose first page has come."""
        if self.sought.page is not None:
            yield self._rows(request, self._started(first.rows, since))
            return
        pages = read_list(
            request,
            self._more,
            first,
            self._first_page_size(),
            per_page=self.sought.per_page or PER_PAGE_MAX,
            wanted=self._wanted(since),
            asked=request,
        )
        try:
            for asked, rows in pages:
                yield self._rows(asked, self._started(rows, since))
                if since is not None and since.is_over:
                    return
        except _Unknown:
            return

    def _wanted(self, since: Since | None) -> Callable[[int], int]:
        """How many rows of a list are going to be wanted."""
        limit = self.sought.row_limit
        if since is not None:
            return since.expected
        return lambda total: total if limit is None else min(total, limit)

    def _moment(self) -> float | None:
        """From when on rows are sought, if it was said."""
        column, _ = self.table.reads.since or ("", "")
        text, moments = self.sought.filters.get(column), self.statement.moments
        if text is None:
            return None
        if text not in moments:
            moments[text] = moment(text, self.fetch.now)
        return moments[text]

    def _started(self, rows: list[Row], since: Since | None) -> list[Row]:
        if since is None or self.table.reads.since is None:
            return rows
        place = self.table.places[self.table.reads.since[1]]
        times = [seconds(row[place]) for row in rows]
        return [row for row, wanted in zip(rows, since.take(times), strict=True) if wanted]

    def _more(
        self, requests: Iterable[Request], *, count: int, fresh: bool
    ) -> Iterator[tuple[Request, Page[Row] | None]]:
        pages = self.fetch.each(
            requests, self.statement, count=count, fresh=fresh, slow_start=self.sought.few
        )
        for asked, page in pages:
            if page is None and self.statement.predictor is not None:
                raise _Unknown
            yield asked, page

    def _first_page_size(self) -> int:
        if self.sought.per_page is not None:
            return self.sought.per_page
        most = self.sought.row_limit
        return PER_PAGE_MAX if most is None else max(1, min(most, PER_PAGE_MAX))

    def _rows(self, request: Request, page_rows: list[Row]) -> list[Row]:
        # The page that a row came from, or, for an object, what was said of pages.
        page, per_page = self.table.reads.pager
        paged = {name: request.query.get(name) for name in (page, per_page)}
        said = {page: self.sought.page, per_page: self.sought.per_page}
        bound = {**self.sought.filters, **(paged if request.query else said)}
        return complete(self.table, page_rows, request=request, bound=bound)
