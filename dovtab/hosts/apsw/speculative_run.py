"""A statement's speculative run: once more, to see what it is going to ask for.

``inventory JOIN droplet_actions`` makes SQLite ask for one Droplet after the
other. While the second of them is on its way, the same statement runs again
beside itself; our tables give what is known and note what is not.

The one rule: nobody notices. The speculative run reads, with SQLite's own
functions and with ordinary tables and ours; whoever has a hook on the connection
has the statement to himself, and so has a transaction, which an error could roll
back (a separate run may do then); it ends after so many steps and so much time;
whatever goes wrong in it is forgotten. In doubt there is none. What can show it is
SQLite's error log, where an error past the statement's own LIMIT is written down.

Source: https://sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import gc
import sys
from typing import Any, cast

import apsw

from dovtab.engine.reading.predictor import Predictor
from dovtab.engine.statement import Statement
from dovtab.hosts.apsw.bounds import bounded
from dovtab.hosts.apsw.safe_tables import SafeTables
from dovtab.hosts.apsw.trace import Trace

WRITES = "it does not only read"
READING = (apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE)
# SQLite's own, and not for running twice, or of no use if it comes out otherwise.
REFUSED = frozenset({"load_extension", "sqlite_log", "fts3_tokenizer"})
REFUSED |= {"random", "randomblob"}
_COLLATIONS = frozenset({"binary", "nocase", "rtrim"})
_PLAIN = (type(None), int, float, str, bytes)

# A function of SQLite's that somebody put another one in the place of is not its own.
_BUILT_IN = "SELECT name FROM pragma_function_list GROUP BY name HAVING min(builtin)"
_COLLATION = "SELECT name FROM pragma_collation_list"


def run_ahead(
    connection: apsw.Connection, copy: Statement, trace: Trace, safe_tables: SafeTables
) -> str:
    """Run this speculative copy of a statement to its end, if nobody can notice.

    Gives why somebody could; "": nobody.

    Args:
        trace: told that what begins is the copy.
        safe_tables: knows what may be read twice.
    """
    if copy.predictor is None or not copy.reads:
        return WRITES
    if connection.in_transaction:
        return "it is in a transaction"
    if not _are_plain(copy.bindings):
        return "it is bound to values of a kind of the user's"
    if not _is_undisturbed(connection):
        return "the connection has a hook of the user's"
    return _SpeculativeRun(connection, copy, copy.predictor, trace, safe_tables).run()


class _SpeculativeRun:
    def __init__(
        self,
        connection: apsw.Connection,
        copy: Statement,
        predictor: Predictor,
        trace: Trace,
        safe_tables: SafeTables,
    ) -> None:
        self._connection = connection
        self._copy = copy
        self._predictor = predictor
        self._trace = trace
        self._safe_tables = safe_tables
        self._alone = "it cannot be prepared again"

    def run(self) -> str:
        connection = self._connection
        cursor = connection.cursor()
        # It is one of ours: where there is a user's, nothing is run.
        self._own = connection.authorizer
        # The connection's own would note this as if it were a statement of the user's.
        cursor.exec_trace = lambda *begun: True
        try:
            authorizer = self._authorizer(cursor)
            self._alone = "it uses a function or a collation of the user's"
            cursor.exec_trace = lambda *begun: self._begins(authorizer)
            connection.authorizer = authorizer
            with bounded(connection, self._predictor):
                rows = cursor.execute(
                    self._copy.text,
                    self._copy.bindings,
                    can_cache=False,  # The authorizer has to see it prepared.
                    prepare_flags=apsw.SQLITE_PREPARE_DONT_LOG,
                )
                for _ in rows:
                    pass
        except Exception:
            return self._alone
        finally:
            connection.authorizer = self._own
            self._trace.speculative = None
            cursor.close(True)
        return self._alone

    def _begins(self, authorizer: Authorizer) -> bool:
        """Called when it is prepared; whether it may run."""
        # From here on it is in nobody's way.
        self._connection.authorizer = self._own
        cursor = self._connection.cursor()
        cursor.exec_trace = lambda *begun: True
        if not self._safe_tables.all_safe(cursor, authorizer.used):
            self._alone = "it reads a virtual table or computed column of the user's"
            return False
        self._trace.speculative = self._copy
        self._alone = ""
        return True

    def _authorizer(self, cursor: apsw.Cursor) -> Authorizer:
        functions = _names(cursor, _BUILT_IN) - REFUSED
        return Authorizer(functions, read=_names(cursor, _COLLATION) <= _COLLATIONS)


class Authorizer:
    """Watches SQLite prepare the speculative run.

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
        if sys._getframe(1).f_code is not _SpeculativeRun.run.__code__:
            # A signal handler's statement, in the midst of ours being prepared.
            return apsw.SQLITE_OK
        if operation == apsw.SQLITE_FUNCTION:
            allowed = (second or "").lower() in self._functions
        elif operation == apsw.SQLITE_READ:
            self.used.add((database, first or ""))
            allowed = self._read
        else:
            allowed = operation in READING
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
