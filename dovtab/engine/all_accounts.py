"""A table over the API, in all accounts at once.

It is each account's table, one after the other, with the account's name before each
row. What is bound goes to all of them, and ``account = ...`` chooses among them, so that
no other is asked.

It is one virtual table and no view: SQLite reads a view of UNION ALL whole where it
cannot take it apart, as in a LEFT JOIN or beneath ORDER BY and LIMIT, and tells the
tables below it that every column of the view is looked at.

Source: https://sqlite.org/optoverview.html#flattening
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from dovtab.engine.reading.constraint import EQ, IS, LIMIT, OFFSET
from dovtab.engine.reading.lookup import Value
from dovtab.engine.reading.planner import Plan, Usage
from dovtab.engine.reading.scan import LastPage
from dovtab.engine.table import Filter, IndexConstraint, IndexInfo, VirtualTable
from dovtab.errors import AnswerError, APIError, NetworkError
from dovtab.resources import Column, Row, Table

# In idxStr, before the plan of each account: the last argument is its name.
_CHOSEN = "account="
# How many there are, to whoever has to guess before the first request.
_ACCOUNTS = 3
_ACCOUNT = Column("account", "TEXT", "the context's name, in small letters")


class AllAccounts:
    """A table over the API, in all accounts.

    Args:
        name: what it is called.
        table: what there is in each account.
        of: gives the table of the account with this context; None: of the connection's own.
        contexts: gives the names of all contexts; there is one at least.

    Attributes:
        columns: how many there are.
    """

    transaction = None

    def __init__(
        self,
        name: str,
        table: Table,
        of: Callable[[str | None], VirtualTable],
        contexts: Callable[[], Sequence[str]],
    ) -> None:
        self.schema = replace(table, name=name).schema.replace(
            "(", f"({_ACCOUNT.name} {_ACCOUNT.type}, ", 1
        )
        self.columns = len(table.columns) + 1
        self._of = of
        self._contexts = contexts

    def best_index(self, index: IndexInfo) -> Plan:
        """xBestIndex: the plan of one account, and perhaps which."""
        constraints, chosen = index.constraints, None
        passed: list[int] = []
        for place, constraint in enumerate(constraints):
            is_limit = constraint.op in (LIMIT, OFFSET)
            if is_limit or constraint.column > 0:
                passed.append(place)
            elif constraint.column == 0 and constraint.usable and constraint.op in (EQ, IS):
                chosen = place
        plan = self._own.best_index(_of_one(index, [constraints[n] for n in passed]))
        usages = [Usage()] * len(constraints)
        for place, usage in zip(passed, plan.usages, strict=True):
            usages[place] = usage
        idx_str, cost, rows = plan.idx_str, plan.cost, plan.rows
        if chosen is None:
            cost, rows = cost * _ACCOUNTS, rows * _ACCOUNTS
        else:
            last = max((usage.argv_index for usage in usages), default=0)
            # SQLite looks again: it may compare without regard to capitals.
            usages[chosen] = Usage(argv_index=last + 1)
            idx_str = f"{_CHOSEN} {idx_str}"
        return Plan(idx_str, tuple(usages), cost, rows, unique=False)

    def open(self) -> Filter:
        """xOpen; gives xFilter.

        Raises:
            SettingsError: there is no context, or nobody can tell.
        """
        accounts = [(name, table.open()) for name, table in self._tables.items()]

        def filter(idx_str: str, argv: Sequence[Value]) -> Iterator[list[Row]]:
            named, _, rest = idx_str.partition(" ")
            if named != _CHOSEN:
                return self._pages(accounts, idx_str, argv)
            *others, name = argv
            chosen = [account for account in accounts if _may_be(account[0], name)]
            return self._pages(chosen, rest, others)

        return filter

    def _pages(
        self, accounts: Sequence[tuple[str, Filter]], idx_str: str, argv: Sequence[Value]
    ) -> Iterator[list[Row]]:
        places, count = {name: n for n, name in enumerate(self._tables)}, len(self._tables)
        for name, filter in accounts:
            place, pages = places[name], filter(idx_str, argv)
            while (page := _next(name, pages)) is not None:
                # Two contexts may be one account, and a row's id would be there twice.
                rows = [(name, *r[:-1], _rowid(r[-1], count, place)) for r in page]
                is_last = isinstance(page, LastPage) and name == accounts[-1][0]
                yield LastPage(rows) if is_last else rows

    @cached_property
    def _own(self) -> VirtualTable:
        return self._of(None)

    @cached_property
    def _tables(self) -> dict[str, VirtualTable]:
        """By context. If it goes wrong, the next statement tries again."""
        return {name: self._of(name) for name in self._contexts()}


def only_read(table: Table) -> Table:
    """A table without what is of one account: its pages, and what is for acting."""
    without = {*table.for_acting, *table.reads.pager}
    columns = tuple(column for column in table.columns if column.name not in without)
    return replace(table, columns=columns, acts=None)


def over_accounts(table: Table) -> tuple[Column, ...]:
    """The columns of the table over all accounts."""
    return (_ACCOUNT, *only_read(table).columns)


def _of_one(index: IndexInfo, constraints: Sequence[IndexConstraint]) -> IndexInfo:
    """The same of a table without the first column."""
    return replace(
        index,
        constraints=[replace(c, column=c.column - 1) for c in constraints],
        columns_used=[number - 1 for number in index.columns_used if number > 0],
    )


def _next(account: str, pages: Iterator[list[Row]]) -> list[Row] | None:
    """The next page of an account; an error says which account's it is."""
    try:
        return next(pages, None)
    except (APIError, AnswerError, NetworkError) as error:
        raise error.about(account) from None


def _may_be(account: str, value: Value) -> bool:
    """Whether a value means this account, in any of SQLite's own collations.

    >>> [_may_be("prod", value) for value in ("prod", "PROD ", "pro", None, b"prod")]
    [True, True, False, False, False]
    """
    if isinstance(value, float):
        return True  # How SQLite writes it out is its own business.
    return isinstance(value, str | int) and str(value).rstrip(" ").lower() == account


def _rowid(id: object, count: int, place: int) -> int:
    """The number of a row, of those of so many accounts."""
    assert isinstance(id, int)
    return (id * count + place) % 2**63
