"""INSERT INTO droplet_actions: checked now, sent at COMMIT.

The columns ``droplet_id`` or ``tag_name``, ``type`` and ``attributes`` say what
to do; the others are the API's to fill. No trigger of a stranger's file gets
here, and no table with another name than ours, unless its owner made it in his
temp database.

Theory of operation: how an INSERT is settled. SQLite undoes the rows of a
statement that fails, but apsw cannot pass xRollbackTo on while an exception of ours
is on its way. SQLite does count the rows that a statement changed, at its end, and only if
the statement stands. So a transaction is in one of four states:

========  ===============================  ===================================
state     who moves it                     what holds
========  ===============================  ===================================
empty     `begin`, `sync`, `rollback`      nothing is queued
writing   the first `insert` of a          the statement, how long the queue
          statement                        was before it, and the count since
ended     the statement's end, or sooner   as before, until it is settled
settled   `Statements.before_next`         all is queued that stands: rows of a
                                           statement that left the count as it
                                           was have been cut off
========  ===============================  ===================================

It is not settled at its end, because a statement that is given up early is only
then ended by SQLite. Another statement that ends while this one writes may have
changed the count itself: it is then taken anew (`other_ended`), or, if that cannot
be relied on, what is queued is in doubt and will not be sent. Always: one table
of a connection has rows in a transaction, and one statement writes them; the queue
is emptied before anything of it is sent.

Sources: https://sqlite.org/vtab.html#the_xupdate_method, https://sqlite.org/lang_conflict.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dovtab.api.exchange import Request
from dovtab.engine.account import Account
from dovtab.engine.acting import act, commit
from dovtab.engine.acting.posts import Post
from dovtab.engine.acting.queue import Queue
from dovtab.engine.reading.values import SqlValue
from dovtab.engine.statement import Statement, Statements
from dovtab.errors import ActionsError, NotAllowedError
from dovtab.resources import Acts, Table


class Transaction:
    """The rows of a table that a transaction has inserted.

    Args:
        total_changes: how many rows SQLite has counted as changed; None: it is
            not known any more.
        is_users: whether whoever uses the table knows that it acts.
    """

    def __init__(
        self,
        table: Table,
        acts: Acts,
        account: Account,
        statements: Statements,
        total_changes: Callable[[], int | None],
        *,
        is_users: bool,
    ) -> None:
        self._table = table
        self._acts = acts
        self._account = account
        self._statements = statements
        self._total_changes = total_changes
        self._is_users = is_users
        self._queue = Queue()
        self._statement: Statement | None = None
        self._length = 0
        self._changes: int | None = 0
        self._doubtful = False

    def insert(self, rowid: int | None, values: Sequence[SqlValue]) -> int:
        """Queue the action that a row asks for; gives the row's id.

        Raises:
            NotAllowedError: nobody may act here, or now.
            ArgumentError: the row is wrong: a constraint that fails.
            TooManyRequestsError: the statement asks for too many.
        """
        statement = self._writer()
        row = {c.name: v for c, v in zip(self._table.columns, values, strict=True)}
        request = act.row_request(self._table, self._acts, self._account, rowid, row)
        statement.spend(self._account.settings.max_requests, self._table.key)
        if self._statement is not statement:
            self._statement, self._length = statement, len(self._queue)
            statement.at_end.append(self._ended)
            statement.when_other_ends.append(self.other_ended)
            self._statements.inserts = self
        # What the statement changes is counted at its end, and only if it stands.
        self._changes = self._total_changes()
        self._queue.add(request)
        return -len(self._queue)

    def other_ended(self, other: Statement) -> None:
        """Another statement has ended, that a function in this one has run."""
        if not other.reads:
            self._changes = self._total_changes()
            # What such a one changes may be counted later than we look.
            self._doubtful |= "returning" in other.text.lower()

    def begin(self) -> None:
        """xBegin."""
        self._empty()

    def sync(self) -> None:
        """xSync: send what is queued.

        Raises:
            DovtabError: not all of it was sent.
            Interrupted: somebody stopped it.
        """
        # Emptied first: whatever happens, nothing is sent a second time.
        doubtful, requests = self._doubtful, self._empty()
        posts = [
            self._account.posts.add(Post(request, self._table, self._account.context))
            for request in requests
        ]
        if doubtful and posts:
            error = NotAllowedError(
                "nothing was sent: beside an INSERT that acts a statement with RETURNING was"
                " run, and nobody can tell whether the INSERT stands"
            )
            for post in posts:
                post.ended("refused", error)
            raise error
        if not posts:
            return
        try:
            commit.send(self._table, self._account, posts)
        except ActionsError as error:
            # SQLite rolls back what COMMIT does not finish, and not what RELEASE does not.
            if self._statements.current.text.lstrip().lower().startswith("release"):
                error.args = (f"{error}; the transaction is still open: end it with ROLLBACK",)
            raise

    def commit(self) -> None:
        """xCommit: what is queued has been sent."""
        self._empty()

    def rollback(self) -> None:
        """xRollback."""
        self._empty()

    def savepoint(self, number: int) -> None:
        """xSavepoint."""
        self._queue.savepoint(number)

    def release(self, number: int) -> None:
        """xRelease."""
        self._queue.release(number)

    def rollback_to(self, number: int) -> None:
        """xRollbackTo."""
        self._queue.rollback_to(number)

    def _writer(self) -> Statement:
        """The statement whose row it is, if it may act: not one that only reads inside it."""
        statements, writing = self._statements, self._statements.writing
        if len(writing) != 1 or statements.inserts not in (None, self):
            raise NotAllowedError(
                "actions are started by one statement, and in a transaction through one table,"
                " at a time, or nobody could tell what is undone: let the other statement that"
                " writes come to its end, or COMMIT, first"
            )
        if not self._is_users or statements.is_in_trigger:
            raise NotAllowedError(
                f"actions are started by INSERT INTO {self._table.name}, and neither by a"
                " trigger nor through a table of another name in a database file"
            )
        return writing[0]

    def _ended(self) -> None:
        self._statements.before_next.append(self._settle)

    def _settle(self) -> None:
        changes = self._total_changes()
        if self._statement is not None and changes is not None:
            if changes == self._changes:
                self._queue.cut(self._length)
            self._statement = None

    def _empty(self) -> list[Request]:
        self._statement = None
        self._doubtful = False
        if self._statements.inserts is self:
            self._statements.inserts = None
        return self._queue.clear()
