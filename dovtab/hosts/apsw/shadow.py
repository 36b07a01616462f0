"""Whether a table or view of a database hides one of ours.

A name means what a database has of that name, and an eponymous table only if none has:
a query would answer from a stranger's rows, and nobody would notice.

Source: https://sqlite.org/vtab.html#epovtab
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

import apsw

from dovtab.engine.sql import first_words
from dovtab.errors import SettingsError

_NAMED = "SELECT schema, type FROM pragma_table_list(?)"
# What takes the hiding one out of the way again.
_REMEDIES = frozenset({"drop", "alter", "detach", "rollback"})


class Shadow:
    """Looks for tables that hide ours.

    Args:
        names: of our modules.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)

    def check(self, connection: apsw.Connection, sql: str | None = None) -> None:
        """See that none is hidden; of those that a statement names, if one is given.

        Raises:
            SettingsError: one is.
        """
        named: Iterable[str] = self._names
        if sql is not None:
            text = sql.lower()
            named = [name for name in named if name in text]
            if named and first_words(sql)[0] in _REMEDIES:
                return
        for name in named:
            self._check(connection, name, opens=sql is None)

    def _check(self, connection: apsw.Connection, name: str, *, opens: bool) -> None:
        cursor = connection.cursor()
        # Nobody's statement, and no tracer's business.
        cursor.exec_trace = lambda *begun: True
        for schema, kind in map(_texts, cursor.execute(_NAMED, (name,)).fetchall()):
            if kind == "virtual" and _is_ours(cursor, schema, name):
                continue
            raise SettingsError(
                f"the database {schema} has a {kind} {name} of its own, which hides dovtab's:"
                f" {_remedy(schema, kind, name, connection.db_filename(schema), opens)}, or use"
                " another database"
            )


def _remedy(schema: str, kind: str, name: str, file: str, opens: bool) -> str:
    """How to take it out of the way; nobody can do it here before the database is open."""
    quoted = schema.replace('"', '""')
    where = "" if opens else f'"{quoted}".'
    sql = f"ALTER TABLE {where}{name} RENAME TO other_{name}"
    if kind == "view":
        sql = f"DROP VIEW {where}{name}"
    if not opens:
        return sql
    words = "drop it" if kind == "view" else "rename it"
    return f"{words} with SQLite's own shell, sqlite3 {shlex.quote(file)} '{sql}'"


def _texts(row: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, row))


def _is_ours(cursor: apsw.Cursor, schema: str, name: str) -> bool:
    quoted = schema.replace('"', '""')
    query = f'SELECT sql FROM "{quoted}".sqlite_schema WHERE name LIKE ?'
    declared = " ".join(str(sql) for (sql,) in cursor.execute(query, (name,)))
    return re.search(rf"\busing\s+[\"'`\[]?{name}\b", declared, re.I) is not None
