"""A resource as a virtual table module of apsw.

A translator and nothing else: SQLite's structures in, the engine's answers out.

Sources: https://sqlite.org/vtab.html, https://rogerbinns.github.io/apsw/vtable.html
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import apsw

from dovtab.engine.account import Account
from dovtab.engine.fetch import Fetch
from dovtab.engine.planner import LIMIT, OFFSET, Constraint, plan
from dovtab.engine.scan import scan
from dovtab.engine.values import SqlValue
from dovtab.errors import SettingsError
from dovtab.hosts.cursor import Cursor
from dovtab.hosts.inserts import Inserts
from dovtab.hosts.own_tables import OwnTables
from dovtab.hosts.second_run import SecondRun
from dovtab.hosts.statements import Statements
from dovtab.resources import Resource


class Module:
    """xConnect. The eponymous table has no arguments; a created one may name a context."""

    def __init__(
        self,
        resource: Resource,
        account: Account,
        statements: Statements,
        own_tables: OwnTables,
        foresight: SecondRun | None,
    ) -> None:
        self._resource = resource
        self._account = account
        self._statements = statements
        self._own_tables = own_tables
        self._foresight = foresight

    def Connect(
        self,
        connection: apsw.Connection,
        modulename: str,
        databasename: str,
        tablename: str,
        *args: SqlValue,
    ) -> tuple[str, Table]:
        context = _context(databasename, args)
        account = self._account.in_context(context) if context else self._account
        self._own_tables.add(databasename, tablename)
        fetch = Fetch(self._resource, account, self._foresight)

        def gone() -> None:
            self._own_tables.remove(databasename, tablename)

        # Constraints are checked before anything is changed.
        connection.vtab_config(apsw.SQLITE_VTAB_CONSTRAINT_SUPPORT, 1)
        inserts = Inserts(
            weakref.ref(connection),
            self._resource,
            account,
            self._statements,
            is_users=databasename == "temp" or tablename.lower() == self._resource.name,
        )
        return self._resource.schema, Table(
            self._resource, fetch, self._statements, inserts, gone
        )

    Create = Connect


class Table:
    """xBestIndex and xOpen; what INSERT needs is `Inserts`.

    Args:
        gone: called when SQLite has done with it.
    """

    def __init__(
        self,
        resource: Resource,
        fetch: Fetch,
        statements: Statements,
        inserts: Inserts,
        gone: Callable[[], None],
    ) -> None:
        self._gone = gone
        self.UpdateInsertRow = inserts.UpdateInsertRow
        self.UpdateDeleteRow = inserts.UpdateDeleteRow
        self.UpdateChangeRow = inserts.UpdateChangeRow
        self.Begin, self.Sync = inserts.Begin, inserts.Sync
        self.Commit, self.Rollback = inserts.Commit, inserts.Rollback
        self.Savepoint, self.Release = inserts.Savepoint, inserts.Release
        self.RollbackTo = inserts.RollbackTo
        self.resource = resource
        self.fetch = fetch
        self.statements = statements
        self._names = tuple(column.name for column in resource.columns)
        self._pager = {self._names.index(name) for name in resource.pager}

    def BestIndexObject(self, index: apsw.IndexInfo) -> bool:
        """Ask the planner; False is SQLITE_CONSTRAINT."""
        constraints = [self._constraint(index, i) for i in range(index.nConstraint)]
        looks_at_pages = not self._pager.isdisjoint(index.colUsed)
        ordered = index.nOrderBy > 0 or index.distinct > 0 or looks_at_pages
        chosen = plan(self.resource, constraints, ordered=ordered)
        if chosen is None:
            return False
        for i, usage in enumerate(chosen.usages):
            if usage.argv_index:
                index.set_aConstraintUsage_argvIndex(i, usage.argv_index)
                index.set_aConstraintUsage_omit(i, usage.omit)
            if usage.all_at_once:
                index.set_aConstraintUsage_in(i, True)
        index.idxStr = chosen.idx_str
        index.estimatedCost = chosen.cost
        index.estimatedRows = chosen.rows
        if chosen.unique:
            index.idxFlags = apsw.SQLITE_INDEX_SCAN_UNIQUE
        return True

    def Open(self) -> Cursor:
        # A statement opens its tables at its first step, so the one that
        # started last is ours; later another one may have started.
        statement = self.statements.current
        return Cursor(
            lambda idx_str, argv: scan(self.resource, idx_str, argv, self.fetch, statement)
        )

    def Disconnect(self) -> None:
        self._gone()

    Destroy = Disconnect

    def _constraint(self, index: apsw.IndexInfo, i: int) -> Constraint:
        op = index.get_aConstraint_op(i)
        # LIMIT and OFFSET have no column; the number they come with means nothing.
        number = None if op in (LIMIT, OFFSET) else index.get_aConstraint_iColumn(i)
        return Constraint(
            column=None if number is None else "id" if number < 0 else self._names[number],
            op=op,
            usable=index.get_aConstraint_usable(i),
            is_in=index.get_aConstraintUsage_in(i),
        )


def _context(database: str, arguments: tuple[SqlValue, ...]) -> str | None:
    """The context in ``CREATE VIRTUAL TABLE temp.x USING droplet_actions(context=prod)``.

    Nothing else may be said there, and only in the temporary database: a file
    is no place for a token, and a stranger's file must choose neither whose
    token is used nor which host it is sent to.
    """
    if arguments and database != "temp":
        raise SettingsError(
            "a context is chosen in the temp database only:"
            " CREATE VIRTUAL TABLE temp.NAME USING droplet_actions(context=NAME)"
        )
    context = None
    for argument in arguments:
        name, equals, value = str(argument).partition("=")
        if name.strip() != "context" or not equals or context is not None:
            raise SettingsError(
                "USING droplet_actions(...) takes one argument, context=NAME,"
                " a context of doctl's config file"
            )
        context = value.strip().strip("'\"").strip()
        if not context:
            raise SettingsError("context= needs the name of a context in doctl's config file")
    return context
