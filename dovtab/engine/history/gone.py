"""Which actions a list has no more, found by halving.

Theory of operation. The list is newest first, and all of it is known, and more. As far
down as nothing is gone, a row is at the place that its id has among all that are known;
below one that is gone, it is one further up than its id is. So a row tells by how many
are gone above it.

=========  ============  ============================================================
part       grows by      what holds
=========  ============  ============================================================
accounted  a page whose  of its ids, those that are gone are `found`
           first row
           tells of no
           more
open       -             one at least is gone between it and the nearest of the rows
                         that tell of more, or the end of the list
=========  ============  ============================================================

The page in the middle of the open part either is accounted for, with all above it, or its
first row is the nearest. What is oldest is looked at first: it would be the first to go.

That the list is newest first is only believed: if a page says otherwise, or has what is
not known, or is not full, the search gives up, and whoever asks reads all of the list.

Pure. Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/actions_list
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from itertools import pairwise

from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.resources import Row


class GoneSearch:
    """A search for the ids that are gone.

    Args:
        seen: the ids that are known to have been in the list.
        total: how many are there now; fewer than those.

    Attributes:
        found: those that are gone.
        gave_up: it is of no use here.
    """

    def __init__(self, seen: Collection[int], total: int, per_page: int = PER_PAGE_MAX) -> None:
        self.found: set[int] = set()
        self.gave_up = False
        self._per_page = per_page
        self._total = total
        # Newest first, and ascending, as bisect wants it.
        self._negative = sorted(-id for id in seen)
        self._surplus = len(self._negative) - total
        # Of rows that may tell of more, and of the end: where in the list, and which id.
        self._rows = [(total, len(self._negative))]
        # How many rows are accounted for, and ids.
        self._done = self._ids_done = 0
        self._grown = 0
        self._settle()

    @property
    def next_page(self) -> int | None:
        """The page to read; None: all are found, or it has given up."""
        if self.gave_up or len(self.found) >= self._surplus:
            return None
        high, _ = self._nearest()
        place = high - 1 if high == self._total else (self._done + high - 1) // 2
        return (place + self._grown) // self._per_page + 1

    def take(self, number: int, page: Page[Row]) -> None:
        """Learn what a page has."""
        self._grown = page.total - self._total
        first = (number - 1) * self._per_page - self._grown
        ids = [-id for id, *_ in page.rows if isinstance(id, int)]
        due = min(self._per_page, page.total - (number - 1) * self._per_page)
        places = [bisect_left(self._negative, id) for id in ids]
        known = ids == [self._negative[n] for n in places if n < len(self._negative)]
        places = places[max(self._done - first, 0) :]
        first = max(first, self._done)
        descends = all(a < b for a, b in pairwise(places))
        told = places[0] - first - len(self.found) if places else -1
        goes_on = page.has_next and number * self._per_page >= page.total
        if len(ids) != due or goes_on or not known or not descends or told < 0:
            self.gave_up = True
            return
        if told:
            self._rows.append((first, places[0]))
        else:
            for above, below in pairwise(places):
                self._are_gone(above + 1, below)
            self._done, self._ids_done = first + len(places), places[-1] + 1
        self._settle()

    def _settle(self) -> None:
        """What is between what is accounted for and the row that comes next is gone."""
        while len(self.found) < self._surplus:
            place, id = self._nearest()
            if place > self._done:
                return
            self._are_gone(self._ids_done, id)
            self._ids_done = id

    def _nearest(self) -> tuple[int, int]:
        """The first row that tells of more than are found."""
        return min(
            (place, id)
            for place, id in self._rows
            if place >= self._done and id - place > len(self.found)
        )

    def _are_gone(self, start: int, end: int) -> None:
        self.found.update(-id for id in self._negative[start:end])
