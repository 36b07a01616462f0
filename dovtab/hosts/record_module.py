"""What the engine writes down, as tables: ``dovtab_requests`` and ``dovtab_posts``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import apsw

from dovtab.hosts.cursor import Cursor
from dovtab.resources import Row


class RecordModule:
    """An eponymous table without constraints of its own: SQLite filters it.

    Args:
        columns: names and types.
        rows: gives what has been written down so far.
    """

    def __init__(
        self,
        name: str,
        columns: Iterable[tuple[str, str]],
        rows: Callable[[], Iterable[Row]],
    ) -> None:
        declared = ", ".join(f"{column} {type}" for column, type in columns)
        self._schema = f"CREATE TABLE {name}({declared})"
        self._rows = rows

    def Connect(
        self, connection: apsw.Connection, modulename: str, databasename: str, tablename: str
    ) -> tuple[str, RecordModule]:
        return self._schema, self

    def BestIndexObject(self, index: apsw.IndexInfo) -> bool:
        return True

    def Open(self) -> Cursor:
        return Cursor(lambda idx_str, argv: self._numbered())

    def _numbered(self) -> Iterator[Row]:
        return ((*row, number) for number, row in enumerate(self._rows(), start=1))

    def Disconnect(self) -> None:
        pass

    Destroy = Disconnect
