"""Which statement is running, and with what it was begun.

SQLite does not tell a virtual table. It does tell a trace callback when a
statement takes its first step, before it opens any table, so the statement
that started last is the one whose tables are being opened. What its parameters
are bound to, apsw tells a moment earlier.

Sources: https://sqlite.org/c3ref/c_trace.html,
https://rogerbinns.github.io/apsw/execution.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from dovtab.engine.statement import Statement
from dovtab.errors import ArgumentError


class Statements:
    """The statements that are running on a connection, oldest first.

    Args:
        ended: called when the last of them has ended.
    """

    def __init__(
        self, connection: apsw.Connection, ended: Callable[[], None] = lambda: None
    ) -> None:
        self._ended = ended
        self._running: dict[int, Statement] = {}
        self._next: Statement | None = None
        # Whose table has rows in this transaction that ask for actions.
        self.inserts: object = None
        # To be called once, before another statement begins.
        self.before_next: list[Callable[[], None]] = []
        # The identity keeps other people's traces on this connection alive.
        events = apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE
        connection.trace_v2(events, self._traced, id=self)
        # There is one execution tracer, and it is the user's if there is one.
        self._begun: tuple[str, Any] | None = None
        if connection.exec_trace is None:
            connection.exec_trace = self._executed

    @property
    def current(self) -> Statement:
        """Of those that are running, the one that started last."""
        return next(reversed(self._running.values()), None) or Statement()

    def calling(self, function: str) -> Statement:
        """The one that is calling a function of ours.

        No view or trigger can, so its own text has the name.

        Raises:
            ArgumentError: it could be this one or that.
        """
        named = [s for s in self._running.values() if function in s.text.lower()]
        if len(named) > 1:
            raise ArgumentError(
                "two statements that act are running on this connection, and nobody can tell"
                " whose this is: let one come to its end first, with fetchall()"
            )
        return named[0] if named else self.current

    @property
    def writing(self) -> int:
        """How many of those that are running do not only read."""
        return sum(not statement.reads for statement in self._running.values())

    @property
    def is_in_trigger(self) -> bool:
        """Whether a trigger has been run by what is running."""
        return any(statement.triggered for statement in self._running.values())

    def begins(self, statement: Statement | None) -> None:
        """What is stepped next is not a statement of the user's, but this one; None: it is."""
        self._next = statement

    def _executed(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        self._begun = (sql, bindings)
        return True

    def _traced(self, event: dict[str, Any]) -> None:
        id = event["id"]
        ended = None
        if event["code"] == apsw.SQLITE_TRACE_PROFILE:
            ended = self._running.pop(id, None)
        # A trigger comes with the id of who runs it. A statement that begins with
        # a comment looks like one, and so do queries that a virtual table makes.
        elif event["trigger"] and id in self._running:
            self._running[id].triggered |= event["sql"].startswith("TRIGGER ")
        else:
            while self.before_next:
                self.before_next.pop()()
            ended = self._running.pop(id, None)
            self._running[id], self._next = self._next or self._statement(event), None
        if ended is not None:
            ended.end()
            for other in self._running.values():
                for call in other.during:
                    call(ended)
            if not self._running:
                self._ended()

    def _statement(self, event: dict[str, Any]) -> Statement:
        sql, begun, self._begun = event["sql"], self._begun, None
        bindings = begun[1] if begun is not None and sql in begun[0] else None
        return Statement(sql, reads=event["readonly"], bindings=bindings)
