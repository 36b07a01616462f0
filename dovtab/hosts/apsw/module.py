"""The engine's tables as virtual table modules of apsw.

A translator and nothing else: SQLite's structures in, the engine's answers out.

Sources: https://sqlite.org/vtab.html, https://rogerbinns.github.io/apsw/vtable.html
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import apsw

from dovtab.errors import ArgumentError, Interrupted
from dovtab.hosts.apsw.cursor import Cursor
from dovtab.hosts.apsw.safe_tables import SafeTables

if TYPE_CHECKING:
    from dovtab.engine.all_accounts import AllAccounts
    from dovtab.engine.reading.values import SqlValue
    from dovtab.engine.session import Session
    from dovtab.engine.table import RecordTable, VirtualTable


class BadRow(ArgumentError, apsw.ConstraintError):
    """A row that cannot be inserted; SQLite takes it for a constraint that fails."""


class Module:
    """xConnect. The eponymous table has no arguments; a created one may name a context."""

    def __init__(self, session: Session, safe_tables: SafeTables) -> None:
        self._session = session
        self._safe_tables = safe_tables

    def Connect(
        self,
        connection: apsw.Connection,
        modulename: str,
        databasename: str,
        tablename: str,
        *args: SqlValue,
    ) -> tuple[str, Table]:
        connected = self._session.connect(modulename, databasename, tablename, args)
        self._safe_tables.add(databasename, tablename)

        def gone() -> None:
            self._safe_tables.remove(databasename, tablename)

        # Constraints are checked before anything is changed.
        connection.vtab_config(apsw.SQLITE_VTAB_CONSTRAINT_SUPPORT, 1)
        if connected.transaction is None:
            return connected.schema, Table(connected, gone)
        return connected.schema, WritableTable(weakref.ref(connection), connected, gone)

    Create = Connect


class Table:
    """xBestIndex and xOpen.

    Args:
        gone: called when SQLite has done with it.
    """

    def __init__(
        self, table: VirtualTable | AllAccounts | RecordTable, gone: Callable[[], None]
    ) -> None:
        self._table = table
        self.Disconnect = self.Destroy = gone

    def BestIndexObject(self, index: apsw.IndexInfo) -> bool:
        """Ask the engine; False would be SQLITE_CONSTRAINT."""
        from dovtab.engine.table import IndexConstraint, IndexInfo

        constraints = [
            IndexConstraint(
                index.get_aConstraint_iColumn(i),
                index.get_aConstraint_op(i),
                index.get_aConstraint_usable(i),
                index.get_aConstraintUsage_in(i),
            )
            for i in range(index.nConstraint)
        ]
        plan = self._table.best_index(
            IndexInfo(constraints, index.nOrderBy, index.distinct, index.colUsed)
        )
        if plan is None:
            return True
        for i, usage in enumerate(plan.usages):
            if usage.argv_index:
                index.set_aConstraintUsage_argvIndex(i, usage.argv_index)
                index.set_aConstraintUsage_omit(i, usage.omit)
            if usage.all_at_once:
                index.set_aConstraintUsage_in(i, True)
        index.idxStr = plan.idx_str
        index.estimatedCost = plan.cost
        index.estimatedRows = plan.rows
        if plan.unique:
            index.idxFlags = apsw.SQLITE_INDEX_SCAN_UNIQUE
        return True

    def Open(self) -> Cursor:
        return Cursor(self._table.open())


class WritableTable(Table):
    """xUpdate and what belongs to a transaction.

    Sources: https://sqlite.org/vtab.html#the_xupdate_method, https://sqlite.org/lang_conflict.html
    """

    def __init__(
        self,
        connection: weakref.ref[apsw.Connection],
        table: VirtualTable,
        gone: Callable[[], None],
    ) -> None:
        super().__init__(table, gone)
        transaction = table.transaction
        assert transaction is not None
        self._connection = connection
        self._writable = table
        self._sync = transaction.sync
        self.Begin, self.Commit = transaction.begin, transaction.commit
        self.Rollback, self.Savepoint = transaction.rollback, transaction.savepoint
        self.Release, self.RollbackTo = transaction.release, transaction.rollback_to

        def destroyed() -> None:
            transaction.disconnect()
            gone()

        self.Destroy = destroyed

    def UpdateInsertRow(self, rowid: int | None, fields: tuple[SqlValue, ...]) -> int:
        try:
            return self._writable.insert(rowid, fields)
        except ArgumentError as error:
            connection = self._connection()
            # OR IGNORE leaves the row out; OR FAIL keeps what came before.
            if connection and connection.vtab_on_conflict() == apsw.SQLITE_IGNORE:
                return 0
            raise BadRow(str(error)) from None

    def UpdateDeleteRow(self, rowid: int) -> NoReturn:
        self._writable.delete()

    def UpdateChangeRow(self, row: int, rowid: int, fields: tuple[SqlValue, ...]) -> NoReturn:
        self._writable.update()

    def Sync(self) -> None:
        try:
            self._sync()
        except Interrupted as interrupted:
            raise apsw.InterruptError(str(interrupted)) from None
