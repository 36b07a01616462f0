"""A history in Parquet files, for so many rows that one database file is no fit place.

What is new and what may have changed is decided where it is for a history in SQLite, and a
month is written again only if a row of it is new or another than it was. So a refresh
touches the months of what has come since, and of what had not ended.

The one rule: whatever is in the files was read, and whatever is not in them is read again.
Months are written one after the other, the notes last. After a crash some months may have
what the notes do not know of: rows are then known from the months, and the rest is missing
in the count of the list and looked for again. Nothing is in two files: a row is in the month
in which it was started, and if that changes it leaves the old one first.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/actions_list
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dovtab.engine.history.reading import Known
from dovtab.errors import SettingsError
from dovtab.hosts.history_store import Written
from dovtab.hosts.parquet.columns import arrow, joined
from dovtab.hosts.parquet.months import NO_MONTH, Months, accounts
from dovtab.resources import Row, Table

# Rows of the API become Arrow's so many at a time: they take a tenth of the room then.
_AT_ONCE = 20_000
# As many as tell one account from another, whatever the two have in common.
_LATEST = 200
_ID, _STARTED = "id", "started_at"
_NONE = pa.chunked_array([], pa.int64())


class ParquetHistory:
    """The history of an account in a folder; only one may be at work on an account.

    Args:
        account: whose.

    Attributes:
        written_months: those that the last `write` has written again.

    Raises:
        SettingsError: it is no folder that can be used.
    """

    def __init__(self, folder: Path, account: str, table: Table) -> None:
        self.has_gathered = False
        self.patience_seconds = 0.0
        self.written_months: list[str] = []
        self._folder, self._table = folder, table
        self._rows: list[Row] = []
        self._parts: list[pa.Table] = []
        self._months = Months(folder, account)
        assert table.reads.keep is not None
        assert table.reads.ended is not None
        self._keep, self._ended = table.reads.keep, table.reads.ended
        try:
            self._months.clear()
            self._notes = self._months.read_notes()
            self._there = self._read_ids()
        except (OSError, ValueError, KeyError) as error:
            raise SettingsError(f"{folder}: it cannot be read: {error}") from None

    def known(self, account: str) -> Known:
        """What it has of the account; see `HistoryStore`."""
        rows = _without(self._there, self._of_notes("gone"))
        others = self._of_notes("others")
        return Known(
            frozenset(rows[_ID].to_pylist()).union(others),
            frozenset(rows.filter(rows["open"])[_ID].to_pylist()),
            self._latest(rows[_ID]),
            self._notes.get("source"),
        )

    def name_of(self, source: str) -> str | None:
        """What the folder calls the account that comes from there, if it has it."""
        for name in accounts(self._folder):
            if Months(self._folder, name).read_notes().get("source") == source:
                return name
        return None

    def gather(self, rows: Sequence[Row]) -> None:
        """Take rows that are to come into it."""
        count = len(self._table.visible)
        self._rows += [row[:count] for row in rows]
        self.has_gathered |= bool(rows)
        if len(self._rows) >= _AT_ONCE:
            self._pack()

    def write(
        self,
        account: str,
        source: str,
        *,
        gone: Collection[int],
        whole_at: str | None,
        total: int,
    ) -> Written:
        """Bring into it what was gathered; see `HistoryStore`."""
        self._pack()
        gathered = _last_of_each(joined(self._table, self._parts))
        name, value = self._keep
        is_kept = pc.fill_null(pc.equal(gathered[name], value), False)
        kept, ids = gathered.filter(is_kept), gathered[_ID]
        others = gathered.filter(pc.invert(is_kept))[_ID].to_pylist()
        new, ended = self._new_and_ended(kept)
        try:
            self._write_months(kept)
            left = set(gone)
            listed = sorted({*self._of_notes("others", but=ids), *others} - left)
            absent = sorted({*self._of_notes("gone", but=ids), *left})
            notes: dict[str, Any] = {
                "refreshed_at": whole_at or self._notes.get("refreshed_at"),
                "is_whole": whole_at is not None,
                "total": total,
                "source": source,
                "others": listed,
                "gone": absent,
            }
            if notes != self._notes:
                self._months.write_notes(notes)
        except OSError as error:
            raise SettingsError(f"{self._folder}: it cannot be written: {error}") from None
        self._notes, self._parts, self.has_gathered = notes, [], False
        self._there = self._read_ids()
        rows = self._there.num_rows
        counted = _without(self._there, absent).num_rows
        return Written(new, ended, rows, counted + len(listed))

    def _read_ids(self) -> pa.Table:
        """Of every row its id, its month, and whether it had not ended."""
        status, ended = self._ended
        parts = []
        for month in self._months.names():
            rows = self._months.read(month, [_ID, status])
            texts = rows[status].cast(pa.string())
            is_open = pc.invert(pc.is_in(texts, pa.array(sorted(ended))))
            months = pa.array([month]).dictionary_encode()
            parts.append(
                pa.table(
                    {
                        _ID: rows[_ID],
                        "open": is_open,
                        "month": months.take(pa.repeat(pa.scalar(0), rows.num_rows)),
                    }
                )
            )
        return pa.concat_tables(parts).unify_dictionaries() if parts else _NO_IDS

    def _latest(self, ids: pa.ChunkedArray) -> dict[int, Row]:
        """Of the rows that came last what never changes."""
        order = pc.array_sort_indices(ids.combine_chunks(), order="descending")
        latest, constant = ids.take(order[:_LATEST]), self._table.reads.constant
        months = self._there.filter(pc.is_in(self._there[_ID], latest.combine_chunks()))[
            "month"
        ]
        found: dict[int, Row] = {}
        for month in pc.unique(months.cast(pa.string())).to_pylist():
            rows = self._months.read(month, [_ID, *constant])
            rows = rows.filter(_in(rows[_ID], latest))
            columns = [rows[name].to_pylist() for name in (_ID, *constant)]
            found |= {id: tuple(its) for id, *its in zip(*columns, strict=True)}
        return found

    def _of_notes(self, name: str, but: pa.ChunkedArray = _NONE) -> list[int]:
        """The ids of the notes under a name, without these."""
        ids = pa.array(self._notes.get(name, []), pa.int64())
        found: list[int] = ids.filter(_not_in(ids, but)).to_pylist()
        return found

    def _pack(self) -> None:
        if self._rows:
            self._parts.append(arrow(self._table, self._rows))
            self._rows = []

    def _new_and_ended(self, kept: pa.Table) -> tuple[int, int]:
        """How many of these are new, and have ended."""
        status, ended = self._ended
        open_ids = self._there.filter(self._there["open"])[_ID]
        was_open = kept.filter(_in(kept[_ID], open_ids))
        has_ended = pc.is_in(was_open[status].cast(pa.string()), pa.array(sorted(ended)))
        return _without(kept, self._there[_ID]).num_rows, was_open.filter(has_ended).num_rows

    def _write_months(self, kept: pa.Table) -> None:
        """Write again those that have other rows now."""
        months = _months_of(kept)
        left = self._left(kept[_ID], months)
        for month, gone in left.items():
            self._months.write(month, _without(self._months.read(month), gone))
        written = set(left)
        for month in sorted(pc.unique(months).to_pylist()):
            rows, old = kept.filter(pc.equal(months, month)), self._months.read(month)
            if old is None or not _has(old, rows):
                parts = [rows] if old is None else [rows, _without(old, rows[_ID])]
                self._months.write(month, joined(self._table, parts).sort_by(_ID))
                written.add(month)
        self.written_months = sorted(written)

    def _left(self, ids: pa.ChunkedArray, months: pa.ChunkedArray) -> dict[str, list[int]]:
        """By month, those that are in it and belong to another now."""
        there = self._there.filter(_in(self._there[_ID], ids))
        again = _in(ids, there[_ID])
        now = dict(
            zip(ids.filter(again).to_pylist(), months.filter(again).to_pylist(), strict=True)
        )
        left: dict[str, list[int]] = {}
        for id, month in zip(there[_ID].to_pylist(), there["month"].to_pylist(), strict=True):
            if now[id] != month:
                left.setdefault(month, []).append(id)
        return left


_NO_IDS = pa.table(
    {
        _ID: pa.array([], pa.int64()),
        "open": pa.array([], pa.bool_()),
        "month": pa.array([], pa.dictionary(pa.int32(), pa.string())),
    }
)


def _last_of_each(rows: pa.Table) -> pa.Table:
    """Without those that came again with the same id."""
    if pc.count_distinct(rows[_ID]).as_py() == rows.num_rows:
        return rows
    places = {id: place for place, id in enumerate(rows[_ID].to_pylist())}
    return rows.take(list(places.values()))


def _in(values: pa.ChunkedArray, of: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(values, of.combine_chunks())


def _not_in(values: pa.ChunkedArray, of: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.invert(_in(values, of))


def _without(rows: pa.Table, ids: pa.ChunkedArray | list[int]) -> pa.Table:
    gone = pa.chunked_array([ids], pa.int64()) if isinstance(ids, list) else ids
    return rows.filter(_not_in(rows[_ID], gone))


def _months_of(rows: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.strftime(rows[_STARTED], "%Y-%m"), NO_MONTH)


def _has(old: pa.Table, rows: pa.Table) -> bool:
    """Whether it has these already, just as they are."""
    same = old.filter(_in(old[_ID], rows[_ID])).sort_by(_ID)
    return bool(same.to_pylist() == rows.sort_by(_ID).to_pylist())
