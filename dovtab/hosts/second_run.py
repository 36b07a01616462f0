"""What a statement is going to ask for: it is run once more, only to find out.

``inventory JOIN droplet_actions`` makes SQLite ask for one Droplet after the
other. While the second of them is on its way, the same statement runs again
beside itself; our tables give what is known and note what is not.

The one rule: nobody notices. The second run reads, with SQLite's own functions
and with ordinary tables and ours; whoever has a hook on the connection has the
statement to himself, and so has a transaction, which an error could roll back;
it ends after so many steps and so much time; whatever goes wrong in it is
forgotten. In doubt there is no second run. What can show it is SQLite's error
log, where an error past the statement's own LIMIT is written down.

Source: https://sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import gc
import sys
import time
import weakref
from typing import Any, cast

import apsw

from dovtab.api.exchange import Request
from dovtab.engine.look_ahead import Expected, Key
from dovtab.engine.source import Source
from dovtab.engine.statement import Statement
from dovtab.hosts.own_tables import OwnTables
from dovtab.hosts.statements import Statements

# A run ends when it has found so many requests, or after so many scans of our
# tables or steps of SQLite's machine; more if the statement has come far.
MOST_FOUND = 1_000
MOST_SCANS, SCANS_PER_ASKED = 5_000, 2
STEPS_BETWEEN_LOOKS = 10_000
MOST_LOOKS, LOOKS_PER_ASKED = 200, 2
# More than any round trip that it could save.
MOST_SECONDS = 0.5
# A longer text or blob is an error: a single function could take all memory.
LONGEST_VALUE = 100_000

_READING = (apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE)
# SQLite's own, and not for running twice, or of no use if it comes out otherwise.
_REFUSED = frozenset({"load_extension", "sqlite_log", "fts3_tokenizer"})
_REFUSED |= {"random", "randomblob"}
_COLLATIONS = frozenset({"binary", "nocase", "rtrim"})
_PLAIN = (type(None), int, float, str, bytes)

# A function of SQLite's that somebody put another one in the place of is not its own.
_BUILT_IN = "SELECT name FROM pragma_function_list GROUP BY name HAVING min(builtin)"
_COLLATION = "SELECT name FROM pragma_collation_list"


class _Enough(Exception):
    """The second run has found enough, or taken long enough."""


class SecondRun:
    """Looks ahead for the statements of one connection."""

    def __init__(
        self,
        connection: weakref.ref[apsw.Connection],
        statements: Statements,
        own_tables: OwnTables,
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._own_tables = own_tables
        self._found: dict[Key, Expected] = {}
        self._scans_left = self._looks_left = 0
        self._ends_at = 0.0

    def look(self, statement: Statement) -> dict[Key, Expected]:
        """All that it is going to ask for and has not yet, in order, as far as can be told."""
        connection = self._connection()
        self._found = {}
        self._scans_left = MOST_SCANS + SCANS_PER_ASKED * statement.ahead.asked
        self._looks_left = MOST_LOOKS + LOOKS_PER_ASKED * statement.ahead.asked
        self._ends_at = time.monotonic() + MOST_SECONDS
        if (
            connection is not None
            and statement.reads
            and not connection.in_transaction
            and _are_plain(statement.bindings)
            and _is_undisturbed(connection)
        ):
            self._run(connection, statement)
        return self._found

    def came_by(self, key: Key, source: Source, request: Request, *, new: bool) -> None:
        """In a second run: this would be asked for; ``new`` if it is not known."""
        if new:
            self._found.setdefault(key, (source, request))
        self._scans_left -= 1
        if self._scans_left <= 0 or len(self._found) >= MOST_FOUND or self._is_late():
            raise _Enough

    def _run(self, connection: apsw.Connection, statement: Statement) -> None:
        longest = connection.limit(apsw.SQLITE_LIMIT_LENGTH)
        cursor = connection.cursor()
        # The connection's own would note this as if it were a statement of the user's.
        cursor.exec_trace = lambda *begun: True
        try:
            authorizer = self._authorizer(cursor)
            cursor.exec_trace = lambda *begun: self._begins(connection, authorizer, statement)
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(longest, LONGEST_VALUE))
            connection.set_progress_handler(self._is_long, STEPS_BETWEEN_LOOKS, id=self)
            connection.authorizer = authorizer
            rows = cursor.execute(
                statement.text,
                statement.bindings,
                can_cache=False,  # The authorizer has to see it prepared.
                prepare_flags=apsw.SQLITE_PREPARE_DONT_LOG,
            )
            for _ in rows:
                pass
        except Exception:
            return
        finally:
            connection.authorizer = None
            connection.set_progress_handler(None, id=self)
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, longest)
            self._statements.begins(None)
            cursor.close(True)

    def _begins(
        self, connection: apsw.Connection, authorizer: _Authorizer, statement: Statement
    ) -> bool:
        """Called when it is prepared; whether it may run."""
        # From here on it is in nobody's way.
        connection.authorizer = None
        cursor = connection.cursor()
        cursor.exec_trace = lambda *begun: True
        if not self._own_tables.cover(cursor, authorizer.used):
            return False
        self._statements.begins(statement.twin())
        return True

    def _is_long(self) -> bool:
        self._looks_left -= 1
        return self._looks_left <= 0 or self._is_late()

    def _is_late(self) -> bool:
        return time.monotonic() > self._ends_at

    def _authorizer(self, cursor: apsw.Cursor) -> _Authorizer:
        functions = _names(cursor, _BUILT_IN) - _REFUSED
        return _Authorizer(functions, read=_names(cursor, _COLLATION) <= _COLLATIONS)


class _Authorizer:
    """Watches SQLite prepare the second run.

    Args:
        functions: may be called.
        read: whether anything may be read at all.
    """

    def __init__(self, functions: set[str], *, read: bool) -> None:
        self.used: set[tuple[str | None, str]] = set()
        self._functions = functions
        self._read = read

    def __call__(
        self,
        operation: int,
        first: str | None,
        second: str | None,
        database: str | None,
        _: object,
    ) -> int:
        if sys._getframe(1).f_code is not SecondRun._run.__code__:
            # A signal handler's statement, in the midst of ours being prepared.
            return apsw.SQLITE_OK
        if operation == apsw.SQLITE_FUNCTION:
            allowed = (second or "").lower() in self._functions
        elif operation == apsw.SQLITE_READ:
            self.used.add((database, first or ""))
            allowed = self._read
        else:
            allowed = operation in _READING
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY


def _is_undisturbed(connection: apsw.Connection) -> bool:
    """Whether no code of the user's hangs on the connection.

    apsw tells the collector of everything that it would call, and nobody else.
    """
    hooks = [hook for hook in gc.get_referents(connection) if callable(hook)]
    return all(hook is apsw.Cursor or _is_ours(hook) for hook in hooks)


def _is_ours(hook: object) -> bool:
    return (getattr(hook, "__module__", None) or "").startswith("dovtab.")


def _are_plain(bindings: object) -> bool:
    """Whether binding them again calls nothing of the user's."""
    if type(bindings) is dict:
        bindings = list(bindings.values())
    if type(bindings) in (list, tuple):
        return all(type(value) in _PLAIN for value in cast("list[Any]", bindings))
    return bindings is None


def _names(cursor: apsw.Cursor, query: str) -> set[str]:
    return {name.lower() for (name,) in cursor.execute(query)}
