"""A stand-in for multicorn2, which calls a foreign table as its C code does.

Its sources are https://github.com/pgsql-io/multicorn2/blob/main/src/multicorn.c, python.c and
query.c. What PostgreSQL does with a foreign scan is as much as these tests need: it plans,
takes rows until it has enough, looks at every condition again, and starts a scan anew for
each row of the other side of a join.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class Qual:
    """A condition; the operator is a tuple where it is one of an array: (name, ANY)."""

    def __init__(self, field_name: str, operator: str | tuple[str, bool], value: Any) -> None:
        self.field_name = field_name
        self.operator = operator
        self.value = value

    @property
    def is_list_operator(self) -> bool:
        return isinstance(self.operator, tuple)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """As PostgreSQL looks at it again; NULL is never true."""
        value = row[self.field_name]
        if isinstance(self.operator, tuple):
            _, any_of = self.operator
            members = self.value or []
            return (any if any_of else all)(member == value for member in members)
        if None in (value, self.value):
            return False
        compare = {"=": operator.eq, "<>": operator.ne, ">": operator.gt}
        return compare[self.operator](value, self.value)


class ForeignDataWrapper:
    """The hooks that are called of every wrapper."""

    _startup_cost = 20

    def __init__(self, fdw_options: Any, fdw_columns: Any) -> None:
        pass

    def begin(self, serializable: object) -> None:
        pass

    def pre_commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def end_scan(self) -> None:
        pass

    def insert(self, values: object) -> None:
        raise NotImplementedError("This FDW does not support the writable API")


class ForeignScan:
    """What PostgreSQL does with a table in one statement.

    Args:
        columns: those of the declaration, in its order.
    """

    def __init__(self, table: Any, columns: Sequence[str]) -> None:
        self.table = table
        self.columns = columns
        self.iterator: Iterator[Any] | None = None

    def select(self, *quals: Qual, limit: int | None = None) -> list[dict[str, Any]]:
        """A whole statement: plan, scan, end."""
        self.table.begin(0)
        rows, width = self.table.get_rel_size(list(quals), set(self.columns))
        assert rows > 0
        assert width > 0
        assert list(self.table.explain(list(quals), set(self.columns), verbose=False))
        found = self.scan(*quals, limit=limit)
        self.end()
        return found

    def scan(self, *quals: Qual, limit: int | None = None) -> list[dict[str, Any]]:
        """One scan of a statement, or one lookup of its join."""
        # A rescan forgets the iterator of the one before.
        self.iterator = None
        self.iterator = iter(self.table.execute(list(quals), set(self.columns)))
        rows = (dict(zip(self.columns, row, strict=True)) for row in self.iterator)
        held = (row for row in rows if all(qual.holds(row) for qual in quals))
        return list(itertools.islice(held, limit))

    def end(self) -> None:
        self.iterator = None
        self.table.end_scan()
