"""A POST in the log of actions, and the table ``dovtab_log``.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dovtab.engine.acting.posts import (
    WHAT_BECAME_OF_IT,
    WHAT_WAS_ASKED,
    Columns,
    Started,
    targets_columns,
)
from dovtab.resources import Column, Row, Table


@dataclass(frozen=True, slots=True)
class Entry:
    """A POST that was written down before it was sent.

    Attributes:
        asked_at: when, RFC 3339.
        process: tells the process from others that have the same ``pid``.
        token: the fingerprint of that.
        targets: what had the tag, if somebody had looked.
        outcomes: of its last booking, by Droplet; None: it has none.
        ended_at: when that was booked.
    """

    id: int
    asked_at: str
    user: str
    host: str
    pid: int
    process: str
    token: str
    api_url: str
    context: str | None
    sql: str
    table_name: str
    parent: int | None
    tag_name: str | None
    targets: frozenset[int] | None
    type: str
    attributes: str | None
    outcomes: tuple[Started, ...] | None
    request_id: str | None
    ended_at: str | None

    @classmethod
    def of(cls, cells: Sequence[Any]) -> Entry:
        """From the cells in the file, in the order of the attributes."""
        row = dict(zip(cls.__slots__, cells, strict=True))
        for name in ("targets", "outcomes"):
            row[name] = None if row[name] is None else json.loads(row[name])
        if row["targets"] is not None:
            row["targets"] = frozenset(row["targets"])
        if row["outcomes"] is not None:
            row["outcomes"] = tuple(Started(*one) for one in row["outcomes"])
        return cls(**row)

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what became of it, or of a part of it."""
        return self.outcomes is None or any(one.outcome == "unknown" for one in self.outcomes)

    def ids(self) -> set[int]:
        """The actions that are its own."""
        return {one.id for one in self.outcomes or () if one.id}


def ids_of_others(id: int | None, api_url: str, entries: Iterable[Entry]) -> set[int]:
    """The actions that other POSTs to this URL than the one of this number have started."""
    others = (entry for entry in entries if entry.id != id and entry.api_url == api_url)
    return {action for entry in others for action in entry.ids()}


def log_columns(tables: Sequence[Table]) -> Columns:
    """The columns of ``dovtab_log`` for these tables.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> [column.name for column in log_columns([DROPLET_ACTIONS])][7:11]
    ['context', 'sql', 'droplet_id', 'tag_name']
    """
    return (
        Column("seq", "INTEGER", "its place in the file"),
        Column("asked_at", "TEXT", "RFC 3339; it was sent after that"),
        Column("user", "TEXT", "who has run dovtab"),
        Column("host", "TEXT", "the machine"),
        Column("pid", "INTEGER", "the process"),
        Column("token", "TEXT", "a fingerprint of it"),
        Column("api_url", "TEXT", "where it was sent"),
        Column("context", "TEXT", "the account's, if it had one"),
        Column("sql", "TEXT", "the statement that asked for it"),
        *targets_columns(tables),
        *WHAT_WAS_ASKED,
        *WHAT_BECAME_OF_IT,
        Column("ended_at", "TEXT", "when its outcome was written down"),
    )


def log_rows(
    entries: Iterable[Entry], columns: Columns, tables: Sequence[Table]
) -> Iterator[Row]:
    """A row for each action that a POST has started; or one for itself, if it has not."""
    keys = {table.name: table.key for table in tables}
    tags = {t.name: t.acts.by_tag.column for t in tables if t.acts and t.acts.by_tag}
    for entry in entries:
        for one in entry.outcomes or (Started(entry.parent, None, None),):
            cells = {
                **{name: getattr(entry, name) for name in entry.__slots__},
                "seq": entry.id,
                keys.get(entry.table_name, ""): one.parent,
                tags.get(entry.table_name, ""): entry.tag_name,
                "outcome": one.outcome,
                "action_id": one.id,
                "error": one.error,
            }
            yield tuple(cells.get(column.name) for column in columns)
