"""The door for programs that use apsw: all that dovtab adds to a connection.

Source: https://rogerbinns.github.io/apsw/connection.html
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from inspect import iscoroutine
from types import TracebackType
from typing import TYPE_CHECKING, cast

import apsw

from dovtab.api.settings import Settings
from dovtab.engine.session import Observer, Session
from dovtab.engine.statement import Statement
from dovtab.errors import DovtabError
from dovtab.hosts.apsw.functions import create_functions
from dovtab.hosts.apsw.module import Module
from dovtab.hosts.apsw.safe_tables import SafeTables
from dovtab.hosts.apsw.shadow import Shadow
from dovtab.hosts.apsw.trace import Trace
from dovtab.resources import TABLES, Table

if TYPE_CHECKING:
    from dovtab.api.clock import Clock


class Connection(apsw.Connection):
    """apsw's, but for one thing: what a COMMIT raises gets out of ``with connection:``.

    apsw rolls back what is rolled back already, and raises what that says.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            return super().__exit__(kind, error, trace)
        except apsw.Error as other:
            ours = other.__context__
            if ours is error or not isinstance(ours, DovtabError):
                raise
        raise ours


def attach(
    connection: apsw.Connection,
    settings: Settings,
    clock: Clock | None = None,
    observer: Observer | None = None,
    tables: Sequence[Table] = TABLES,
) -> Session:
    """Register the tables and functions; gives what they belong to.

    Nothing registered refers to the connection: it would keep itself alive
    through apsw's own references, where the collector cannot see the circle.

    Raises:
        TypeError: it is not a connection that this can be done to.
        SettingsError: it has a table that hides one of ours.
    """
    _check_kind(connection)
    host = _Host(connection)
    session = host.session = Session(settings, host, clock, observer, tables)
    checks = Checks(session)
    checks.shadow.check(connection)
    host.trace = Trace(connection, session.statements, checks)
    module = Module(session, host.safe_tables)
    for entry in session.manifest.modules:
        connection.create_module(
            entry.name,
            # apsw's protocols list every optional member as if it were required.
            cast("apsw.VTModule", module),
            use_bestindex_object=True,
            iVersion=2,  # SQLite tells of savepoints.
            eponymous=entry.creatable,
            eponymous_only=not entry.creatable,
            read_only=not entry.writable,
        )
    create_functions(connection, session)
    _read_schemas_again(connection)
    return session


def _read_schemas_again(connection: apsw.Connection) -> None:
    """Let SQLite see that what a file calls in a CHECK, an index or a column is ours.

    It refuses such a function when it reads the schema, and if it has read it already,
    never.
    """
    cursor = connection.cursor()
    cursor.exec_trace = lambda *begun: True
    # https://sqlite.org/pragma.html#pragma_writable_schema
    cursor.execute("PRAGMA writable_schema = RESET")


class Checks:
    """What a statement has to pass before it is run, where the door can refuse one.

    Raises:
        SettingsError: a table that it names is hidden by another.
        NotAllowedError: it would drop a table that has actions to send.
    """

    def __init__(self, session: Session) -> None:
        modules = session.manifest.modules
        self.shadow = Shadow(module.name for module in modules if not module.may_be_hidden)
        self._statements = session.statements

    def __call__(self, connection: apsw.Connection, sql: str) -> None:
        self.shadow.check(connection, sql)
        self._statements.check(sql)


class _Host:
    """What the engine asks of this door."""

    trace: Trace
    session: Session

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = weakref.ref(connection)
        self.safe_tables = SafeTables()

    def is_interrupted(self) -> bool:
        connection = self._connection()
        return connection is not None and connection.is_interrupted

    def total_changes(self) -> int | None:
        connection = self._connection()
        return None if connection is None else connection.total_changes()

    def run_ahead(self, copy: Statement) -> str:
        # Most programs have no join to run ahead.
        from dovtab.hosts.apsw.separate_run import run_separately
        from dovtab.hosts.apsw.speculative_run import run_ahead

        connection = self._connection()
        if connection is None:
            return "the connection is closed"
        alone = run_ahead(connection, copy, self.trace, self.safe_tables)
        files = {name: connection.db_filename(name) for name in connection.db_names()}
        if not alone or not any(files.values()):
            return alone
        if connection.txn_state() == apsw.SQLITE_TXN_WRITE:
            # What it has locked would be locked for us, too.
            return alone
        return run_separately(self.session, copy, files)


def _check_kind(connection: object) -> None:
    if not isinstance(connection, apsw.Connection):
        kind = f"{type(connection).__module__}.{type(connection).__name__}"
        raise TypeError(f"dovtab needs an apsw.Connection, not a {kind}")
    # An asynchronous connection is an ordinary one in the thread that works for it.
    changes: object = connection.total_changes()
    if iscoroutine(changes):
        changes.close()
        raise TypeError(
            "this connection is asynchronous, and dovtab has to be registered in its own"
            " thread: await connection.async_run(dovtab.register, connection, ...)"
        )
