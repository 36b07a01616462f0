"""Plain joins side by side: a look at what a statement is going to ask for.

``inventory JOIN droplet_actions`` makes SQLite ask for one Droplet after the
other. When that is noticed, the same statement is run once more beside itself,
only to collect what it would ask for next; that is fetched together, and the
statement goes on and finds it known.

The one rule: nobody notices, except by the clock. The second run reads, and
uses SQLite's own functions and tables and ours and nothing else, so that
nothing of the user's runs twice; our functions do nothing in it; whatever goes
wrong in it is forgotten. In doubt there is no second run.

Source: https://sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import apsw

from dovtab.api.exchange import Request
from dovtab.engine.fetch import Fetch
from dovtab.engine.statement import Statement
from dovtab.hosts.statements import Statements

# How many to collect at the first, second, ... answer that was not known. One is
# no pattern yet, and a statement that stops soon shall have asked for little.
STEPS = (0, 8, 32, 64)

_READING = (apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE)
# SQLite's own, and not for running twice.
_REFUSED = frozenset({"load_extension", "sqlite_log", "fts3_tokenizer"})
_OWN_TABLES = ("json_each", "json_tree")
_PLAIN = (type(None), int, float, str, bytes)

# A function of SQLite's that somebody put another one in the place of is not its own.
_BUILT_IN = "SELECT name FROM pragma_function_list GROUP BY name HAVING min(builtin)"
_VIRTUAL = (
    "SELECT name FROM pragma_table_list WHERE type = 'virtual'"
    " UNION SELECT name FROM pragma_module_list"
)

Authorizer = Callable[..., int]


class _Enough(Exception):
    """As many as were wanted have been collected."""


class SecondRun:
    """Looks ahead for one connection."""

    def __init__(self, connection: apsw.Connection, statements: Statements) -> None:
        # Not the connection itself: it would keep itself alive.
        self._connection = weakref.ref(connection)
        self._statements = statements
        self._noted: dict[str, tuple[Fetch, Request]] = {}
        self._wanted = 0
        # Lower-case names, added to as tables and functions of ours are made.
        self.own_tables = set(_OWN_TABLES)
        self.own_functions: set[str] = set()
        self.collecting = False

    def look(self, statement: Statement) -> list[tuple[Fetch, list[Request]]]:
        """What the statement is going to ask for next, by the table that asks."""
        connection = self._connection()
        self._wanted = STEPS[min(statement.looks, len(STEPS) - 1)]
        statement.looks += 1
        if self._wanted == 0 or statement.sql is None:
            return []
        if connection is None or not _is_plain(connection, statement.bindings):
            return []
        self._noted = {}
        if not self._run(connection, statement) and not self._noted:
            statement.sql = None  # It will be no different the next time.
        by_table: dict[Fetch, list[Request]] = {}
        for fetch, request in self._noted.values():
            by_table.setdefault(fetch, []).append(request)
        return list(by_table.items())

    def note(self, fetch: Fetch, request: Request) -> None:
        """Collect a request."""
        self._noted[request.path] = (fetch, request)
        if len(self._noted) >= self._wanted:
            raise _Enough

    def _run(self, connection: apsw.Connection, statement: Statement) -> bool:
        """Run it again; False if it did not come to an end of its own."""
        cursor = connection.cursor()
        # In place of tracers that the user may have on the connection.
        cursor.exec_trace = lambda *begun: True
        cursor.row_trace = lambda _, row: row
        self.collecting = True
        try:
            with self._statements.standing_in(statement):
                connection.authorizer = self._authorizer(cursor)
                for _ in cursor.execute(statement.sql or "", statement.bindings):
                    pass
        except _Enough:
            return True
        except Exception:
            return False
        finally:
            connection.authorizer = None
            self.collecting = False
            cursor.close(True)
        return True

    def _authorizer(self, cursor: apsw.Cursor) -> Authorizer:
        functions = _names(cursor, _BUILT_IN) - _REFUSED | self.own_functions
        foreign = _names(cursor, _VIRTUAL) - self.own_tables

        def authorize(operation: int, first: str | None, second: str | None, *_: object) -> int:
            if operation == apsw.SQLITE_FUNCTION:
                allowed = (second or "").lower() in functions
            else:
                allowed = operation in _READING and (first or "").lower() not in foreign
            return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

        return authorize


def _names(cursor: apsw.Cursor, query: str) -> set[str]:
    return {name.lower() for (name,) in cursor.execute(query)}


def _is_plain(connection: apsw.Connection, bindings: object) -> bool:
    """Whether no code of the user's would take part in a second run."""
    values = bindings.values() if type(bindings) is dict else bindings
    if values is not None and not isinstance(values, tuple | list | type({}.values())):
        return False
    return (
        connection.authorizer is None
        and connection.cursor_factory is apsw.Cursor
        and all(type(value) in _PLAIN for value in values or ())
    )
