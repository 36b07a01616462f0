"""Which statement is running.

SQLite does not tell a virtual table. It does tell a trace callback when a
statement takes its first step, before it opens any table, so the statement
that started last is the one whose tables are being opened.

Source: https://sqlite.org/c3ref/c_trace.html
"""

from __future__ import annotations

from typing import Any

import apsw

from dovtab.engine.statement import Statement


class Statements:
    """The statements that are running on a connection, oldest first."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._running: dict[int, Statement] = {}
        # The identity keeps other people's traces on this connection alive.
        events = apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE
        connection.trace_v2(events, self._traced, id=self)

    @property
    def current(self) -> Statement:
        """Of those that are running, the one that started last."""
        return next(reversed(self._running.values()), None) or Statement()

    def _traced(self, event: dict[str, Any]) -> None:
        id = event["id"]
        if event["code"] == apsw.SQLITE_TRACE_PROFILE:
            self._running.pop(id, None)
        # Triggers, and queries that a virtual table makes, come with the id of
        # who runs them. A statement that begins with a comment looks like one.
        elif not event["trigger"] or id not in self._running:
            self._running.pop(id, None)
            self._running[id] = Statement()
