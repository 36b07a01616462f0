"""From what is looked for to requests, and from answers to rows.

The one rule: what comes out is what an ordinary table with the same rows would
give, or an error. A page is read when its first row is wanted, so a statement
that stops early has asked for little.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Listing, Page
from dovtab.engine.fetch import Fetch
from dovtab.engine.lookup import Lookup, Value, lookup
from dovtab.engine.planner import read_idx_str
from dovtab.engine.rows import complete
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError
from dovtab.resources import Resource, Row


def scan(
    resource: Resource,
    idx_str: str,
    argv: Sequence[Value],
    fetch: Fetch,
    statement: Statement,
) -> Iterator[Row]:
    """The rows of a plan, read as they are taken.

    Raises:
        ArgumentError: a value that no request can carry, such as page 0.
        DovtabError: while rows are taken, whatever keeps an answer away.
    """
    _, arguments = read_idx_str(idx_str)
    sought = lookup(resource, arguments, argv)
    if sought is None:
        return iter(())
    reader = _Reader(resource, sought, fetch, statement)
    # A row costs no step of a generator: only a page does.
    return chain.from_iterable(reader.items() if sought.items is not None else reader.lists())


@dataclass(frozen=True, slots=True)
class _Reader:
    resource: Resource
    sought: Lookup
    fetch: Fetch
    statement: Statement

    def items(self) -> Iterator[list[Row]]:
        """Page by page: one request an action; at the Droplet's address if there is just one."""
        resource, parents = self.resource, self.sought.parents or ()
        key = resource.item[0]
        owner = len(resource.visible)
        alone = len(parents) == 1
        operation = resource.get if alone else resource.account_get
        path = {resource.parent[0]: parents[0]} if alone else {}
        requests = [Request(operation, {**path, key: id}) for id in self.sought.items or ()]
        for request, page in self._pages(requests, []):
            rows = self._rows(request, page.rows if page else [])
            yield [row for row in rows if alone or not parents or row[owner] in parents]

    def lists(self) -> Iterator[list[Row]]:
        """Page by page: a list for each Droplet, or the account's; a Droplet that is gone has none."""
        parents = self.sought.parents
        account = self._page(Request(self.resource.account_list))
        requests = [account] if parents is None else [self._first(parent) for parent in parents]
        company = (self._first(parent) for parent in self.sought.company)
        for request, page in self._pages(requests, company):
            if page is not None:
                yield from self._list(request, page)

    def _first(self, parent: int) -> Request:
        return self._page(Request(self.resource.list, {self.resource.parent[0]: parent}))

    def _pages(
        self, requests: Sequence[Request], company: Iterable[Request]
    ) -> Iterator[tuple[Request, Page | None]]:
        """Each with its answer; a single one may be one of many scans of a join."""
        if len(requests) == 1:
            yield requests[0], self.fetch.one(requests[0], self.statement, company)
        else:
            few = self.sought.wanted is not None
            count = len(requests)
            yield from self.fetch.each(requests, self.statement, count=count, slow_start=few)

    def _list(self, request: Request, page: Page) -> Iterator[list[Row]]:
        """The pages of a list whose first page has come."""
        if self.sought.page is not None:
            yield self._rows(request, page.rows)
            return
        listing = Listing(Request(request.operation, request.parameters))
        yield self._rows(request, listing.take(page))
        per_page = self.sought.per_page or PER_PAGE_MAX
        if self._first_page_size() != per_page:
            # SQLite wanted more than its LIMIT: once again, in pages of full size.
            listing.restart()
        while listing.next_page is not None:
            numbers = self._next_pages(listing, page, per_page)
            requests = (self._page(request, number, per_page) for number in numbers)
            pages = self.fetch.each(
                requests, self.statement, count=len(numbers), fresh=listing.again
            )
            for asked, more in pages:
                if more is None and self.statement.looking:
                    return
                if more is None:
                    raise AnswerError(f"{asked}: not found any more, though page 1 was")
                yield self._rows(asked, listing.take(more))
                if listing.next_page is None or listing.again:
                    break

    def _next_pages(self, listing: Listing, first: Page, per_page: int) -> range:
        """As many as the total promises, side by side; then, if need be, one by one."""
        start = listing.next_page or 1
        promised = 0 if listing.again else first.total
        if self.sought.wanted is not None:
            promised = min(promised, self.sought.wanted)
        return range(start, max(start, -(-promised // per_page)) + 1)

    def _first_page_size(self) -> int:
        if self.sought.per_page is not None:
            return self.sought.per_page
        wanted = self.sought.wanted
        return PER_PAGE_MAX if wanted is None else max(1, min(wanted, PER_PAGE_MAX))

    def _page(
        self, request: Request, page: int | None = None, per_page: int | None = None
    ) -> Request:
        number, size = page or self.sought.page or 1, per_page or self._first_page_size()
        return replace(request, query={"page": number, "per_page": size})

    def _rows(self, request: Request, page_rows: list[Row]) -> list[Row]:
        # The page that a row came from, or, for an action, what was said of pages.
        page, per_page = self.resource.pager
        others = {page: self.sought.page, per_page: self.sought.per_page, **request.query}
        parent = request.parameters.get(self.resource.parent[0])
        return complete(self.resource, page_rows, parent=parent, others=others)
