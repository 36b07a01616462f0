"""The set-returning functions: called by PL/Python, once for each row of a LATERAL join.

A function reads all of its rows before it gives the first. PostgreSQL keeps what a
function in FROM gives before it looks at any of it, and of an error in the midst of a row
PL/Python says only that there was one: so the first error is the statement's, in our words.

While it waits, PostgreSQL looks for a cancelled statement, a timeout, and whatever else it
wants of its processes, as in each statement that a function runs.

Source: https://www.postgresql.org/docs/current/plpython-funcs.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from dovtab.engine.reading.lookup import Value
from dovtab.engine.reading.values import SqlValue
from dovtab.errors import ArgumentError, DovtabError, Interrupted
from dovtab.hosts.postgres.columns import columns_of
from dovtab.hosts.postgres.reader import READ_ONLY, Reader
from dovtab.resources import Cell

# Of an argument that was not given. NULL finds nothing, and an id may be 0 in a table.
NOT_GIVEN = ("", "*")
_SINCE = "since"
_HOUR_ALONE = re.compile(r":\d\d(?:\.\d+)?[+-]\d\d\Z")

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
        bound = [(n, _value(n, v)) for n, v in given.items() if v not in NOT_GIVEN]
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


def _value(column: str, argument: Argument) -> Value:
    if column == _SINCE and isinstance(argument, str):
        return _time(argument)
    return frozenset(_members(argument)) if isinstance(argument, list) else argument


def _time(text: str) -> str:
    """A time as SQLite takes it: PostgreSQL leaves the minutes of a zone out.

    >>> _time("2026-11-22 20:40:47.75+00"), _time("-7 days")
    ('2026-11-22 20:40:47.75+00:00', '-7 days')
    """
    if text.strip().isdigit():
        # PostgreSQL takes an id for text if nobody says what it is.
        raise ArgumentError(
            f"{_SINCE} is a time, and {text.strip()[:40]!r} is none: say what an id is,"
            " 3164444::bigint"
        )
    return f"{text}:00" if _HOUR_ALONE.search(text) else text


def _members(array: Iterable[Any]) -> Iterator[SqlValue]:
    """Those of an array, whatever its dimensions, as = ANY sees them."""
    for member in array:
        if isinstance(member, list):
            yield from _members(member)
        else:
            yield member
