"""A foreign table of multicorn2's: PostgreSQL's plan says which keys are known.

``=`` and ``= ANY`` of a key column become requests for just that, also where the value
comes from another table of a join. All else is PostgreSQL's: multicorn keeps every
condition, and looks at each row again. Rows come page by page as they are taken, so a LIMIT
stops early. multicorn2 gives IS NULL as ``= NULL``; no key is NULL, and it finds nothing.

Sources: https://github.com/pgsql-io/multicorn2/blob/main/doc/implementing-an-fdw.md
https://github.com/pgsql-io/multicorn2/blob/main/python/multicorn/__init__.py
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

# multicorn2 brings it; it is in no registry of Python's, and has no types.
from multicorn import ForeignDataWrapper

from dovtab.engine.reading.lookup import Value
from dovtab.errors import SettingsError
from dovtab.hosts.postgres.columns import columns_of
from dovtab.hosts.postgres.interrupts import Interrupts
from dovtab.hosts.postgres.reader import READ_ONLY, Bound, Reader
from dovtab.resources import Cell

# What is asked for beside the keys: a row has no value of its own there.
_NARROWING = ("since", "tag_name")
_OPTIONS = frozenset({"table", "context", *_NARROWING})
_BYTES_IN_CELL = 20


class ForeignTable(ForeignDataWrapper):
    """``CREATE FOREIGN TABLE ... SERVER dovtab OPTIONS (table 'droplet_actions')``.

    Args:
        fdw_options: ``table``; ``context``, the name of one; ``since``, ``tag_name``: this
            table has no more than that.
        fdw_columns: the columns that were declared, by name and in their order.

    Raises:
        SettingsError: an option is none of these, or the table has no such column.
    """

    def __init__(
        self, fdw_options: Mapping[str, str], fdw_columns: Mapping[str, object]
    ) -> None:
        super().__init__(fdw_options, fdw_columns)
        unknown = fdw_options.keys() - _OPTIONS
        if unknown:
            # A token in an option would be in the catalogue, for all to read.
            raise SettingsError(
                f"there is no option {min(unknown)}: there are {', '.join(sorted(_OPTIONS))}."
                " The token is in the server's environment, or in doctl's config file"
            )
        name = fdw_options.get("table", "")
        if name not in READ_ONLY:
            raise SettingsError(
                f"the option table is one of {', '.join(READ_ONLY)}, and not '{name}'"
            )
        self._table = READ_ONLY[name]
        ours = {column.name for column in columns_of(self._table)}
        strange = [column for column in fdw_columns if column not in ours]
        if strange:
            raise SettingsError(f"{name} has no column {strange[0]}")
        self._keys = frozenset({*self._table.reads.parent, *self._table.reads.item})
        self._places = [self._table.places[column] for column in fdw_columns]
        self._context = fdw_options.get("context", "")
        self._scans: weakref.WeakSet[Generator[list[Cell], None, None]] = weakref.WeakSet()
        self._narrowed = [(n, fdw_options[n]) for n in _NARROWING if n in fdw_options]
        for option, _ in self._narrowed:
            if option not in self._table.narrowing:
                raise SettingsError(f"{name} has no {option}")

    @cached_property
    def _reader(self) -> Reader:
        return Reader(Interrupts().are_pending)

    def get_rel_size(self, quals: Sequence[Any], columns: Collection[str]) -> tuple[int, int]:
        """How many rows to expect, and how wide."""
        plan, _, _ = self._reader.plan(self._table, self._bound(quals), context=self._context)
        return plan.rows, max(1, len(columns)) * _BYTES_IN_CELL

    def get_path_keys(self) -> list[tuple[tuple[str, ...], int]]:
        """What a join may look up, and how many rows that brings."""
        found: list[tuple[tuple[str, ...], int]] = []
        for key in sorted(self._keys):
            plan, _, _ = self._reader.plan(self._table, [(key, 1), *self._narrowed])
            found.append(((key,), plan.rows))
        return found

    def explain(
        self,
        quals: Sequence[Any],
        columns: Collection[str],
        sortkeys: Sequence[Any] | None = None,
        verbose: bool = False,
    ) -> list[str]:
        """The request, as EXPLAIN QUERY PLAN has it in SQLite."""
        plan, _, _ = self._reader.plan(self._table, self._bound(quals), context=self._context)
        return [plan.idx_str]

    def execute(
        self,
        quals: Sequence[Any],
        columns: Collection[str],
        sortkeys: Sequence[Any] | None = None,
    ) -> Iterator[list[Cell]]:
        """The rows, each as long as the declaration.

        Raises:
            DovtabError: while rows are taken, whatever keeps an answer away.
        """
        scan = self._scan(self._bound(quals))
        self._scans.add(scan)
        return scan

    def _scan(self, bound: Bound) -> Generator[list[Cell], None, None]:
        # A set is wanted whole, if any of it is, and may be read as one list.
        few = not any(isinstance(value, frozenset) for _, value in bound)
        for page in self._reader.pages(self._table, bound, context=self._context, few=few):
            for row in page:
                yield [row[place] for place in self._places]

    def begin(self, serializable: object) -> None:
        """A transaction begins."""
        self._reader.begin()

    def rollback(self) -> None:
        """It has failed: multicorn2 forgets what was under way, and does not end it."""
        for scan in list(self._scans):
            scan.close()

    def end_scan(self) -> None:
        """A statement has done with the table; a join looks things up until then."""
        self._reader.begin()

    def _bound(self, quals: Sequence[Any]) -> list[tuple[str, Value]]:
        """The conditions that a request can meet."""
        bound: list[tuple[str, Value]] = list(self._narrowed)
        for qual in quals:
            if qual.field_name not in self._keys:
                continue
            if qual.operator == "=" and _is_plain(qual.value):
                bound.append((qual.field_name, qual.value))
            elif qual.operator == ("=", True):
                members = qual.value if isinstance(qual.value, list) else [qual.value]
                if all(map(_is_plain, members)):
                    bound.append((qual.field_name, frozenset(members)))
        return bound


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, int | str)
