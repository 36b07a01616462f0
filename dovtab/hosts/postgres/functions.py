"""The set-returning functions: called by PL/Python, once for each row of a LATERAL join.

A function reads all of its rows before it gives the first. PostgreSQL keeps what a
function in FROM gives before it looks at any of it, and of an error in the midst of a row
PL/Python says only that there was one: so the first error is the statement's, in our words.

While it waits, PostgreSQL looks for a cancelled statement, a timeout, and whatever else it
wants of its processes, as in each statement that a function runs.

Source: https://www.postgresql.org/docs/current/plpython-funcs.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from dovtab.engine.reading.lookup import Value
from dovtab.engine.reading.values import SqlValue
from dovtab.errors import DovtabError, Interrupted
from dovtab.hosts.postgres.columns import columns_of
from dovtab.hosts.postgres.reader import READ_ONLY, Reader
from dovtab.resources import Cell

# Of an argument that was not given. NULL finds nothing, and an id may be 0 in a table.
NOT_GIVEN = ("", "*")

Argument = int | str | list[Any]


class Functions:
    """Those of one process; PL/Python keeps it in its dictionary ``GD``.

    Args:
        plpy: PL/Python's module of that name.

    Raises:
        SettingsError: the server's environment has a setting that is not allowed.
    """

    def __init__(self, plpy: Any) -> None:
        self._plpy = plpy
        self._look = plpy.prepare("SELECT pg_catalog.statement_timestamp() AS began")
        self._began: object = None
        self._stopped: BaseException | None = None
        self._reader = Reader(self._is_interrupted)

    def rows(
        self,
        name: str,
        given: Mapping[str, Argument],
        context: str = "",
        row_limit: int = 0,
    ) -> list[tuple[Cell, ...]]:
        """The rows of a table, in the order of `columns_of`.

        Args:
            given: what each column has to equal; of a list: one of it.
            row_limit: how many at most; 0: all.

        Raises:
            DovtabError: whatever keeps an answer away.
            plpy.SPIError: the statement was cancelled.
        """
        table, limit = READ_ONLY[name], row_limit if row_limit > 0 else None
        bound = [(n, _value(v)) for n, v in given.items() if v not in NOT_GIVEN]
        cells = itemgetter(*(table.places[column.name] for column in columns_of(table)))
        found: list[tuple[Cell, ...]] = []
        try:
            self._begin()
            pages = self._reader.pages(table, bound, context=context, row_limit=limit)
            for page in pages:
                found += map(cells, page)
                if limit is not None and len(found) >= limit:
                    break
        except DovtabError as error:
            raise self._told(error) from None
        return found[:limit]

    def records(self, name: str) -> list[tuple[Cell, ...]]:
        """The rows of what the engine itself knows."""
        try:
            # The last cell is SQLite's rowid.
            return [row[:-1] for row in self._reader.records(name)]
        except DovtabError as error:
            raise self._told(error) from None

    def _begin(self) -> None:
        (row,) = self._plpy.execute(self._look)
        if row["began"] != self._began:
            self._began = row["began"]
            self._reader.begin()

    def _is_interrupted(self) -> bool:
        try:
            self._plpy.execute(self._look)
        except self._plpy.SPIError as error:
            self._stopped = error
        return self._stopped is not None

    def _told(self, error: DovtabError) -> BaseException:
        """What PostgreSQL is told: its own error, if it has stopped us."""
        stopped, self._stopped = self._stopped, None
        told = stopped if stopped is not None and isinstance(error, Interrupted) else error
        # Where in dovtab it was is nothing to whoever asks in SQL.
        return told.with_traceback(None)


def _value(argument: Argument) -> Value:
    return frozenset(_members(argument)) if isinstance(argument, list) else argument


def _members(array: Iterable[Any]) -> Iterator[SqlValue]:
    """Those of an array, whatever its dimensions, as = ANY sees them."""
    for member in array:
        if isinstance(member, list):
            yield from _members(member)
        else:
            yield member
