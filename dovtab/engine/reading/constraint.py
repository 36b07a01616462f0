"""What xBestIndex is told of a term of the WHERE clause.

Source: https://sqlite.org/c3ref/c_index_constraint_eq.html
"""

from __future__ import annotations

from dataclasses import dataclass

EQ, GT, LE, LT, GE = 2, 4, 8, 16, 32
LIKE, GLOB = 65, 66
NE, ISNOT, ISNOTNULL, ISNULL, IS, LIMIT, OFFSET = 68, 69, 70, 71, 72, 73, 74
# Those with a value beside them; BETWEEN comes as two of them.
COMPARISONS = frozenset({EQ, GT, LE, LT, GE, NE, ISNOT, IS})


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
