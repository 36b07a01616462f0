"""Reading a list page by page, and knowing that it is whole.

The API says how many rows there are (``meta.total``) and whether a page
follows (``links.pages.next``); either has been seen wrong or absent, and rows
shift to a later page when a new action arrives at the head. So a list is
finished when both agree, or when a page brings nothing; then it must hold at
least as many distinct rows as the first page promised. Pages that were asked
for side by side may each be of another moment, and a row can fall between two
of them: then the list is read a second time, page after page. What is missing
after that is an error: a list is never cut short in silence. Nor is it read without
an end: a page that only repeats needs as many new rows as it has, and the total tells
of those; and a total may be wrong, but not by so much that there is twice as much.

Pages are counted, not followed: a link's URL may name any host.

Pure. Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dovtab.errors import AnswerError

PER_PAGE_MAX = 200
# Whatever was made of an object, with its id first.
R = TypeVar("R", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A list's answer, or a single object as a list of one."""

    rows: list[R]
    total: int
    has_next: bool


@dataclass(slots=True)
class Listing:
    """A list while it is being read.

    Attributes:
        where: what is read, for the error.
        next_page: the page to ask for; None when the list is whole.
        again: it is being read a second time, one page after the other.
    """

    where: object
    next_page: int | None = 1
    again: bool = False
    _seen: set[Any] = field(default_factory=set)
    _this_time: set[Any] = field(init=False)
    _received: int = 0
    _promised: int = 0

    def __post_init__(self) -> None:
        # The same set, until it is read again.
        self._this_time = self._seen

    def take(self, page: Page[R]) -> list[R]:
        """The rows of the page ``next_page`` that no page had before.

        Raises:
            AnswerError: this was the last page, and rows are still missing; or there
                would be no last page.
        """
        assert self.next_page is not None
        if self.next_page == 1:
            self._promised = page.total
        by_id = {row[0]: row for row in page.rows}
        new = by_id.keys() - self._seen
        fresh = [row for id, row in by_id.items() if id in new]
        repeats = by_id.keys() <= self._this_time
        self._seen |= new
        if self._this_time is not self._seen:
            self._this_time.update(by_id)
        self._received += len(page.rows)
        agreed = self._received == page.total and not page.has_next
        if agreed or not page.rows:
            self._end()
            return fresh
        if repeats and len(page.rows) > page.total - self._promised:
            raise AnswerError(f"{self.where}: the pages repeat each other")
        if len(self._seen) > 2 * (page.total + PER_PAGE_MAX):
            raise AnswerError(
                f"{self.where}: the API promised {page.total} rows, gave {len(self._seen)}, and"
                " goes on"
            )
        self.next_page += 1
        return fresh

    def restart(self) -> None:
        """Read again from page 1, in pages of another size, unless it is whole."""
        if self.next_page is not None:
            self.next_page, self._received = 1, 0
            self._this_time = set()

    def _end(self) -> None:
        missing = len(self._seen) < self._promised
        if missing and self.again:
            raise AnswerError(
                f"{self.where}: the API promised {self._promised} rows and gave"
                f" {len(self._seen)}, so the list is not whole"
            )
        if missing:
            self.restart()
            self.again = True
        else:
            self.next_page = None
