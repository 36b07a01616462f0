"""What xBestIndex is told of a term of the WHERE clause.

Source: https://sqlite.org/c3ref/c_index_constraint_eq.html
"""

from __future__ import annotations

from dataclasses import dataclass

EQ, ISNOTNULL, ISNULL, IS, LIMIT, OFFSET = 2, 70, 71, 72, 73, 74


@dataclass(frozen=True, slots=True)
class Constraint:
    """A term of the WHERE clause as xBestIndex sees it.

    Attributes:
        column: its name; the rowid is ``id``; None for LIMIT and OFFSET.
        op: one of SQLite's SQLITE_INDEX_CONSTRAINT numbers.
        usable: whether its value is known before this table is read.
        is_in: whether it is an IN whose values can come all at once.
    """

    column: str | None
    op: int
    usable: bool = True
    is_in: bool = False
