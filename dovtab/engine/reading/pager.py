"""A list, page after page, whole or an error.

`Listing` knows when a list is whole; here is the loop around it, for everybody
who reads one: a scan with pages side by side, the search for a lost answer with
one at a time.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Listing, Page, R
from dovtab.errors import AnswerError


class GetPages(Protocol[R]):
    """Gives requests with their pages, in order; None: there is no such thing."""

    def __call__(
        self, requests: Iterable[Request], *, count: int, fresh: bool
    ) -> Iterator[tuple[Request, Page[R] | None]]:
        """Get them.

        Args:
            count: how many requests there are.
            fresh: take no answer that was there before.
        """


def page_query(page: int, per_page: int) -> dict[str, str | int]:
    """What asks for one page of a list."""
    return {"page": page, "per_page": per_page}


def page_request(request: Request, page: int, per_page: int) -> Request:
    """The request for one page of a list."""
    return replace(request, query={**request.query, **page_query(page, per_page)})


def read_list(
    request: Request,
    get: GetPages[R],
    first: Page[R],
    first_size: int = PER_PAGE_MAX,
    *,
    per_page: int = PER_PAGE_MAX,
    wanted: Callable[[int], int] = lambda total: total,
    asked: Request | None = None,
) -> Iterator[tuple[Request, list[R]]]:
    """Each page's request, and its rows that no page had before.

    Args:
        request: the list's; it may be for any page of it.
        get: gets the pages after the first, and all of them if the list is read again.
        first: its first page, which has come.
        first_size, per_page: the sizes of that and of the others. If they differ, and
            more is wanted than the first has, it is read again in the others' size.
        wanted: how many rows of so many are going to be wanted, as far as is known by
            now; fewer pages are then asked for at once.
        asked: what has brought the first page, if that is not to be made again.

    Raises:
        AnswerError: the list is not whole, or not there any more.
        DovtabError: whatever keeps a page away.
    """
    listing = Listing(request)
    yield asked or page_request(request, 1, first_size), listing.take(first)
    if first_size != per_page:
        listing.restart()
    while listing.next_page is not None:
        # As many as the total promises, side by side; then, if need be, one by one.
        promised = 0 if listing.again else wanted(first.total)
        start, end = listing.next_page, -(-promised // per_page)
        numbers = range(start, max(start, end) + 1)
        # Made as they are sent: the total is the server's word, and may be any number.
        others = (page_request(request, number, per_page) for number in numbers)
        for one, page in get(others, count=len(numbers), fresh=listing.again):
            if page is None:
                raise AnswerError(f"{one}: not found any more, though page 1 was")
            yield one, listing.take(page)
            if listing.next_page is None or listing.again:
                break
