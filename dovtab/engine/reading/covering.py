"""One list that has the rows of many, as an index covers a query.

The account's list has the actions of every Droplet, 200 a request; the Droplets' own
lists take a request each. What was read of the account's list answers for them here,
page by page, as long as nothing was started since. It also has Droplets that are gone,
and they have no list: who is there has to be known.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Literal

from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.resources import Row, Table

# Whose account, which table's, and since when.
Name = tuple[object, str, float | None]

# Fewer than so many are asked for one by one: it takes a few requests to see whether the
# one list would be shorter.
FEWEST = 5
# About a hundred megabytes of memory, for as long as a statement runs.
MOST_ROWS = 100_000


def pages(rows: int) -> int:
    """How many requests a list of so many rows takes."""
    return max(1, -(-rows // PER_PAGE_MAX))


def decide(
    sought: int, rows: int, *, owners: bool, asked: int | None
) -> Literal["now", "later", "never"]:
    """Whether to read one list of so many rows in place of ``sought`` requests.

    Args:
        owners: whether it has to be asked, too, who is there.
        asked: how many were asked for one by one so far, if the statement may not want
            the others. It is then read when that many could have paid for it: in the end
            there are at most twice as many as would have been enough.

    >>> decide(100, 300, owners=True, asked=None)
    'now'
    >>> decide(20, 200_000, owners=True, asked=None)
    'never'
    """
    cost = pages(rows) + (pages(sought) if owners else 0)
    if cost >= sought or rows > MOST_ROWS:
        return "never"
    return "now" if asked is None or asked >= cost else "later"


def can_cover(table: Table, request: Request) -> bool:
    """Whether the account's list has what this asks for: a parent's list, or an object.

    The list of a table without parents is that of all there is; for one with parents it
    has to be known who is there.
    """
    reads = table.reads
    if reads.account_list is None:
        return False
    if reads.parent:
        return request.operation is reads.list and table.owners is not None
    return request.operation is reads.account_get


class Covering:
    """A list that has been read.

    Args:
        since: the rows from then on are in it, if not all are.
        generation: of the cache, from before it was read.

    Attributes:
        has_strays: there are rows of which it is not said whose they are.
        unpaid: how many of the requests that it took nobody has paid for.
    """

    def __init__(self, table: Table, since: float | None, generation: int) -> None:
        self.since = since
        self.generation = generation
        self.has_strays = False
        self.unpaid = 0
        self._table = table
        self._reads = table.reads
        # Whose each row is: a parent, or what the row itself is about.
        owner = table.reads.parent[-1] if table.reads.parent else table.visible[0].name
        self._owner = table.places[owner]
        keep = table.reads.keep
        self._keep = (table.places[keep[0]], keep[1]) if keep else None
        self._rows: dict[int, list[Row]] = {}
        self._there: set[int] = set()
        self._knows_all = False

    def add(self, rows: Iterable[Row]) -> None:
        """Rows of the list, in its order."""
        place, kept = self._keep or (0, None)
        for row in rows:
            owner, kind = row[self._owner], row[place] if kept is not None else None
            if kind != kept:
                # Of another kind, unless it does not say.
                self.has_strays |= kind is None
            elif isinstance(owner, int):
                self._rows.setdefault(owner, []).append(row)
            else:
                self.has_strays = True

    @property
    def owners(self) -> Set[int]:
        """Whose rows it has."""
        return self._rows.keys()

    def are_there(self, ids: Iterable[int], *, all: bool) -> None:
        """These are there; ``all``: and nobody else is."""
        self._there |= set(ids)
        self._knows_all |= all

    def last_missing(self, sought: Iterable[int]) -> int | None:
        """One that is sought and not there, whose rows would be lost if it were.

        Of several the one that has the newest row, as one that is there would.
        """
        missing = (id for id in sought if self._knows_all and id not in self._there)
        if self._reads.parent:
            missing = (id for id in missing if id in self._rows)
        return max(missing, key=self._newest, default=None)

    def _newest(self, id: int) -> int:
        return max(
            (row[0] for row in self._rows.get(id, []) if isinstance(row[0], int)), default=id
        )

    def answers(self, request: Request) -> bool:
        """Whether it has the answer to a request."""
        if not can_cover(self._table, request):
            return False
        since = request.since
        in_time = self.since is None or (since is not None and since >= self.since)
        return in_time and (self._knows_all or self._id(request) in self._there)

    def page(self, request: Request) -> Page[Row] | None:
        """That answer; None: there is no such thing."""
        id = self._id(request)
        if id not in self._there:
            return None
        rows = self._rows.get(id, [])
        if request.operation.item is not None:
            return Page(rows, len(rows), has_next=False)
        number, size = int(request.query["page"]), int(request.query["per_page"])
        end = number * size
        return Page(rows[end - size : end], len(rows), has_next=end < len(rows))

    def agrees(self, request: Request, page: Page[Row] | None, wanted: Set[int]) -> bool:
        """Whether what the API has said to a request is what is here, too.

        Args:
            wanted: the ids of its rows that have to be here.
        """
        ours = self.page(request)
        if page is None or ours is None:
            return page is ours
        ids = {row[0] for row in self._rows.get(self._id(request), [])}
        return wanted <= ids if page.has_next else wanted == ids

    def _id(self, request: Request) -> int:
        key = (self._reads.parent or self._reads.item)[0]
        return request.parameters[key]


class Coverings:
    """What a statement has read in place of many requests, and what it has given up."""

    def __init__(self) -> None:
        self._read: dict[Name, Covering | None] = {}

    def __contains__(self, name: Name) -> bool:
        """Whether that was tried."""
        return name in self._read

    def keep(self, name: Name, covering: Covering | None) -> None:
        """It has been read; None: it will not be."""
        self._read[name] = covering

    def forget(self, name: Name) -> None:
        """It may be tried again."""
        self._read.pop(name, None)

    def find(
        self, name: Name, request: Request, generation: Callable[[], int]
    ) -> Covering | None:
        """What answers this, unless something was started since it was read.

        Args:
            name: of the request's account and table; one that was read for an earlier
                moment has what is sought, too.
            generation: of the cache.
        """
        for its, covering in self._read.items():
            is_ours = covering is not None and its[:2] == name[:2]
            if covering is None or not is_ours or covering.generation != generation():
                continue
            if covering.answers(request):
                return covering
        return None
