"""Which statements run on a connection.

SQLite does not tell a virtual table on whose behalf it is called. A door tells
when a statement takes its first step, before it opens any table, so the one that
began last is the one whose tables are being opened.

Theory of operation. If the schema has changed since a statement was prepared, SQLite
ends it at its second step, prepares it anew and runs it, and of that second run a
door may hear no word. So what has ended without having done anything is kept:

=========  ==========================  ========================================
state      who moves it                what holds
=========  ==========================  ========================================
running    `began`                     it may call us
suspended  `ended`, if it did nothing  it may be running again; one at most
over       `ended`; for a suspended    it calls nobody
           one, whatever begins or
           ends next
=========  ==========================  ========================================

A suspended one is taken for running as soon as we are called and nothing else runs.
Where it could be this one or that, nothing acts.

Source: https://sqlite.org/c3ref/prepare.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from dovtab.engine.sql import first_words
from dovtab.engine.statement import Statement
from dovtab.errors import ArgumentError, NotAllowedError

if TYPE_CHECKING:
    # Whoever asks for nothing of ours starts without it.
    from dovtab.engine.acting.posts import Post


class Inserts(Protocol):
    """The rows of a transaction that ask for actions.

    Attributes:
        name: of the table that has them.
    """

    name: str

    @property
    def posts(self) -> Sequence[Post]:
        """Those actions, in their order."""


class Statements:
    """The statements that are running on a connection, oldest first.

    Args:
        all_ended: called when the last of them has ended.

    Attributes:
        executing: those that are inside sqlite3_step, the outermost first, where a door
            can tell: nobody else can be calling us, and the last of them is.
        inserts: whose table has rows in this transaction that ask for actions.
        before_next: to be called once, before another statement begins.
    """

    def __init__(self, all_ended: Callable[[], None] = lambda: None) -> None:
        self._all_ended = all_ended
        self._running: dict[int, Statement] = {}
        self._suspended: tuple[int, Statement] | None = None
        self.executing: Sequence[int] | None = None
        self.inserts: Inserts | None = None
        self.before_next: list[Callable[[], None]] = []

    def check(self, text: str) -> None:
        """A door that can refuse a statement is about to run this one.

        Raises:
            NotAllowedError: it would drop a table that has actions to send.
        """
        inserts = self.inserts
        if inserts is None or first_words(text) != ("drop", "table"):
            return
        if inserts.name.lower() in text.lower():
            self.check_drop(inserts)

    def check_drop(self, inserts: Inserts) -> None:
        """A table is about to be dropped.

        Raises:
            NotAllowedError: it has actions to send.
        """
        if inserts.posts:
            raise NotAllowedError(
                f"{inserts.name} has actions that were not sent yet: COMMIT or ROLLBACK before"
                " it is dropped"
            )

    def began(self, id: int, statement: Statement) -> None:
        """A statement takes its first step.

        Args:
            id: the same at its end, and of no other until then.
        """
        self._forget_suspended()
        while self.before_next:
            self.before_next.pop()()
        replaced = self._running.pop(id, None)
        self._running[id] = statement
        self._over(replaced)

    def triggered(self, id: int) -> None:
        """A statement has run a trigger."""
        self._resume(id)
        if id in self._running:
            self._running[id].triggered = True

    def ended(self, id: int, *, may_run_again: bool = False) -> None:
        """A statement has come to its end, or been given up.

        Args:
            may_run_again: it has done hardly anything yet. If the schema has changed since it was
                prepared, SQLite prepares it anew and runs it, and does not say so again.
        """
        self._resume(id)
        self._forget_suspended()
        statement = self._running.pop(id, None)
        if may_run_again and statement is not None and not statement.did_something:
            self._suspended = id, statement
        else:
            self._over(statement)

    def end_all(self) -> None:
        """The connection is closed."""
        self.executing = None
        for id in list(self._running):
            self.ended(id)
        self._forget_suspended()

    def is_running(self, id: int) -> bool:
        """Whether a statement of this id has begun and not ended."""
        suspended = self._suspended is not None and self._suspended[0] == id
        return id in self._running or suspended

    @property
    def current(self) -> Statement:
        """Of those that are running, the one that began last."""
        self._resume_alone()
        return next(reversed(self._possible), None) or Statement()

    def calling(self, function: str) -> Statement:
        """The one that is calling a function of ours.

        No view or trigger can, so its own text has the name.

        Raises:
            ArgumentError: it could be this one or that.
            NotAllowedError: it is none that is known.
        """
        self._resume_alone()
        named = [s for s in self._possible if function in s.text.lower()]
        if len(named) > 1:
            raise ArgumentError(
                "two statements that act are running on this connection, and nobody can tell"
                " whose this is: let one come to its end first, with fetchall()"
            )
        if not named:
            raise NotAllowedError(
                f"{function} is called by a statement in its own words, and not by a view or a"
                " trigger. If it was: the schema has changed since it was prepared, run it again"
            )
        return named[0]

    @property
    def writing(self) -> list[Statement]:
        """Those that are running and do not only read: a row is one of these's."""
        self._resume_alone()
        return [statement for statement in self._possible if not statement.reads]

    @property
    def is_in_trigger(self) -> bool:
        """Whether a trigger has been run by what is running."""
        return any(statement.triggered for statement in self._possible)

    @property
    def _possible(self) -> list[Statement]:
        """Those that may be calling, the one that may be running again among them."""
        if self.executing is not None:
            return [self._running[id] for id in self.executing if id in self._running]
        suspended = [self._suspended[1]] if self._suspended is not None else []
        return [*self._running.values(), *suspended]

    def _resume_alone(self) -> None:
        # If nothing else runs, and yet somebody asks, it is this one, again.
        if self._suspended is not None and not self._running:
            self._resume(self._suspended[0])

    def _resume(self, id: int) -> None:
        if self._suspended is not None and self._suspended[0] == id:
            self._running[id], self._suspended = self._suspended[1], None

    def _forget_suspended(self) -> None:
        if self._suspended is not None:
            (_, statement), self._suspended = self._suspended, None
            self._over(statement)

    def _over(self, ended: Statement | None) -> None:
        if ended is None:
            return
        ended.end()
        for other in self._running.values():
            for call in other.when_other_ends:
                call(ended)
        if not self._running:
            self._all_ended()
