"""What the values of a plan look for.

Where the planner saw columns, xFilter gets values; here they become sets of
ids, narrowed by each other, and a page. A value that no row can equal is
noticed before anything is asked.

Pure. Source: https://sqlite.org/vtab.html#the_xfilter_method
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from dovtab.api.pages import PER_PAGE_MAX
from dovtab.engine.reading.planner import BESIDE_PATTERN, Argument
from dovtab.engine.reading.refusal import EVERYTHING, why_refused
from dovtab.engine.reading.shown import only_shown
from dovtab.engine.reading.times import check_comparable
from dovtab.engine.reading.values import SqlValue, integer, text
from dovtab.engine.sql import changes_rows, may_change_rows
from dovtab.errors import ArgumentError, NotAllowedError
from dovtab.resources import Table

# Of arguments the one that is about no column.
LIMITED = "limit"

Value = SqlValue | set[SqlValue] | frozenset[SqlValue]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a scan looks for. None in a field: anything.

    Attributes:
        parents: the Droplets, ascending.
        items: the actions, ascending.
        page: the one page to read.
        per_page: the page size.
        filters: what narrows the list beside the keys, by column: texts.
        row_limit: how many rows SQLite will take at most.
        siblings: Droplets that other scans of the statement are going to look for,
            because a set of them came beside the one of this scan.
        few: SQLite may take few rows, but does not say how many.
    """

    parents: tuple[int, ...] | None = None
    items: tuple[int, ...] | None = None
    page: int | None = None
    per_page: int | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    row_limit: int | None = None
    siblings: tuple[int, ...] = ()
    few: bool = False


def lookup(
    table: Table,
    arguments: Sequence[Argument],
    argv: Sequence[Value],
    sql: str = "",
    name: str = "",
) -> Lookup | None:
    """What these values look for; None when no row can match.

    Args:
        arguments: what each value is, as the plan says.
        argv: the values; a set for an IN that comes all at once, in which
            NULLs and texts may still be. apsw gives None for an empty set.
        sql: the statement's text.
        name: what the table is called in it.

    Raises:
        ArgumentError: a value that no request can carry, such as page 0, a time that
            does not compare, or a question that the API does not answer.
    """
    bound = [argument.name for argument in arguments if argument.how[0] not in "!?~"]
    looked_at = [a.name for a in arguments if a.how == "?" and a.name != LIMITED]
    if looked_at and not only_shown(sql, table, name, bound):
        _refuse(table, looked_at[0], sql)
    for argument in arguments:
        if argument.how == "!":
            _refuse(table, argument.name, sql)
    few = any(argument.name == LIMITED for argument in arguments if argument.how == "?")
    given = zip((a for a in arguments if a.how != "?"), argv, strict=True)
    sought: list[tuple[Argument, Value]] = []
    for argument, value in given:
        if argument.how.startswith("~"):
            beside = argument.how == BESIDE_PATTERN
            check_comparable(table, argument.name, _values(value), beside_pattern=beside)
        else:
            sought.append((argument, value))
    keys: dict[tuple[str, ...], set[int]] = {}
    siblings: set[int] = set()
    numbered: dict[str, int] = {}
    filters: dict[str, str] = {}
    for argument, value in sought:
        if argument.how == "is" and value is None:
            continue  # IS NULL is true of rows that no key leads to.
        if argument.name in table.narrowing:
            words, is_hidden = text(value), argument.name in table.hidden
            is_filter = is_hidden and argument.name not in (table.reads.since or ())
            # Nothing has it; to the API an empty one would be no filter at all.
            if words is None or (is_filter and not words.strip()):
                return None
            if not is_hidden:
                # SQLite looks again, perhaps with a collation that ignores blanks.
                words = words.rstrip(" ")
            if (words or is_hidden) and filters.setdefault(argument.name, words) != words:
                return None
            continue
        numbers = _integers(value)
        if not numbers:
            return None
        for key in (table.reads.parent, table.reads.item):
            if argument.name in key:
                keys[key] = keys.get(key, numbers) & numbers
                if key is table.reads.parent and argument.how == "[]":
                    siblings |= numbers
                break
        else:
            numbered[argument.name] = numbers.pop()
    _check_pager(table, numbered)
    # Ids start at 1: no request can find a smaller one.
    parents, items = (
        tuple(sorted(n for n in keys[key] if n > 0)) if key in keys else None
        for key in (table.reads.parent, table.reads.item)
    )
    if parents == () or items == ():
        return None
    page, per_page = (numbered.get(name) for name in table.reads.pager)
    others = () if parents is None or len(parents) > 1 else sorted(n for n in siblings if n > 0)
    row_limit = _row_limit(numbered)
    return Lookup(parents, items, page, per_page, filters, row_limit, tuple(others), few)


def _integers(value: Value) -> set[int]:
    return {number for number in map(integer, _values(value)) if number is not None}


def _values(value: Value) -> Collection[SqlValue]:
    return value if isinstance(value, set | frozenset) else (value,)


def _row_limit(numbered: dict[str, int]) -> int | None:
    limit, offset = numbered.get("limit", -1), numbered.get("offset", 0)
    return None if limit < 0 else limit + max(offset, 0)


def _check_pager(table: Table, numbered: dict[str, int]) -> None:
    page, per_page = (numbered.get(name) for name in table.reads.pager)
    if page is not None and page < 1:
        raise ArgumentError(f"page must be 1 or more, not {page}")
    if per_page is not None and not 1 <= per_page <= PER_PAGE_MAX:
        raise ArgumentError(f"per_page must be from 1 to {PER_PAGE_MAX}, not {per_page}")


def _refuse(table: Table, column: str, sql: str) -> NoReturn:
    if column != EVERYTHING:
        raise ArgumentError(why_refused(table, column))
    named = "let a SELECT name the columns that it wants, and not the hidden ones"
    changes = table.acts is not None and may_change_rows(sql)
    if not changes:
        raise ArgumentError(f"{named}: some of them have no value of their own")
    unchanged = f"what was done to a {table.noun} cannot be changed: INSERT starts a new action"
    # Of a trigger's statement nobody tells which it is.
    either = "" if changes_rows(sql) else f"; {named}"
    raise NotAllowedError(unchanged + either)
