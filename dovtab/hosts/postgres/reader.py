"""What one process of the server asks of the engine.

It cannot act: its tables are without that, and so is its connection, whatever the
environment says. The token and the settings are those of the server's own environment; no
text of SQL chooses one, but a context by its name.

PostgreSQL runs one scan of a statement after the other, and does not say which statement
it is. So each scan is a statement to the engine, and the requests of those that belong
together are counted through.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from dovtab.api.settings import resolve
from dovtab.engine.all_accounts import only_read
from dovtab.engine.reading.constraint import EQ, LIMIT
from dovtab.engine.reading.lookup import Value
from dovtab.engine.reading.planner import Plan
from dovtab.engine.session import Session
from dovtab.engine.statement import Statement
from dovtab.engine.table import Filter, IndexConstraint, IndexInfo, RecordTable, VirtualTable
from dovtab.errors import SettingsError
from dovtab.hosts.postgres.columns import columns_of
from dovtab.resources import TABLES, Row, Table

READ_ONLY = {table.name: only_read(table) for table in TABLES}

# Columns with what they equal: a value, or one of a set.
Bound = Sequence[tuple[str, Value]]


class Reader:
    """A connection to the engine.

    Args:
        is_interrupted: says whether the statement should stop; asked again and again
            while something is waited for.

    Raises:
        SettingsError: the server's environment has a setting that is not allowed.
    """

    def __init__(self, is_interrupted: Callable[[], bool]) -> None:
        settings = resolve({"allow_actions": False, "look_ahead": False}, os.getenv)
        host = _Host(is_interrupted)
        self._session = Session(settings, host, tables=tuple(READ_ONLY.values()))
        self._connected: dict[tuple[str, str], VirtualTable] = {}
        self.begin()

    def begin(self) -> None:
        """A statement of PostgreSQL's begins: it has made no request yet."""
        self._requests = 0
        self._moments: dict[str, float] = {}

    def plan(
        self,
        table: Table,
        bound: Bound,
        *,
        context: str = "",
        row_limit: int | None = None,
        few: bool = False,
    ) -> tuple[Plan, Filter, list[Value]]:
        """How the engine would read it, its xFilter, and the values for that.

        Args:
            row_limit: how many rows are wanted at most.
            few: there may be few that are wanted, and nobody says how many.
        """
        constraints = [
            IndexConstraint(table.places[name], EQ, True, isinstance(value, frozenset))
            for name, value in bound
        ]
        values = [value for _, value in bound]
        if few or row_limit is not None:
            constraints.append(IndexConstraint(-1, LIMIT, row_limit is not None, False))
            values.append(row_limit)
        used = {table.places[c.name] for c in columns_of(table)}
        used |= {table.places[name] for name, _ in bound}
        connected = self._table(table, context)
        plan = connected.best_index(IndexInfo(constraints, 0, 0, used))
        taken = [
            (usage.argv_index, value)
            for usage, value in zip(plan.usages, values, strict=True)
            if usage.argv_index
        ]
        argv = [value for _, value in sorted(taken, key=lambda one: one[0])]
        return plan, connected.open(), argv

    def pages(
        self,
        table: Table,
        bound: Bound,
        *,
        context: str = "",
        row_limit: int | None = None,
        few: bool = False,
    ) -> Iterator[list[Row]]:
        """Its rows, page by page: the next one is asked for when it is taken.

        What the request itself does not see to, as that a resource_id is the Droplet, is
        for the caller to look at again. Arguments are as for `plan`.

        Raises:
            DovtabError: whatever keeps an answer away.
        """
        with self._statement():
            plan, scan, argv = self.plan(
                table, bound, context=context, row_limit=row_limit, few=few
            )
            yield from scan(plan.idx_str, argv)

    def records(self, name: str) -> list[Row]:
        """What the engine itself knows, such as ``dovtab_quota``."""
        table = self._session.connect(name, "main", name, ())
        assert isinstance(table, RecordTable)
        return [row for page in table.open()("", ()) for row in page]

    def _table(self, table: Table, context: str) -> VirtualTable:
        key = table.name, context
        if key not in self._connected:
            if context and not context.strip():
                raise SettingsError("a context has a name")
            # Where SQLite has one: what is chosen there is no database file's.
            arguments = (f"context={context}",) if context else ()
            found = self._session.connect(table.name, "temp", table.name, arguments)
            assert isinstance(found, VirtualTable)
            self._connected[key] = found
        return self._connected[key]

    @contextmanager
    def _statement(self) -> Iterator[None]:
        statement, before = Statement(reads=True), self._requests
        statement.requests, statement.moments = before, self._moments
        self._session.statements.began(id(statement), statement)
        try:
            yield
        finally:
            self._requests += statement.requests - before
            self._session.statements.ended(id(statement))


class _Host:
    """What the engine asks of this door."""

    def __init__(self, is_interrupted: Callable[[], bool]) -> None:
        self.is_interrupted = is_interrupted

    def total_changes(self) -> None:
        return None

    def run_ahead(self, copy: Statement) -> str:
        return "PostgreSQL runs it"
