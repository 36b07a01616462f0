"""A second door to the engine, with no SQLite under it.

It plays SQLite's part by hand: a statement begins and ends, a table is asked for a
plan and then for its rows, what the plan did not settle is looked at again, rows
are inserted in a transaction. It knows no table, no rule and no other name of the
engine's than the seam has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from typing import Any

from dovtab.api.settings import Settings
from dovtab.engine.reading.constraint import EQ
from dovtab.engine.session import Session
from dovtab.engine.statement import Statement
from dovtab.engine.table import IndexConstraint, IndexInfo, RecordTable, VirtualTable


class Door:
    """One connection. It is the engine's `Host`, too."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.session = Session(settings, self, **options)
        self.changes = 0
        self.interrupted = False
        self.ran_ahead: list[str] = []
        self._ids = count(1)

    def is_interrupted(self) -> bool:
        return self.interrupted

    def total_changes(self) -> int:
        return self.changes

    def run_ahead(self, copy: Statement) -> str:
        self.ran_ahead.append(copy.text)
        return ""

    @contextmanager
    def statement(self, text: str, *, reads: bool) -> Iterator[Statement]:
        """What is done in it belongs to one statement."""
        id, statement = next(self._ids), Statement(text, reads=reads)
        self.session.statements.began(id, statement)
        try:
            yield statement
        finally:
            self.session.statements.ended(id)

    def connect(self, name: str, database: str = "main", *arguments: str) -> Any:
        """xConnect; a table of the manifest is called as its module is."""
        return self.session.connect(name, database, name, arguments)

    def select(self, name: str, **wanted: Any) -> list[dict[str, Any]]:
        """SELECT * FROM name WHERE column = value AND ..."""
        table = self.connect(name)
        names = columns(table)
        with self.statement(f"SELECT * FROM {name}", reads=True):
            rows = [dict(zip(names, row, strict=False)) for row in scan(table, names, wanted)]
        return [row for row in rows if all(row[key] == value for key, value in wanted.items())]

    def insert(self, name: str, *rows: Mapping[str, Any], commit: bool = True) -> None:
        """BEGIN; INSERT INTO name ...; and COMMIT, or ROLLBACK."""
        table = self.connect(name)
        table.transaction.begin()
        try:
            with self.statement(f"INSERT INTO {name}", reads=False):
                for row in rows:
                    table.insert(None, [row.get(column) for column in columns(table)])
                self.changes += len(rows)
            with self.statement("COMMIT" if commit else "ROLLBACK", reads=False):
                table.transaction.sync() if commit else table.transaction.rollback()
        except Exception:
            table.transaction.rollback()
            raise
        table.transaction.commit()

    def call(self, name: str, *arguments: Any) -> Any:
        """SELECT name(arguments)."""
        functions = {function.name: function for function in self.session.manifest.functions}
        with self.statement(f"SELECT {name}(...)", reads=True):
            return self.session.call(functions[name], arguments)


def scan(
    table: VirtualTable | RecordTable, names: Sequence[str], wanted: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """xBestIndex, then xOpen, xFilter and xNext until xEof."""
    found = [IndexConstraint(names.index(c), EQ, usable=True, is_in=False) for c in wanted]
    used = [n for n, name in enumerate(names) if name in wanted]
    plan = table.best_index(IndexInfo(found, order_by=0, distinct=0, columns_used=used))
    if plan is None:
        return chain.from_iterable(table.open()("", []))
    values = list(wanted.values())
    taken = sorted((u.argv_index, v) for u, v in zip(plan.usages, values, strict=True))
    argv = [value for index, value in taken if index]
    return chain.from_iterable(table.open()(plan.idx_str, argv))


def columns(table: VirtualTable | RecordTable) -> list[str]:
    """Their names, from the declaration."""
    declared = table.schema.partition("(")[2].rstrip(")").split(",")
    return [column.split()[0] for column in declared]
