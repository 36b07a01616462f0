"""Which statements begin and end, as SQLite's trace tells it.

A trace callback is called when a statement takes its first step, before it opens
any table. What its parameters are bound to, apsw tells a moment earlier.

Sources: https://sqlite.org/c3ref/c_trace.html,
https://rogerbinns.github.io/apsw/execution.html
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from inspect import iscoroutine
from typing import Any

import apsw

from dovtab.engine.sql import first_words
from dovtab.engine.statement import Statement
from dovtab.engine.statements import Statements

_KEPT = 1000
_MOST_DATABASES = 12  # main, temp, and ten that are attached
_CONTROL = frozenset(
    {"begin", "commit", "end", "rollback", "savepoint", "release"}
    | {"pragma", "attach", "detach"}
)


class Trace:
    """Tells the engine of the statements of a connection, and refuses some of them.

    That is done by the execution tracer, of which a connection has one: if it is the
    user's own, nothing is refused.

    Args:
        check: raises if a statement is to be refused.

    Attributes:
        speculative: what is stepped next is not a statement of the user's, but this.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        statements: Statements,
        check: Callable[[apsw.Connection, str], None],
    ) -> None:
        self.speculative: Statement | None = None
        self._connection = weakref.ref(connection)
        self._runs: OrderedDict[int, tuple[str, int, int]] = OrderedDict()
        self._check = check
        self._statements = statements
        # The identity keeps other people's traces on this connection alive.
        events = apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE
        connection.trace_v2(events, self._traced, id=self)
        # There is one execution tracer, and it is the user's if there is one.
        self._begun: tuple[str, Any] | None = None
        if connection.exec_trace is None:
            connection.exec_trace = self._executed

    def _executed(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        # The one moment at which a statement can be refused.
        connection = self._connection()
        if connection is not None:
            self._check(connection, sql)
        self._begun = (sql, bindings)
        return True

    def _traced(self, event: dict[str, Any]) -> None:
        id = event["id"]
        if event["code"] == apsw.SQLITE_TRACE_PROFILE:
            self._statements.ended(id, may_run_again=self._ended_early(event))
        # A trigger comes with the id of who runs it. A statement that begins with
        # a comment looks like one, and so do queries that a virtual table makes.
        elif event["trigger"] and self._statements.is_running(id):
            if _is_trigger(event):
                self._statements.triggered(id)
        else:
            statement, self.speculative = self.speculative, None
            self._statements.began(id, statement or self._statement(event))
            if _is_trigger(event):
                # Of a statement that nobody has told us of: it must not act.
                self._statements.triggered(id)

    def _ended_early(self, event: dict[str, Any]) -> bool:
        """Whether it may not have come further than to see that the schema is not the same.

        Then SQLite may prepare it anew and run it without another word. What only begins
        or ends a transaction does no more than that, and is over.
        """
        id, sql, status = event["id"], event["sql"], event["stmt_status"]
        run, steps = status["SQLITE_STMTSTATUS_RUN"], status["SQLITE_STMTSTATUS_VM_STEP"]
        # They are counted on from one run to the next, until apsw's cache lends it anew.
        known, last_run, before = self._runs.pop(id, ("", 0, 0))
        self._runs[id] = sql, run, steps
        while len(self._runs) > _KEPT:
            self._runs.popitem(last=False)
        taken: int = steps - before if (known, last_run) == (sql, run - 1) else steps
        # SQLite's machine begins with Init, and for each database with Transaction, which
        # compares the schema's number.
        if taken > 1 + _MOST_DATABASES or first_words(sql)[0] in _CONTROL:
            return False
        return taken <= 1 + self._databases()

    def _databases(self) -> int:
        connection = self._connection()
        names: object = () if connection is None else connection.db_names()
        if iscoroutine(names):
            # An asynchronous connection is being closed by another thread than its own.
            names.close()
        return len(names) if isinstance(names, list) else 0

    def _statement(self, event: dict[str, Any]) -> Statement:
        sql, begun, bindings = event["sql"], self._begun, None
        # What comes in between is told of by nobody: a BEGIN of ours.
        if begun is not None and sql in begun[0]:
            bindings, self._begun = begun[1], None
        return Statement(sql, reads=event["readonly"], bindings=bindings)


def _is_trigger(event: dict[str, Any]) -> bool:
    return bool(event["trigger"]) and event["sql"].startswith("TRIGGER ")
