"""Which questions no request can answer, and why.

A column may have no value but the one that it is bound to, or name a page where it
cannot be known of which list. Rather than rows that are missing without a word, such
a statement gets an error that says what to write instead.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dovtab.engine.reading.constraint import EQ, IS, ISNOTNULL, ISNULL, Constraint
from dovtab.resources import Table

# Who looks at every column, as UPDATE does, means none of them in particular.
EVERYTHING = "*"


def refused(
    table: Table,
    constraints: Sequence[Constraint],
    used: Collection[str],
    *,
    parents: Sequence[Constraint],
    filters: Sequence[Constraint],
    sizes: Collection[str],
) -> str | None:
    """The column over which no request can give the rows that the statement means.

    Args:
        constraints: all of them.
        used: the columns that the statement looks at.
        parents, filters: those that would be taken, of the keys and of what narrows.
        sizes: the columns about pages that are bound.
    """
    found = _column(table, constraints, used, parents, filters, sizes)
    of_request = {*table.reads.pager, *hidden_narrowing(table, used)}
    if found in of_request and {column.name for column in table.columns} <= set(used):
        return EVERYTHING
    return found


def _column(
    table: Table,
    constraints: Sequence[Constraint],
    used: Collection[str],
    parents: Sequence[Constraint],
    filters: Sequence[Constraint],
    sizes: Collection[str],
) -> str | None:
    reads, compared = table.reads, [c for c in constraints if c.op not in (ISNULL, ISNOTNULL)]
    for constraint in compared:
        # Reading it as NULL would drop every row without a word.
        if constraint.column in table.for_acting:
            return constraint.column
    for name in hidden_narrowing(table, used):
        if name not in {c.column for c in filters}:
            return name
    later = {c.column for c in compared if not c.usable and c.op in (EQ, IS)}
    page, per_page = reads.pager
    if page in later or (page in used and _is_ambiguous(table, compared, used, parents)):
        return page
    # How many rows a request brings is no property of a row: unless it is bound,
    # whatever it is compared with would drop rows without a word.
    return per_page if per_page in used and per_page not in sizes else None


def _is_ambiguous(
    table: Table,
    compared: Sequence[Constraint],
    used: Collection[str],
    parents: Sequence[Constraint],
) -> bool:
    """Whether a Droplet is named, but not as that whose list the page is of.

    Page 1 of the account's list is not what page 1 of a Droplet's has of it. A term
    that is part of an OR, or of an outer join, is not among the constraints, and shows
    only in what is looked at. ``resource_id`` is looked at by every SELECT *; a page
    has nothing to do with it, and it is refused where it is seen to be compared.
    """
    key, *others = table.reads.parent or ("",)
    if key in {c.column for c in parents}:
        return False
    keys = {c.column for c in compared if c.op in (EQ, IS)}
    return key in used or not keys.isdisjoint(others)


def hidden_narrowing(table: Table, used: Collection[str]) -> list[str]:
    """The columns of these that have no value but the one that they are bound to."""
    return [name for name in table.narrowing if name in table.hidden and name in used]


def why_refused(table: Table, column: str) -> str:
    """Why a plan was refused over this column, and what to write instead."""
    key = table.key
    if column in table.for_acting:
        return (
            f"{column} is for starting actions: the API does not find actions by it (use {key})"
        )
    page, per_page = table.reads.pager
    if column == per_page:
        return (
            f"{column} is how many rows a request brings, and not a value of a row: say"
            f" {column} = ... in the same join, with a value that is known first"
        )
    if column == page:
        owner = table.reads.parent[-1:]
        others = f"; for the account's list, use {owner[0]} instead" if owner else ""
        return (
            f"a {column} is one of one list, and here it cannot be known which: say"
            f" {key} = ... or {key} IN (...) beside it, of this table and with a value that"
            f" is known first{others}"
        )
    if column == key:
        return f"{table.name} has no list of everything: say {key} = ... or {key} IN (...)"
    return (
        f"{column} narrows what is asked for, and a row has no value of its own there: say"
        f" {column} = ..., with a value that is known first, and nothing else about it"
    )
