"""A cursor, as PEP 249 has it, over one of apsw's.

Rows come as they are fetched, so a statement that is not read to its end makes no more
requests than it must. A statement that changes something is run to its end at once.

Source: https://peps.python.org/pep-0249/#cursor-objects
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

import apsw

from dovtab.engine.sql import first_words, is_nothing
from dovtab.hosts.dbapi.errors import Error, ProgrammingError, translated
from dovtab.hosts.dbapi.values import bindings, type_code

Row = tuple[Any, ...]
Description = tuple[tuple[str, str | None, None, None, None, None, None], ...]
# The first words of what may change rows.
CHANGES_ROWS = frozenset({"insert", "replace", "update", "delete", "with"})


class Connected(Protocol):
    """As much of a connection as a cursor has to know."""

    apsw: apsw.Connection

    def begin_if_needed(self, first: str, *, reads: bool) -> None:
        """Before a statement with this first word: begin the transaction that it belongs to."""

    def check_open(self) -> None:
        """See that it is."""


class Cursor:
    """Made by `Connection.cursor`.

    Attributes:
        connection: whose it is.
        arraysize: how many rows `fetchmany` gives if it is not told.
        description: of each column its name, and its type if that is certain; None if the
            last statement gives no rows.
        rowcount: how many rows the last statement has changed; -1: it was no such one.
        lastrowid: of the row that an INSERT has made; an action has its id from RETURNING,
            or from ``dovtab_posts`` when it was sent.
    """

    arraysize = 1

    def __init__(self, connection: Connected) -> None:
        self.connection = connection
        self._cursor = connection.apsw.cursor()
        self._text = self._first = ""
        self._is_change = False
        self._gives_rows = True
        self._is_closed = False
        self._rows: Iterator[Row] = iter(())
        self.description: Description | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, operation: str, parameters: object = ()) -> Cursor:
        """Run one statement.

        Args:
            parameters: a sequence for ``?``, a mapping for ``:name``.

        Raises:
            Error: it cannot be run; whatever keeps an answer away.
        """
        self._run(operation, parameters)
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[object]) -> Cursor:
        """Run one statement that changes something for each of these parameters.

        Raises:
            ProgrammingError: it gives rows.
            Error: see `execute`; what was done for those before stays.
        """
        changed = 0
        self._forget()
        for parameters in seq_of_parameters:
            self._run(operation, parameters, gives_rows=False)
            changed += max(self.rowcount, 0)
        self.rowcount = changed
        return self

    def fetchone(self) -> Row | None:
        """The next row; None: there is none.

        Raises:
            ProgrammingError: the last statement gives no rows, or there was none.
            Error: whatever keeps the row away.
        """
        return next(self._fetch(), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """So many rows, or those that are left."""
        rows, most = self._fetch(), self.arraysize if size is None else size
        return [row for _, row in zip(range(most), rows, strict=False)]

    def fetchall(self) -> list[Row]:
        """The rows that are left."""
        return list(self._fetch())

    def close(self) -> None:
        """Have done with it: nothing can be done with it any more."""
        if not self._is_closed:
            self._is_closed = True
            self._forget()

    def setinputsizes(self, sizes: object) -> None:
        """Does nothing: SQLite needs no sizes."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Does nothing: SQLite needs no sizes."""

    def __iter__(self) -> Iterator[Row]:
        return self._fetch()

    def __next__(self) -> Row:
        return next(self._fetch())

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, sql: str, parameters: object, *, gives_rows: bool = True) -> None:
        self._check_open()
        self._forget()
        self._text, self._gives_rows = sql, gives_rows
        try:
            self._execute(sql, parameters)
        except BaseException:
            with suppress(Error):
                self._forget()
            raise

    def _execute(self, sql: str, parameters: object) -> None:
        with translated():
            values = bindings(parameters)
            self._cursor = self.connection.apsw.cursor()
            self._cursor.exec_trace = self._begins
            self._cursor.execute(sql, values)
            self._rows = iter(self._cursor)
            if not self._is_change:
                return
            # RETURNING gives its rows when all is done, and counts then.
            self._rows = iter(list(self._cursor))
            self.rowcount = self.connection.apsw.changes()
            if self._first in ("insert", "replace", "with"):
                self.lastrowid = self.connection.apsw.last_insert_rowid()

    def _begins(self, cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        """An execution tracer: the statement has been prepared, and has not begun."""
        if is_nothing(sql):
            return True  # A comment at the end.
        if not is_nothing(self._text[len(sql) :]):
            raise ProgrammingError("one statement at a time")
        columns = cursor.get_description()
        if columns and not self._gives_rows:
            raise ProgrammingError("executemany takes no statement that gives rows")
        self.description = _description(columns) if columns else None
        self._first = first_words(sql)[0]
        self._is_change = not cursor.is_readonly and self._first in CHANGES_ROWS
        # It looks into the schema: after BEGIN that would be a lock that keeps others from
        # theirs, and SQLite would not wait for its own.
        tracer = self.connection.apsw.exec_trace
        goes_on = tracer is None or tracer(cursor, sql, values)
        if goes_on:
            self.connection.begin_if_needed(self._first, reads=cursor.is_readonly)
        return goes_on

    def _fetch(self) -> Iterator[Row]:
        self._check_open()
        if self.description is None:
            raise ProgrammingError("there are no rows: the last statement gives none")
        return self._fetched()

    def _fetched(self) -> Iterator[Row]:
        rows = self._rows
        while rows is self._rows:
            try:
                with translated():
                    row = next(rows, None)
            except BaseException:
                # Nobody shall take it for the end.
                with suppress(Error):
                    self._forget()
                raise
            if row is None:
                return
            yield row

    def _forget(self) -> None:
        self.description = None
        self.rowcount = -1
        self._is_change, self._gives_rows = False, True
        self._rows = iter(())
        # What has not been read of the last statement is not wanted any more.
        with translated():
            self._cursor.close(True)

    def _check_open(self) -> None:
        self.connection.check_open()
        if self._is_closed:
            raise ProgrammingError("the cursor is closed")


def _description(columns: Iterable[tuple[str, Any]]) -> Description:
    return tuple(
        (name, type_code(declared), None, None, None, None, None) for name, declared in columns
    )
