"""From what is looked for to requests, and from answers to rows.

The one rule: what comes out is what an ordinary table with the same rows would
give, or an error. A page is read when its first row is wanted, so a statement
that stops early has asked for little.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dovtab.api.exchange import Json, Request
from dovtab.api.pages import PER_PAGE_MAX, Listing, is_action, read_page
from dovtab.engine.account import Account
from dovtab.engine.lookup import Lookup, Value, lookup
from dovtab.engine.planner import read_idx_str
from dovtab.engine.rows import Row, rows
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError
from dovtab.resources import Resource


def scan(
    resource: Resource,
    idx_str: str,
    argv: Sequence[Value],
    account: Account,
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
    reader = _Reader(resource, sought, account, statement)
    return reader.items() if sought.items is not None else reader.lists()


@dataclass(frozen=True, slots=True)
class _Reader:
    resource: Resource
    sought: Lookup
    account: Account
    statement: Statement

    def items(self) -> Iterator[Row]:
        """One request an action; at the Droplet's address if there is just one."""
        resource, parents = self.resource, self.sought.parents or ()
        key = resource.item[0]
        alone = len(parents) == 1
        operation = resource.get if alone else resource.account_get
        path = {resource.parent[0]: parents[0]} if alone else {}
        requests = (Request(operation, {**path, key: id}) for id in self.sought.items or ())
        for request, answer in self.account.get_each(requests, self.statement):
            if answer is None:
                continue
            item = answer.get(operation.answer)
            if not is_action(item) or item["id"] != request.parameters[key]:
                raise AnswerError(f"{request}: '{operation.answer}' is not the one asked for")
            if alone or not parents or item.get(resource.parent[1]) in parents:
                yield from self._rows(request, [item])

    def lists(self) -> Iterator[Row]:
        """A list for each Droplet, or the account's; a Droplet that is gone has none."""
        resource, parents = self.resource, self.sought.parents
        firsts = (
            [Request(resource.account_list)]
            if parents is None
            else (Request(resource.list, {resource.parent[0]: parent}) for parent in parents)
        )
        page, per_page = self.sought.page or 1, self._first_page_size()
        requests = (self._page(first, page, per_page) for first in firsts)
        for request, answer in self.account.get_each(requests, self.statement):
            if answer is not None:
                yield from self._list(request, answer)

    def _list(self, request: Request, answer: Json) -> Iterator[Row]:
        """The rows of a list whose first page has come."""
        member = request.operation.answer
        first = read_page(answer, member, request)
        if self.sought.page is not None:
            yield from self._rows(request, first.items)
            return
        listing = Listing(Request(request.operation, request.parameters))
        yield from self._rows(request, listing.take(first))
        per_page = self.sought.per_page or PER_PAGE_MAX
        if self._first_page_size() != per_page:
            # SQLite wanted more than its LIMIT: once again, in pages of full size.
            listing.restart()
        while listing.next_page is not None:
            request = self._page(request, listing.next_page, per_page)
            answer = self.account.get(request, self.statement)
            if answer is None:
                raise AnswerError(f"{request}: not found any more, though page 1 was")
            yield from self._rows(request, listing.take(read_page(answer, member, request)))

    def _first_page_size(self) -> int:
        if self.sought.per_page is not None:
            return self.sought.per_page
        wanted = self.sought.wanted
        return PER_PAGE_MAX if wanted is None else max(1, min(wanted, PER_PAGE_MAX))

    def _page(self, request: Request, page: int, per_page: int) -> Request:
        return replace(request, query={"page": page, "per_page": per_page})

    def _rows(self, request: Request, items: list[dict[str, Json]]) -> list[Row]:
        bound = dict(
            zip(self.resource.pager, (self.sought.page, self.sought.per_page), strict=True)
        )
        parent = request.parameters.get(self.resource.parent[0])
        return rows(self.resource, items, request, parent=parent, bound=bound)
