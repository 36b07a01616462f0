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

_VIRTUAL = re.compile(r"\s*create\s+virtual\b", re.I)
# In a CREATE TABLE the word says what a generated column is generated from.
_GENERATED = re.compile(r"\bas\b", re.I)


class OwnTables:
    """The tables of ours that a connection has, by database and name."""

    def __init__(self) -> None:
        self._tables: Counter[tuple[bytes, bytes]] = Counter()

    def add(self, database: str, table: str) -> None:
        """A table of ours has been connected."""
        self._tables[_folded(database), _folded(table)] += 1

    def remove(self, database: str, table: str) -> None:
        """It has been disconnected; perhaps after it was connected once more."""
        self._tables[_folded(database), _folded(table)] -= 1

    def cover(self, cursor: apsw.Cursor, used: Iterable[tuple[str | None, str]]) -> bool:
        """Whether all these are ours or ordinary.

        Only databases that are named here are looked into: a statement that
        uses them has them open already, and any other might be locked.

        Args:
            used: database and table, as an authorizer is told of them. It is
                not told the database of a table of which no column is used.
        """
        pairs = {(None if d is None else _folded(d), _folded(t)) for d, t in used}
        databases = {database for database, _ in pairs if database is not None} | {b"temp"}
        ordinary: dict[bytes, set[bytes]] = {}
        virtual: dict[bytes, set[bytes]] = {}
        for database in databases:
            plain, other = (
                ordinary.setdefault(database, set()),
                virtual.setdefault(database, set()),
            )
            schema = database.decode().replace('"', '""')
            for name, sql in cursor.execute(f'SELECT name, sql FROM "{schema}".sqlite_schema'):
                odd = _VIRTUAL.match(sql or "") or _GENERATED.search(sql or "")
                (other if odd else plain).add(_folded(name))
        return all(self._covers(pair, ordinary, virtual) for pair in pairs)

    def _covers(
        self,
        pair: tuple[bytes | None, bytes],
        ordinary: dict[bytes, set[bytes]],
        virtual: dict[bytes, set[bytes]],
    ) -> bool:
        database, table = pair
        if database is not None:
            ours = self._tables[database, table] > 0
            return ours or table in ordinary[database] or table.startswith(b"sqlite_")
        # Somewhere: then it must be nothing else anywhere that can be seen.
        found = any(table in tables for tables in ordinary.values())
        odd = any(
            table in tables and self._tables[name, table] <= 0
            for name, tables in virtual.items()
        )
        return (
            found or any(t == table and n > 0 for (_, t), n in self._tables.items())
        ) and not odd


def _folded(name: str) -> bytes:
    # SQLite knows the small letters of ASCII only, and so do bytes.
    return name.encode("utf-8", "surrogatepass").lower()
