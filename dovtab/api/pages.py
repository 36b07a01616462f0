"""Reading a list page by page, and knowing that it is whole.

The API says how many rows there are (``meta.total``) and whether a page
follows (``links.pages.next``); either has been seen wrong or absent, and rows
shift to a later page when a new action arrives at the head. So a list is
finished when both agree, or when a page brings nothing; then it must hold at
least as many distinct rows as the first page promised. Anything else is an
error: a list is never cut short in silence.

Pages are counted, not followed: a link's URL may name any host.

Pure. Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dovtab.api.exchange import Json
from dovtab.errors import AnswerError

PER_PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Page:
    """A list's answer: its objects, each with a whole-numbered id."""

    items: list[dict[str, Json]]
    total: int
    has_next: bool


def read_page(answer: Json, member: str, where: object) -> Page:
    """The page in an answer.

    Args:
        answer: the decoded JSON.
        member: the name of the array in it.
        where: the request, for the error.

    Raises:
        AnswerError: it is not such a page.
    """
    fields = answer if isinstance(answer, dict) else {}
    items, meta, links = fields.get(member), fields.get("meta"), fields.get("links")
    total = meta.get("total") if isinstance(meta, dict) else None
    pages = links.get("pages") if isinstance(links, dict) else None
    if not isinstance(items, list) or not all(is_action(item) for item in items):
        raise AnswerError(f"{where}: '{member}' is not a list of objects with an id")
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise AnswerError(f"{where}: the answer does not say how many there are (meta.total)")
    if not isinstance(links, dict | None) or not isinstance(pages, dict | None):
        raise AnswerError(f"{where}: 'links' is not an object")
    return Page(items, total, bool(pages and pages.get("next")))


def is_action(item: Json) -> bool:
    """Whether this is an object with an id that SQLite can hold."""
    id = item.get("id") if isinstance(item, dict) else None
    return isinstance(id, int) and not isinstance(id, bool) and 0 < id < 2**63


@dataclass(slots=True)
class Listing:
    """A list while it is being read.

    Attributes:
        where: what is read, for the error.
        next_page: the page to ask for; None when the list is whole.
    """

    where: object
    next_page: int | None = 1
    _seen: set[int] = field(default_factory=set)
    _received: int = 0
    _promised: int = 0

    def take(self, page: Page) -> list[dict[str, Json]]:
        """The rows of the page ``next_page`` that no page had before.

        Raises:
            AnswerError: this was the last page, and rows are missing.
        """
        assert self.next_page is not None
        if self.next_page == 1:
            self._promised = page.total
        fresh = []
        for item in page.items:
            if item["id"] not in self._seen:
                self._seen.add(item["id"])
                fresh.append(item)
        self._received += len(page.items)
        agreed = self._received == page.total and not page.has_next
        if agreed or not page.items:
            self._check_whole()
            self.next_page = None
        elif not fresh and self._received >= page.total:
            # New rows at the head may fill a page with old ones, but not past the end.
            raise AnswerError(f"{self.where}: the pages repeat each other without an end")
        else:
            self.next_page += 1
        return fresh

    def restart(self) -> None:
        """Read again from page 1, in pages of another size, unless it is whole."""
        if self.next_page is not None:
            self.next_page, self._received = 1, 0

    def _check_whole(self) -> None:
        if len(self._seen) < self._promised:
            raise AnswerError(
                f"{self.where}: the API promised {self._promised} rows and gave"
                f" {len(self._seen)}, so the list is not whole"
            )
