"""Which tables may be read twice, because reading them runs no code of the user's.

Ordinary ones and ours. Not a virtual table of somebody else's, and not one
with generated columns, whose functions SQLite calls without asking.

Source: https://sqlite.org/gencol.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import apsw

# SQLite's own modules that do nothing but read what they are given.
_BUILT_IN = frozenset({"json_each", "json_tree"})
_VIRTUAL = re.compile(r"\s*create\s+virtual\b", re.I)
# In a CREATE TABLE the word says what a generated column is generated from.
_GENERATED = re.compile(r"\bas\b", re.I)


class OwnTables:
    """The tables of ours that a connection knows, in small letters."""

    def __init__(self) -> None:
        self._modules = set(_BUILT_IN)
        self._tables: Counter[tuple[str, str]] = Counter()

    def add_module(self, name: str) -> None:
        """A module of ours, which is a table of that name, too."""
        self._modules.add(name)

    def add(self, database: str, table: str) -> None:
        """A table of ours has been connected."""
        self._tables[database.lower(), table.lower()] += 1

    def remove(self, database: str, table: str) -> None:
        """It has been disconnected; perhaps after it was connected once more."""
        self._tables[database.lower(), table.lower()] -= 1

    def others(
        self, connection: apsw.Connection, cursor: apsw.Cursor
    ) -> Callable[[str, str], bool]:
        """A function of database and table: whether that one is not to be read twice."""
        modules = {
            name.lower() for (name,) in cursor.execute("SELECT name FROM pragma_module_list")
        }
        modules -= self._modules
        foreign: set[tuple[str, str]] = set()
        for database in connection.db_names():
            schema = f'"{database.replace(chr(34), chr(34) * 2)}".sqlite_schema'
            for name, sql in cursor.execute(
                f"SELECT name, sql FROM {schema} WHERE type = 'table'"
            ):
                if _VIRTUAL.match(sql or "") or _GENERATED.search(sql or ""):
                    foreign.add((database.lower(), name.lower()))
        foreign -= (+self._tables).keys()

        def is_foreign(database: str, table: str) -> bool:
            return table.lower() in modules or (database.lower(), table.lower()) in foreign

        return is_foreign
