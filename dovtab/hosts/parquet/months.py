"""The files of a history: one for each account and month.

::

    account=prod/month=2026-09/actions.parquet
    .dovtab/prod.json      how far the account is, and ids that are no rows there

The one rule: a file appears whole, under its name, in one step: it is written beside under
another name, which no reader of Parquet folders takes for data, and is on the disk before it
is renamed. So whoever reads sees the old file or the new one, and so does whoever comes after
a crash. What a crash has left beside is removed by the next run on the account.

Sources: https://man7.org/linux/man-pages/man2/rename.2.html,
https://duckdb.org/docs/stable/data/partitioning/hive_partitioning
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow.parquet as pq

# Of an action that has no time; the word is Hive's, and readers know it.
NO_MONTH = "__HIVE_DEFAULT_PARTITION__"
_ACCOUNT, _MONTH, _FILE = "account=", "month=", "actions.parquet"
_NOTES, _NOT_WHOLE = ".dovtab", ".part"


class Months:
    """The files of one account in a folder.

    Args:
        account: its name; in the names of files it is as in a URL.
    """

    def __init__(self, folder: Path, account: str) -> None:
        name = quote(account, safe=" ")
        self._account = folder / f"{_ACCOUNT}{name}"
        self.notes = folder / _NOTES / f"{name}.json"

    def names(self) -> list[str]:
        """The months that there are, in their order."""
        there = self._account.glob(f"{_MONTH}*/{_FILE}")
        return sorted(path.parent.name.removeprefix(_MONTH) for path in there)

    def read(self, month: str, columns: list[str] | None = None) -> Any:
        """The rows of a month as a table of Arrow's; None: there are none."""
        path = self._path(month)
        # Not as a part of the folder: that would add the account and the month.
        return pq.ParquetFile(path).read(columns) if path.exists() else None

    def write(self, month: str, rows: Any) -> None:
        """Put these in place of what is there; no rows: there is no file any more."""
        path = self._path(month)
        if rows.num_rows:
            _replace(path, lambda part: pq.write_table(rows, part, compression="zstd"))
        else:
            path.unlink(missing_ok=True)
            _to_disk(path.parent)

    def read_notes(self) -> dict[str, Any]:
        """What is known of the account beside its rows.

        Raises:
            ValueError: it cannot be read.
        """
        notes: dict[str, Any] = {}
        if self.notes.exists():
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
        return notes

    def write_notes(self, notes: dict[str, Any]) -> None:
        """Put these in place of what is there."""
        text = json.dumps(notes)
        _replace(self.notes, lambda part: part.write_text(text, encoding="utf-8"))

    def clear(self) -> None:
        """Remove what a run has left that was killed."""
        for path in [
            *self._account.glob(f"{_MONTH}*/.*{_NOT_WHOLE}"),
            *self.notes.parent.glob(f".{self.notes.name}{_NOT_WHOLE}"),
        ]:
            path.unlink(missing_ok=True)

    def _path(self, month: str) -> Path:
        return self._account / f"{_MONTH}{month}" / _FILE


def accounts(folder: Path) -> list[str]:
    """The names of those that have notes."""
    return sorted(unquote(path.stem) for path in (folder / _NOTES).glob("*.json"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    _make_folder(path.parent)
    part = path.with_name(f".{path.name}{_NOT_WHOLE}")
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _to_disk(path.parent)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _to_disk(folder.parent)


def _to_disk(folder: Path) -> None:
    """Let the names in it outlive a crash."""
    if sys.platform == "win32":
        return  # It has no such thing, and its names are in a journal.
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
