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

from dovtab.engine.account import Account
from dovtab.engine.acting.posts import Post
from dovtab.engine.acting.queue import Queue
from dovtab.engine.reading.values import SqlValue
from dovtab.engine.sql import first_words, has_returning
from dovtab.engine.statement import Statement
from dovtab.engine.statements import Statements
from dovtab.errors import ActionsError, NotAllowedError
from dovtab.resources import Acts, Table


class Transaction:
    """The rows of a table that a transaction has inserted.

    Args:
        total_changes: how many rows SQLite has counted as changed; None: there is no
            need, the door passes on every xRollbackTo.
        name: what the user calls the table.
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
        name: str,
        is_users: bool,
    ) -> None:
        self.name = name
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
        self._undone: Statement | None = None

    @property
    def posts(self) -> list[Post]:
        """The actions that are asked for by the rows that stand."""
        if self._settle in self._statements.before_next:
            self._settle()
        return list(self._queue)

    def insert(self, rowid: int | None, values: Sequence[SqlValue]) -> int:
        """Queue the action that a row asks for; gives the row's id.

        Raises:
            NotAllowedError: nobody may act here, or now.
            ArgumentError: the row is wrong: a constraint that fails.
            TooManyRequestsError: the statement asks for too many.
        """
        # Whoever only reads does not import what acts.
        from dovtab.engine.acting.row import row_post

        statement = self._writer()
        if statement is self._undone:
            raise NotAllowedError(
                "the transaction was rolled back while this INSERT ran: nothing of it is sent"
            )
        row = {c.name: v for c, v in zip(self._table.columns, values, strict=True)}
        post = row_post(self._table, self._acts, self._account, statement, rowid, row)
        statement.spend(self._account.settings.max_requests, self._table.key, queues=True)
        if self._statement is not statement:
            self._statement, self._length = statement, len(self._queue)
            statement.at_end.append(self._ended)
            statement.when_other_ends.append(self.other_ended)
            self._statements.inserts = self
        # What the statement changes is counted at its end, and only if it stands.
        self._changes = self._total_changes()
        self._queue.add(post)
        return -len(self._queue)

    def other_ended(self, other: Statement) -> None:
        """Another statement has ended, that a function in this one has run."""
        if not other.reads:
            self._changes = self._total_changes()
            # What such a one changes may be counted later than we look.
            self._doubtful |= self._changes is not None and has_returning(other.text)

    def disconnect(self) -> None:
        """xDestroy: nobody can COMMIT any more; a door that could not refuse it tells too late."""
        for post in self._empty():
            post.ended("refused", f"not sent: {self.name} was dropped before COMMIT")
            self._account.posts.add(post)

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
        doubtful, posts = self._doubtful, self._empty()
        for post in posts:
            self._account.posts.add(post)
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
        from dovtab.engine.acting import commit

        try:
            commit.send(self._table, self._account, posts, self._statements.current)
        except ActionsError as error:
            # SQLite rolls back what COMMIT does not finish, and not what RELEASE does not.
            if first_words(self._statements.current.text)[0] == "release":
                error.args = (f"{error}; the transaction is still open: end it with ROLLBACK",)
            raise

    def commit(self) -> None:
        """xCommit: what is queued has been sent."""
        self._empty()

    def rollback(self) -> None:
        """xRollback."""
        # What runs on, a function of whose has done this, is in no transaction.
        self._undone = self._statement
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
        others = statements.inserts if statements.inserts is not self else None
        if len(writing) != 1 or (others is not None and others.posts):
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
        if has_returning(writing[0].text):
            raise NotAllowedError(
                f"INSERT INTO {self.name} has no RETURNING: what was started is known only"
                " after the statement; dovtab_posts has it then"
            )
        return writing[0]

    def _ended(self) -> None:
        self._statements.before_next.append(self._settle)

    def _settle(self) -> None:
        changes = self._total_changes()
        if self._statement is not None and changes is not None and changes == self._changes:
            self._queue.cut(self._length)
        self._statement = None

    def _empty(self) -> list[Post]:
        self._statement = None
        self._doubtful = False
        if self._statements.inserts is self:
            self._statements.inserts = None
        return self._queue.clear()
