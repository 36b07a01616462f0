"""INSERT INTO droplet_actions: checked now, sent at COMMIT.

The columns ``droplet_id`` or ``tag_name``, ``type`` and ``attributes`` say what
to do; the others are the API's to fill. A row that is wrong is a constraint
that fails, so ``OR IGNORE`` leaves it out and ``OR FAIL`` keeps what came
before. No trigger of a stranger's file gets here, and no table with another
name than ours, unless its owner made it in his temp database.

Sources: https://sqlite.org/vtab.html#the_xupdate_method, https://sqlite.org/lang_conflict.html
"""

from __future__ import annotations

import weakref
from typing import NoReturn

import apsw

from dovtab.api.exchange import Request
from dovtab.engine import act
from dovtab.engine.account import Account
from dovtab.engine.queue import Queue
from dovtab.engine.statement import Statement
from dovtab.engine.values import SqlValue
from dovtab.errors import ArgumentError, Interrupted, NotAllowedError
from dovtab.hosts.statements import Statements
from dovtab.resources import Resource


class BadRow(ArgumentError, apsw.ConstraintError):
    """A row that cannot be inserted; SQLite takes it for a constraint that fails."""


class Inserts:
    """The rows of a table that a transaction has inserted.

    Args:
        is_users: whether whoever uses the table knows that it acts.
    """

    def __init__(
        self,
        connection: weakref.ref[apsw.Connection],
        resource: Resource,
        account: Account,
        statements: Statements,
        *,
        is_users: bool,
    ) -> None:
        self._connection = connection
        self._resource = resource
        self._account = account
        self._statements = statements
        self._is_users = is_users
        self._queue = Queue()
        self._statement: Statement | None = None
        self._length = self._changes = 0
        self._doubtful = False

    def UpdateInsertRow(self, rowid: int | None, fields: tuple[SqlValue, ...]) -> int:
        statement = self._statements.current
        if self._statements.writing > 1 or self._statements.inserts not in (None, self):
            raise NotAllowedError(
                "actions are started by one statement, and in a transaction through one table,"
                " at a time, or nobody could tell what is undone: let the other statement that"
                " writes come to its end, or COMMIT, first"
            )
        if not self._is_users or self._statements.is_in_trigger:
            raise NotAllowedError(
                f"actions are started by INSERT INTO {self._resource.name}, and neither by a"
                " trigger nor through a table of another name in a database file"
            )
        connection = self._connection()
        conflict = apsw.SQLITE_ABORT if connection is None else connection.vtab_on_conflict()
        try:
            row = {c.name: v for c, v in zip(self._resource.columns, fields, strict=True)}
            request = act.row_request(self._resource, self._account, rowid, row)
        except ArgumentError as error:
            if conflict == apsw.SQLITE_IGNORE:
                return 0
            raise BadRow(str(error)) from None
        statement.spend(self._account.settings.max_requests)
        if self._statement is not statement:
            self._statement, self._length = statement, len(self._queue)
            statement.at_end.append(self._ended)
            statement.during.append(self._meanwhile)
            self._statements.inserts = self
        # What the statement changes is counted at its end, and only if it stands.
        self._changes = 0 if connection is None else connection.total_changes()
        self._queue.add(request)
        return -len(self._queue)

    def _meanwhile(self, other: Statement) -> None:
        """Another statement has ended, that a function in this one has run."""
        connection = self._connection()
        if connection is not None and not other.reads:
            self._changes = connection.total_changes()
            # What such a one changes may be counted later than we look.
            self._doubtful |= "returning" in other.text.lower()

    def _ended(self) -> None:
        # Not yet: if it is given up early, SQLite has still to end it.
        self._statements.before_next.append(self._settle)

    def _settle(self) -> None:
        """Drop the rows of a statement that SQLite has undone.

        It cannot tell while Python raises, so this is seen by what it counts.
        """
        connection = self._connection()
        if self._statement is not None and connection is not None:
            if connection.total_changes() == self._changes:
                self._queue.cut(self._length)
            self._statement = None

    def UpdateDeleteRow(self, rowid: int) -> NoReturn:
        raise NotAllowedError("what was done to a Droplet cannot be deleted")

    def UpdateChangeRow(self, row: int, rowid: int, fields: tuple[SqlValue, ...]) -> NoReturn:
        raise NotAllowedError(
            "what was done to a Droplet cannot be changed: INSERT starts a new action"
        )

    def Begin(self) -> None:
        self._forget()

    def Sync(self) -> None:
        # Emptied first: whatever happens, nothing is sent a second time.
        doubtful, requests = self._doubtful, self._forget()
        if not requests:
            return
        if doubtful:
            error = NotAllowedError(
                "nothing was sent: beside an INSERT that acts a statement with RETURNING was"
                " run, and nobody can tell whether the INSERT stands"
            )
            for request in requests:
                self._account.posts.add(request).ended("refused", error)
            raise error
        try:
            act.send(self._resource, self._account, requests)
        except Interrupted as interrupted:
            raise apsw.InterruptError(str(interrupted)) from None

    def Commit(self) -> None:
        self._forget()

    def Rollback(self) -> None:
        self._forget()

    def _forget(self) -> list[Request]:
        self._statement = None
        self._doubtful = False
        if self._statements.inserts is self:
            self._statements.inserts = None
        return self._queue.clear()

    def Savepoint(self, number: int) -> None:
        self._queue.savepoint(number)

    def Release(self, number: int) -> None:
        self._queue.release(number)

    def RollbackTo(self, number: int) -> None:
        self._queue.rollback_to(number)
