"""Which pages of the account's list are still to be read, and when nothing is missing.

Theory of operation. The API says how many actions there are (``meta.total``) and
documents no order. Actions come, and have not been seen to go. So whatever has been
seen in any answer is in the list of any later one, and as soon as as many are known as
the largest total of this run, they are all of them. That, and nothing about order,
decides when the list is whole. Order is only guessed, to read few pages:

1. page 1, for what is new is there;
2. as long as the page above has ended with something new, as many below it as are
   missing, if any is known a few at a time: what is missing may be elsewhere, too;
3. where what is known ends, if it is the newest: there a run that was interrupted goes on;
4. every page that was not read yet;
5. a page again, if the list has grown between it and the page above it: what moved from
   one to the other meanwhile was in neither.

If it is not whole then, it has to be read by other means, from its beginning. The
states of a survey:

=============  ============================  =====================================
state          who moves it                  what holds
=============  ============================  =====================================
trusting       the start                     what was known counts, but for what was
                                             found to be gone; if that is more than
                                             there is, somebody has to look for more
from nothing   `distrust`, or the start      only what this run has found counts;
                                             what else was known is gone
read_all       `ended`                       the list was read to its end
=============  ============================  =====================================

Pure. Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/actions_list
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.resources import Row

# How often more than there are pages a page is read again: a list may grow all the time.
AGAIN = 20
# How many pages are a few.
FEW = 16


class Survey:
    """What one run knows of the list.

    Args:
        known: the ids that were in it when it was last read.
        full: count none of them: all has to be seen again.

    Attributes:
        found: the ids that this run has seen.
        total: the largest number of actions that an answer has promised.
    """

    def __init__(
        self, known: frozenset[int], *, full: bool = False, per_page: int = PER_PAGE_MAX
    ) -> None:
        self.found: set[int] = set()
        self.total = 0
        self._known = known
        self._per_page = per_page
        self._trusts = not full
        self._forgotten: set[int] = set()
        self._found_unknown = 0
        self._ends_new: set[int] = set()
        # The total that came with a page, the first time and the last.
        self._first: dict[int, int] = {}
        self._latest: dict[int, int] = {}
        self._read_again = 0
        self._is_odd = self._read_all = False

    @property
    def seen(self) -> int:
        """How many are known to be in the list."""
        if not self._trusts:
            return len(self.found)
        return len(self._known) + self._found_unknown - len(self._forgotten)

    @property
    def has_gone(self) -> bool:
        """Whether more are known than there are."""
        counts = self._trusts and bool(self._first) and not self._is_odd
        return counts and self.seen > self.total

    @property
    def listed(self) -> frozenset[int]:
        """What is believed to be in the list."""
        return (self._counted | self.found) - self._forgotten

    @property
    def is_whole(self) -> bool:
        """Whether every action of the list is known."""
        counted = bool(self._first) and not self._is_odd and self.seen == self.total
        return counted or self._read_all

    @property
    def gone(self) -> set[int]:
        """What was known, and the list does not have any more; only if it is whole."""
        if self._read_all or (self.is_whole and not self._trusts):
            return set(self._known - self.found)
        return self._forgotten if self.is_whole else set()

    def take(self, number: int, page: Page[Row]) -> None:
        """Learn what a page has."""
        self.total = max(self.total, page.total)
        self._read_again += number in self._first
        self._first.setdefault(number, page.total)
        self._latest[number] = page.total
        last = {id for id, *_ in page.rows[-1:]} - self.found
        if last - self._counted:
            self._ends_new.add(number)
        self._find(page.rows)
        # A page that is not full, and one that is followed by more than is promised.
        follows = number * self._per_page < page.total
        self._is_odd |= page.has_next and not follows
        self._is_odd |= len(page.rows) < self._per_page and follows

    def forget(self, gone: Collection[int]) -> None:
        """Count these no more: they are gone."""
        self._forgotten.update(gone)

    def distrust(self) -> None:
        """Count only what this run finds."""
        self._trusts = False
        self._ends_new.update(self._first)

    def read_again(self, rows: Iterable[Row]) -> None:
        """Learn what is in the list as it is read from its beginning, by other means."""
        self._find(rows)

    def ended(self) -> None:
        """It was read to its end, by other means."""
        self._read_all = True

    def next_pages(self) -> range:
        """The pages to ask for next, side by side; none: it is whole, or no guess is left."""
        if not self._first:
            return range(1, 2)
        if self.is_whole or self._is_odd or self.has_gone:
            return range(0)
        last = -(-self.total // self._per_page)
        missing = -(-max(self.total - self.seen, 0) // self._per_page)
        top = next(n for n in range(1, len(self._first) + 2) if n not in self._first)
        if top <= last:
            if top - 1 in self._ends_new:
                few = max(FEW, len(self._first)) if self._counted else missing
                return self._unread(top, min(last, top - 1 + min(few, missing)))
            bottom = self.seen // self._per_page + 1
            start = bottom if top < bottom <= last and bottom not in self._first else top
            return self._unread(start, last)
        return self._grown(last)

    @property
    def _counted(self) -> frozenset[int]:
        return self._known if self._trusts else frozenset()

    def _find(self, rows: Iterable[Row]) -> None:
        new = {id for id, *_ in rows if isinstance(id, int)} - self.found
        self.found |= new
        self._forgotten -= new
        self._found_unknown += len(new - self._known)

    def _unread(self, start: int, end: int) -> range:
        next_read = min((n for n in self._first if n > start), default=end + 1)
        return range(start, min(end + 1, next_read))

    def _grown(self, last: int) -> range:
        """A page that something may have moved to, out of one that was read later."""
        if self._read_again > last + AGAIN:
            return range(0)
        at_head = self.total - self._latest[1]
        if at_head > 0:
            return range(1, 1 + -(-at_head // self._per_page))
        for n in range(2, last + 1):
            if self._first[n - 1] > self._latest[n]:
                return range(n, n + 1)
        return range(0)


def pages_of(
    ids: Collection[int], seen: Collection[int], per_page: int = PER_PAGE_MAX
) -> list[int]:
    """The pages that have two or more of these ids, if the list is newest first.

    >>> pages_of([9, 8, 2], range(1, 11), per_page=3)
    [1]
    """
    places = {id: n for n, id in enumerate(sorted(seen, reverse=True))} if len(ids) > 1 else {}
    pages = [places[id] // per_page + 1 for id in ids if id in places]
    return sorted({page for page in pages if pages.count(page) > 1})
