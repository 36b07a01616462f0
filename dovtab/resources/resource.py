"""What a table is: columns, and the operations of the API that answer for it.

Everything here is data. The planner chooses among the operations, a scan fills
their paths, a door declares the columns, the check of an action reads its
attributes; none of them knows a table by name. A new table is one file of facts
beside this one and a line in the catalogue.

Sources: https://docs.digitalocean.com/reference/api/digitalocean/
https://sqlite.org/vtab.html#hidden_columns_in_virtual_tables
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from dovtab.resources.acts import Acts
from dovtab.resources.operation import Filter, Operation

Cell = int | float | str | None
# A row's cells in the order of the columns. The first column is the row's id.
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as SQLite is told of it.

    Attributes:
        json: it holds the API's value as JSON text.
        member: where in the API's object it is, if not under its own name;
            ``region.slug`` is the member ``slug`` of the member ``region``, and
            ``v4[public]`` the first object of the list ``v4`` whose type is public.
        boolean: the API has true and false, and the column 1 and 0.
        time: it holds one of the API's times, ``2026-11-24T10:00:00Z``.
        values: what it may have, as far as is known: there may be more.
    """

    name: str
    type: Literal["INTEGER", "REAL", "TEXT"]
    description: str
    hidden: bool = False
    json: bool = False
    member: str = ""
    boolean: bool = False
    time: bool = False
    values: tuple[str, ...] = ()

    @property
    def path(self) -> list[str]:
        """The members that lead to it, from the object on."""
        return (self.member or self.name).split(".")


@dataclass(frozen=True, slots=True)
class Reads:
    """How a table is read.

    Attributes:
        item: the columns that mean the object's id; each may be constrained, and
            the first gives the path's parameter its name.
        parent: the same of the object that it belongs to, or of none. The last
            is the column in which a row itself says whose it is.
        get, list: at the address of the parent.
        account_get, account_list: of the whole account; if there is no such
            list, a query has to name a parent.
        keep: the column and value that tell this table's rows from others in
            the account-wide answers.
        ended: the column and the values of an object that will not change any more.
        constant: the columns of an object that never change, beside its id.
        pager: the columns that choose a page and its size.
        since: the column that chooses from when on, and the one that has the time. As far
            as anybody has seen, a list has the newest first; no document says so.
    """

    item: tuple[str, ...]
    account_get: Operation | None
    account_list: Operation | None
    parent: tuple[str, ...] = ()
    get: Operation | None = None
    list: Operation | None = None
    keep: tuple[str, str] | None = None
    ended: tuple[str, frozenset[str]] | None = None
    constant: tuple[str, ...] = ()
    pager: tuple[str, str] = ("page", "per_page")
    since: tuple[str, str] | None = None

    @property
    def filters(self) -> tuple[Filter, ...]:
        """All that some list can be narrowed by."""
        lists = (self.list, self.account_list)
        found = [f for operation in lists if operation for f in operation.filters]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Table:
    """A table over the API; without ``acts`` it is read only.

    What follows from its columns is worked out once: every scan looks at it.

    Attributes:
        description: what is in it.
        columns: the hidden ones come last.
        noun: what its rows are about, as errors call it: Droplet.
        owners: the table of the parents, if there is one.
    """

    name: str
    description: str
    noun: str
    columns: tuple[Column, ...]
    reads: Reads
    acts: Acts | None = None
    owners: Table | None = None

    @cached_property
    def of_owners(self) -> tuple[str, ...]:
        """The hidden columns that narrow the list of the parents, and so what is read."""
        filters = self.owners.reads.filters if self.owners else ()
        return tuple(f.column for f in filters if f.column in self.hidden)

    @cached_property
    def narrowing(self) -> tuple[str, ...]:
        """The columns whose ``=`` narrows what is read, beside the keys."""
        filters = tuple(f.column for f in self.reads.filters)
        return (*filters, *self.of_owners, *(self.reads.since or ())[:1])

    @cached_property
    def visible(self) -> tuple[Column, ...]:
        """The columns that come from the API's object, in their order."""
        return tuple(column for column in self.columns if not column.hidden)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each column's cell is in a row, by its name."""
        return {column.name: place for place, column in enumerate(self.columns)}

    @cached_property
    def times(self) -> tuple[str, ...]:
        """The names of those that hold a time."""
        return tuple(column.name for column in self.columns if column.time)

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """The names of the others, which are there to be bound."""
        return tuple(column.name for column in self.columns if column.hidden)

    @cached_property
    def for_acting(self) -> tuple[str, ...]:
        """The columns that say what to do, and cannot be searched for."""
        reads = self.reads
        searched = {*reads.parent, *reads.item, *reads.pager, *self.narrowing}
        return tuple(name for name in self.hidden if name not in searched)

    @cached_property
    def key(self) -> str:
        """The column to bind first: the parent, or the object itself."""
        return (self.reads.parent or self.reads.item)[0]

    @cached_property
    def schema(self) -> str:
        """The CREATE TABLE statement that xConnect declares."""
        declared = (f"{c.name} {c.type}{' HIDDEN' if c.hidden else ''}" for c in self.columns)
        return f"CREATE TABLE {self.name}({', '.join(declared)})"
