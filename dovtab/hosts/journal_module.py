"""The engine's record of requests as the table ``dovtab_requests``."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from dovtab.engine.journal import REQUEST_COLUMNS, Journal
from dovtab.hosts.cursor import Cursor
from dovtab.resources import Row


class JournalModule:
    """An eponymous table without constraints of its own: SQLite filters it."""

    def __init__(self, name: str, journal: Journal) -> None:
        self._name = name
        self._journal = journal

    def Connect(
        self, connection: apsw.Connection, modulename: str, databasename: str, tablename: str
    ) -> tuple[str, JournalModule]:
        columns = ", ".join(f"{name} {type}" for name, type in REQUEST_COLUMNS)
        return f"CREATE TABLE {self._name}({columns})", self

    def BestIndexObject(self, index: apsw.IndexInfo) -> bool:
        return True

    def Open(self) -> Cursor:
        return Cursor(lambda idx_str, argv: self._rows())

    def _rows(self) -> Iterator[Row]:
        # The sequence number is the rowid too.
        return ((*record, record[0]) for record in self._journal.requests())

    def Disconnect(self) -> None:
        pass

    Destroy = Disconnect
