"""Which tables may be read twice, because reading them runs no code of the user's.

Ordinary ones and ours. Not a virtual table of somebody else's, and not one
with generated columns, whose functions SQLite calls without asking.

Source: https://sqlite.org/gencol.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import apsw

Pair = tuple[bytes, bytes]  # a database and a table

_VIRTUAL = re.compile(r"\s*create\s+virtual\b", re.I)
# In a CREATE TABLE the word says what a generated column is generated from.
_GENERATED = re.compile(r"\bas\b", re.I)
# https://sqlite.org/pragma.html#pragma_table_xinfo
_COMPUTED = "SELECT 1 FROM pragma_table_xinfo(?, ?) WHERE hidden IN (2, 3)"


class SafeTables:
    """The tables of ours that a connection has, by database and name."""

    def __init__(self) -> None:
        self._tables: Counter[Pair] = Counter()

    def add(self, database: str, table: str) -> None:
        """A table of ours has been connected."""
        self._tables[_folded(database), _folded(table)] += 1

    def remove(self, database: str, table: str) -> None:
        """It has been disconnected; perhaps after it was connected once more."""
        self._tables[_folded(database), _folded(table)] -= 1

    def all_safe(self, cursor: apsw.Cursor, used: Iterable[tuple[str | None, str]]) -> bool:
        """Whether all these are ours or ordinary.

        Only databases that are named here are looked into: a statement that
        uses them has them open already, and any other might be locked.

        Args:
            used: database and table, as an authorizer is told of them. It is
                not told the database of a table of which no column is used.
        """
        pairs = {(None if d is None else _folded(d), _folded(t)) for d, t in used}
        databases = {database for database, _ in pairs if database is not None} | {b"temp"}
        plain: set[Pair] = set((+self._tables).keys())
        odd: set[Pair] = set()
        for database in databases:
            schema = database.decode().replace('"', '""')
            query = f'SELECT name, type, sql FROM "{schema}".sqlite_schema'
            for row in cursor.execute(query).fetchall():
                name, kind, sql = (str(cell or "") for cell in row)
                # Of a view an authorizer is told what is below it.
                is_odd = kind != "view" and _is_odd(cursor, database.decode(), name, sql)
                (odd if is_odd else plain).add((database, _folded(name)))
        return all(_is_among(pair, plain, odd - plain) for pair in pairs)


def _is_odd(cursor: apsw.Cursor, schema: str, name: str, sql: str) -> bool:
    if _VIRTUAL.match(sql):
        return True
    # The word is in a comment, perhaps, or a column's name.
    return bool(_GENERATED.search(sql) and cursor.execute(_COMPUTED, (name, schema)).fetchall())


def _is_among(pair: tuple[bytes | None, bytes], plain: set[Pair], odd: set[Pair]) -> bool:
    database, table = pair
    if database is not None:
        return (database, table) in plain or table.startswith(b"sqlite_")
    # Somewhere: then it must be nothing else anywhere that can be seen.
    return table in {name for _, name in plain} - {name for _, name in odd}


def _folded(name: str) -> bytes:
    # SQLite knows the small letters of ASCII only, and so do bytes.
    return name.encode("utf-8", "surrogatepass").lower()
