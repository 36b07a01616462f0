"""A history in an ordinary table of an ordinary database file.

The one rule: what a run has read comes into the file in one transaction, or not at all.
As long as it reads from the network, rows gather in a temporary table of its own
connection, and nobody is kept from reading or writing the file. The file stays in the
journal mode that it has, and it may have other tables.

Source: https://sqlite.org/lang_transaction.html
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from dovtab.engine.history.reading import Known
from dovtab.errors import SettingsError
from dovtab.hosts.history_sql import HistorySql
from dovtab.hosts.history_store import Written
from dovtab.resources import Row, Table

# How long a COMMIT waits for those who read the file.
BUSY_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.02
# Of each its place in the primary key.
_COLUMNS = "SELECT name, pk FROM pragma_table_xinfo(?, 'main')"


class HistoryFile:
    """The file of a table's history; close it after use.

    Attributes:
        has_gathered: whether there is anything to write.
        patience_seconds: how long to wait for others who have it locked.

    Raises:
        SettingsError: it cannot be opened, is no database, or has a table of that name
            that is another.
    """

    def __init__(self, path: str, table: Table) -> None:
        self._path = path
        self._sql = HistorySql(table)
        self._is_new = not Path(path).exists()
        self._locked_since = 0.0
        self.has_gathered = False
        self.patience_seconds = BUSY_SECONDS
        with self._telling():
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            self._db = apsw.Connection(path, flags=flags)
        try:
            with self._telling():
                self._db.set_busy_handler(self._is_patient)
                self._check()
                if self._db.readonly("main"):
                    raise SettingsError(f"{path}: it cannot be written")
                self._db.execute(self._sql.gather_table)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it. A file that was made for nothing is removed."""
        self._db.close(True)
        path = Path(self._path)
        if self._is_new and path.exists() and path.stat().st_size == 0:
            path.unlink()

    def known(self, account: str) -> Known:
        """What it has of an account.

        Raises:
            SettingsError: it cannot be read.
        """
        with self._telling():
            if not self._is_there():
                return Known()
            with self._db:
                rows, others, open, latest, source = (
                    list(self._db.execute(sql, _values(account)))
                    for sql in (
                        self._sql.listed,
                        self._sql.others,
                        self._sql.open,
                        self._sql.latest,
                        self._sql.source,
                    )
                )
        return Known(
            frozenset(id for (id,) in rows + others),
            frozenset(id for (id,) in open),
            {id: tuple(constant) for id, *constant in latest},
            source[0][0] if source else None,
        )

    def name_of(self, source: str) -> str | None:
        """What it calls the account that comes from there, if it has it."""
        with self._telling():
            if not self._is_there():
                return None
            row = self._db.execute(self._sql.name_of, (source,)).fetchone()
        return None if row is None else str(row[0])

    def gather(self, rows: Sequence[Row]) -> None:
        """Take rows that are to come into it."""
        if rows:
            with self._telling(), self._db:
                self._db.executemany(self._sql.gather, rows)
            self.has_gathered = True

    def write(
        self,
        account: str,
        source: str,
        *,
        gone: Collection[int],
        whole_at: str | None,
        total: int,
    ) -> Written:
        """Bring into it what was gathered.

        Args:
            source: where that came from.
            gone: the ids that the account's list has no more.
            whole_at: up to when all of the list has been read; None: it was not.

        Raises:
            SettingsError: it cannot be written; nothing has changed.
        """
        sql, its = self._sql, _values(account)
        with self._telling():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                # Somebody may have made a table since.
                self._check()
                for statement in sql.tables:
                    self._db.execute(statement)
                new = self._db.execute(sql.count_new, its).get
                ended = self._db.execute(sql.count_ended, its).get
                for statement in sql.write:
                    self._db.execute(statement, its)
                self._db.executemany(sql.gone, [its | {"id": id} for id in gone])
                more = {"source": source, "whole_at": whole_at, "total": total}
                self._db.execute(sql.account, its | more)
                written = Written(new, ended, *next(self._db.execute(sql.counts, its)))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return written

    def _is_there(self) -> bool:
        return all(self._db.table_exists("main", n) for n in self._sql.columns)

    def _check(self) -> None:
        for name, (columns, key) in self._sql.columns.items():
            places = dict(self._db.execute(_COLUMNS, (name,)))
            its_key = {column for column, place in places.items() if place}
            if places and not (set(columns) <= places.keys() and its_key == set(key)):
                raise SettingsError(
                    f"{self._path}: it has a table or view {name} that is not dovtab's: rename"
                    " it, or use another file"
                )

    def _is_patient(self, times: int) -> bool:
        """A busy handler, so that Ctrl-C works meanwhile."""
        if times == 0:
            self._locked_since = time.monotonic()
        time.sleep(_LOOK_AGAIN_SECONDS)
        return time.monotonic() - self._locked_since < self.patience_seconds

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            why = " ".join(str(error).split())
            if isinstance(error, apsw.BusyError):
                seconds = self.patience_seconds
                why = f"others have had it locked for {seconds:g} s; nothing was changed"
            raise SettingsError(f"{self._path}: {why}") from None


def _values(account: str) -> dict[str, int | str | None]:
    return {"account": account}
