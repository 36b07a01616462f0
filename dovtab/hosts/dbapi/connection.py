"""A connection, as PEP 249 has it, over one of apsw's.

A transaction is begun by the first statement that changes something, one of the schema
too, and by SAVEPOINT; SQLite commits whatever comes outside of one. Reading needs none.

Source: https://peps.python.org/pep-0249/#connection-objects
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import apsw

from dovtab.api.settings import Settings
from dovtab.hosts.apsw.connection import Connection as ApswConnection
from dovtab.hosts.apsw.connection import attach
from dovtab.hosts.apsw.opening import naming
from dovtab.hosts.dbapi import errors
from dovtab.hosts.dbapi.closed import Closed
from dovtab.hosts.dbapi.cursor import CHANGES_ROWS, Cursor
from dovtab.hosts.dbapi.errors import ProgrammingError, translated
from dovtab.resources import TABLES

_ISOLATIONS = frozenset({"", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"})
_BEGINS = CHANGES_ROWS | {"create", "drop", "alter", "reindex", "analyze", "savepoint"}


class Connection:
    """Made by `dovtab.dbapi.connect`.

    Attributes:
        apsw: the connection of apsw behind it.
    """

    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    def __init__(
        self,
        database: str | os.PathLike[str],
        settings: Settings,
        *,
        timeout: float,
        isolation_level: str | None,
        read_only: bool,
        schema: str | None,
        check_same_thread: bool,
    ) -> None:
        self._is_closed = False
        self._thread = threading.get_ident() if check_same_thread else None
        self.isolation_level = isolation_level
        with translated(), naming(database):
            self.apsw: apsw.Connection = _open(os.fspath(database), read_only=read_only)
        try:
            with translated(), naming(database):
                self.apsw.set_busy_timeout(round(timeout * 1000))
                attach(self.apsw, settings)
                if schema is not None:
                    _declare(self.apsw, schema)
        except BaseException:
            self.apsw.close(True)
            raise

    @property
    def isolation_level(self) -> str | None:
        """How a transaction is begun: DEFERRED, IMMEDIATE, EXCLUSIVE; None: not at all."""
        return self._isolation_level

    @isolation_level.setter
    def isolation_level(self, level: str | None) -> None:
        if level is not None and (
            not isinstance(level, str) or level.upper() not in _ISOLATIONS
        ):
            raise ProgrammingError(
                "isolation_level is DEFERRED, IMMEDIATE, EXCLUSIVE, or None for no transactions"
            )
        self._isolation_level = level if level is None else level.upper() or "DEFERRED"

    @property
    def autocommit(self) -> bool:
        """Whether every statement is committed by itself."""
        return self._isolation_level is None

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value:
            self.commit()
        self.isolation_level = None if value else "DEFERRED"

    @property
    def in_transaction(self) -> bool:
        """Whether there is something to commit, or to roll back."""
        self.check_open()
        return self.apsw.in_transaction

    @property
    def total_changes(self) -> int:
        """How many rows were changed since it was opened."""
        self.check_open()
        return self.apsw.total_changes()

    def cursor(self) -> Cursor:
        """A new one."""
        self.check_open()
        with translated():
            return Cursor(self)

    def execute(self, operation: str, parameters: object = ()) -> Cursor:
        """Run a statement in a cursor of its own, and give that."""
        return self.cursor().execute(operation, parameters)

    def executemany(self, operation: str, seq_of_parameters: Iterable[object]) -> Cursor:
        """The same for many parameters."""
        return self.cursor().executemany(operation, seq_of_parameters)

    def commit(self) -> None:
        """End the transaction, if there is one: actions that were inserted are started.

        Raises:
            Error: it cannot be done, or actions were refused.
        """
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if there is one: actions that were inserted are not started."""
        self._end("ROLLBACK")

    def close(self) -> None:
        """Close it; what was not committed is rolled back.

        Raises:
            ProgrammingError: another thread is using it.
        """
        if not self._is_closed:
            self.check_open()
            with translated():
                self.apsw.close(True)
            self._is_closed = True

    def interrupt(self) -> None:
        """End what it is doing, from another thread: that raises an OperationalError."""
        if self._is_closed:
            raise ProgrammingError("the connection is closed")
        self.apsw.interrupt()

    def create_function(
        self, name: str, narg: int, func: Callable[..., Any], *, deterministic: bool = False
    ) -> None:
        """Let SQL call a function, as Python's sqlite3 does it."""
        self.check_open()
        with translated():
            self.apsw.create_scalar_function(name, func, narg, deterministic=deterministic)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back if something was raised; it stays open, as sqlite3's does."""
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def begin_if_needed(self, first: str, *, reads: bool) -> None:
        """Before a statement with this first word: begin the transaction that it belongs to."""
        if self.autocommit or self.apsw.in_transaction or first not in _BEGINS:
            return
        if first == "savepoint" or not reads:
            cursor = self.apsw.cursor()
            # The statement that it is for has been told of already.
            cursor.exec_trace = lambda *begun: True
            cursor.execute(f"BEGIN {self._isolation_level}")

    def check_open(self) -> None:
        """See that it is.

        Raises:
            ProgrammingError: it is closed, or another thread's.
        """
        if self._is_closed:
            raise ProgrammingError("the connection is closed")
        if self._thread not in (None, threading.get_ident()):
            raise ProgrammingError("the connection is of another thread, and for that alone")

    def _end(self, sql: str) -> None:
        self.check_open()
        try:
            with translated():
                if self.apsw.in_transaction:
                    self.apsw.execute(sql)
        except errors.OperationalError as error:
            # Actions are sent before the file's own changes are written.
            if isinstance(error.__cause__, apsw.BusyError) and self._has_sent():
                raise errors.OperationalError(
                    f"{error}; actions may have been sent: dovtab_posts has them. Call commit()"
                    " again, which sends none twice, and do not repeat what asked for them"
                ) from error.__cause__
            raise

    def _has_sent(self) -> bool:
        (sent,) = (
            self.apsw.execute("SELECT count(*) FROM dovtab_posts WHERE outcome = 'sent'").get,
        )
        return bool(sent)


def _open(database: str, *, read_only: bool) -> ApswConnection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    if not read_only or database == ":memory:":
        return ApswConnection(database, flags=flags)
    # Of the connection as a whole that would hold for what is attached, too.
    uri = f"file:{quote(str(Path(database).absolute()))}?mode=ro"
    return ApswConnection(uri, flags=flags | apsw.SQLITE_OPEN_URI)


def _declare(connection: apsw.Connection, schema: str) -> None:
    """The tables in a database of their own, for who lists tables; nothing of it comes into a file."""
    quoted = '"' + schema.replace('"', '""') + '"'
    connection.execute(f"ATTACH ':memory:' AS {quoted}")
    for table in TABLES:
        connection.execute(f"CREATE VIRTUAL TABLE {quoted}.{table.name} USING {table.name}")
    connection.authorizer = Closed(schema)
