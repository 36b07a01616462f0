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
    """The statement that started last on a connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.current = Statement()
        # The identity keeps other people's traces on this connection alive.
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, self._started, id=self)

    def _started(self, event: dict[str, Any]) -> None:
        # Triggers, and queries that a virtual table makes, belong to who runs them.
        if not event["trigger"]:
            self.current = Statement()
