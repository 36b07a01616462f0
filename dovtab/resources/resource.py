"""What a table is: columns, keys and the API operations that answer for it.

Everything here is data. The planner chooses among the operations, the scan
fills their paths, the hosts declare the columns; none of them knows a table
by name.

Sources: https://docs.digitalocean.com/reference/api/digitalocean/
https://sqlite.org/vtab.html#hidden_columns_in_virtual_tables
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cell = int | float | str | None
# A row's cells in the order of the columns. The first column is the row's id.
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as SQLite is told of it; ``json`` ones hold the API's value as JSON text."""

    name: str
    type: Literal["INTEGER", "TEXT"]
    description: str
    hidden: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A request of the API.

    ``path`` has its parameters in braces; ``answer`` is the member of the JSON
    object that holds what was asked for; ``scope`` is what a token needs.
    """

    id: str
    method: Literal["GET", "POST"]
    path: str
    answer: str
    scope: str

    @property
    def signature(self) -> str:
        """How EXPLAIN QUERY PLAN and error messages name the operation.

        >>> Operation("x", "GET", "/v2/actions/{action_id}", "action", "").signature
        'GET /v2/actions/{action_id}'
        """
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A table over the API.

    ``parent`` and ``item`` are the columns that mean the first and the last
    parameter of a path: each name in them may be constrained, the first gives
    the parameter its name. ``pager`` are the columns that choose a page and its
    size. The other hidden columns are for acting. ``keep`` is the column and
    value that tell the rows of this resource from the others in an
    account-wide list. ``ended`` are the column and the values of an object that
    will not change any more. ``parents`` lists the objects of a tag.
    """

    name: str
    columns: tuple[Column, ...]
    parent: tuple[str, ...]
    item: tuple[str, ...]
    pager: tuple[str, str]
    keep: tuple[str, str]
    ended: tuple[str, frozenset[str]]
    get: Operation
    list: Operation
    account_get: Operation
    account_list: Operation
    post: Operation
    post_by_tag: Operation
    parents: Operation

    @property
    def visible(self) -> tuple[Column, ...]:
        """The columns that come from the API's object, in their order."""
        return tuple(column for column in self.columns if not column.hidden)

    @property
    def for_acting(self) -> tuple[str, ...]:
        """The columns that say what to do, and cannot be searched for."""
        searched = {*self.parent, *self.item, *self.pager}
        return tuple(c.name for c in self.columns if c.hidden and c.name not in searched)

    @property
    def schema(self) -> str:
        """The CREATE TABLE statement that xConnect declares."""
        declared = (f"{c.name} {c.type}{' HIDDEN' if c.hidden else ''}" for c in self.columns)
        return f"CREATE TABLE {self.name}({', '.join(declared)})"
