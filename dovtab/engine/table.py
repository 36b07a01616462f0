"""A connected virtual table, as the engine answers for it.

`VirtualTable` is over the API, `RecordTable` over what the engine writes down. A
door hands over what SQLite calls it with, and gives SQLite what comes back.

Sources: https://sqlite.org/vtab.html, https://sqlite.org/c3ref/index_info.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from dovtab.engine.account import Account
from dovtab.engine.acting.transaction import Transaction
from dovtab.engine.reading.constraint import LIMIT, OFFSET, Constraint
from dovtab.engine.reading.fetch import Fetch
from dovtab.engine.reading.lookup import Value
from dovtab.engine.reading.planner import Plan, plan
from dovtab.engine.reading.scan import LastPage, scan
from dovtab.engine.reading.values import SqlValue
from dovtab.engine.statement import Statement
from dovtab.engine.statements import Statements
from dovtab.errors import NotAllowedError
from dovtab.resources import Column, Row, Table

# Words of SQL's that a column of ours is called.
_RESERVED = frozenset({"limit"})


@dataclass(frozen=True, slots=True)
class IndexConstraint:
    """sqlite3_index_constraint: ``column`` by its number, negative for the rowid."""

    column: int
    op: int
    usable: bool
    is_in: bool


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The inputs of xBestIndex.

    Attributes:
        order_by: how many terms the ORDER BY has.
        distinct: of sqlite3_vtab_distinct.
        columns_used: their numbers.
    """

    constraints: Sequence[IndexConstraint]
    order_by: int
    distinct: int
    columns_used: Iterable[int]


# xFilter: pages of rows, of which each that is taken may take a request.
Filter = Callable[[str, Sequence[Value]], Iterator[list[Row]]]


class VirtualTable:
    """A table over the API, in one account.

    Args:
        name: what the user calls it.

    Attributes:
        columns: how many there are.
        transaction: takes xBegin and its like; None: the table is read only.
    """

    def __init__(
        self,
        table: Table,
        account: Account,
        statements: Statements,
        run_ahead: Callable[[Statement], str] | None,
        transaction: Transaction | None,
        name: str,
    ) -> None:
        self.schema = table.schema
        self._name = name
        self.columns = len(table.columns)
        self.transaction = transaction
        self._table = table
        self._statements = statements
        self._fetch = Fetch(table, account, run_ahead)
        self._names = tuple(column.name for column in table.columns)

    def best_index(self, index: IndexInfo) -> Plan:
        """xBestIndex."""
        return plan(
            self._table,
            [self._constraint(constraint) for constraint in index.constraints],
            ordered=index.order_by > 0 or index.distinct > 0,
            used=[self._names[n] for n in index.columns_used if n < len(self._names)],
        )

    def open(self) -> Filter:
        """xOpen; gives xFilter: rows for an idxStr and its values, the rowid at their end."""
        # A statement opens its tables at its first step, so the one that
        # began last is ours; later another one may have begun.
        statement = self._statements.current
        fetch, name = self._fetch, self._name
        return lambda idx_str, argv: scan(self._table, idx_str, argv, fetch, statement, name)

    def insert(self, rowid: int | None, values: Sequence[SqlValue]) -> int:
        """xUpdate that inserts; see `Transaction.insert`."""
        assert self.transaction is not None
        return self.transaction.insert(rowid, values)

    def delete(self) -> NoReturn:
        """xUpdate that deletes."""
        raise NotAllowedError(f"what was done to a {self._table.noun} cannot be deleted")

    def update(self) -> NoReturn:
        """xUpdate that changes."""
        raise NotAllowedError(
            f"what was done to a {self._table.noun} cannot be changed:"
            " INSERT starts a new action"
        )

    def _constraint(self, given: IndexConstraint) -> Constraint:
        # LIMIT and OFFSET have no column; the number they come with means nothing.
        name = None if given.op in (LIMIT, OFFSET) else self._names[max(given.column, 0)]
        return Constraint(name, given.op, given.usable, given.is_in)


class RecordTable:
    """What the engine has written down: SQLite itself does the searching.

    Args:
        rows: gives what has been written down so far.
    """

    transaction = None

    def __init__(
        self,
        name: str,
        columns: Iterable[Column],
        rows: Callable[[], Iterable[Row]],
    ) -> None:
        declared = [
            f'"{c.name}" {c.type}' if c.name in _RESERVED else f"{c.name} {c.type}"
            for c in columns
        ]
        self.columns = len(declared)
        self.schema = f"CREATE TABLE {name}({', '.join(declared)})"
        self._rows = rows

    def best_index(self, index: IndexInfo) -> None:
        """xBestIndex: all of it."""

    def open(self) -> Filter:
        """xOpen; gives xFilter."""
        return lambda idx_str, argv: iter([self._numbered()])

    def _numbered(self) -> list[Row]:
        return LastPage((*row, number) for number, row in enumerate(self._rows(), start=1))
