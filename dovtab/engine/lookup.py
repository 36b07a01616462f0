"""What the values of a plan look for.

Where the planner saw columns, xFilter gets values; here they become sets of
ids, narrowed by each other, and a page. A value that no row can equal is
noticed before anything is asked.

Pure. Source: https://sqlite.org/vtab.html#the_xfilter_method
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dovtab.api.pages import PER_PAGE_MAX
from dovtab.engine.planner import Argument
from dovtab.engine.values import SqlValue, integer
from dovtab.errors import ArgumentError
from dovtab.resources import Resource

Value = SqlValue | set[SqlValue] | frozenset[SqlValue]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a scan looks for. None in a field: anything.

    Attributes:
        parents: the Droplets, ascending.
        items: the actions, ascending.
        page: the one page to read.
        per_page: the page size.
        wanted: how many rows SQLite will take at most.
        company: Droplets that other scans of the statement are going to look for,
            because a set of them came beside the one of this scan.
    """

    parents: tuple[int, ...] | None = None
    items: tuple[int, ...] | None = None
    page: int | None = None
    per_page: int | None = None
    wanted: int | None = None
    company: tuple[int, ...] = ()


def lookup(
    resource: Resource, arguments: Sequence[Argument], argv: Sequence[Value]
) -> Lookup | None:
    """What these values look for; None when no row can match.

    Args:
        arguments: what each value is, as the plan says.
        argv: the values; a set for an IN that comes all at once, in which
            NULLs and texts may still be. apsw gives None for an empty set.

    Raises:
        ArgumentError: a value that no request can carry, such as page 0.
    """
    for argument in arguments:
        if argument.how == "!":
            raise ArgumentError(_why_refused(resource, argument.name))
    keys: dict[tuple[str, ...], set[int]] = {}
    company: set[int] = set()
    pager: dict[str, int] = {}
    for argument, value in zip(arguments, argv, strict=True):
        if argument.how == "is" and value is None:
            continue  # IS NULL is true of rows that no key leads to.
        numbers = _integers(value)
        if not numbers:
            return None
        for key in (resource.parent, resource.item):
            if argument.name in key:
                keys[key] = keys.get(key, numbers) & numbers
                if key is resource.parent and argument.how == "[]":
                    company |= numbers
                break
        else:
            pager[argument.name] = numbers.pop()
    _check_pager(resource, pager)
    # Ids start at 1: no request can find a smaller one.
    parents, items = (
        tuple(sorted(n for n in keys[key] if n > 0)) if key in keys else None
        for key in (resource.parent, resource.item)
    )
    if parents == () or items == ():
        return None
    page, per_page = (pager.get(name) for name in resource.pager)
    others = () if parents is None or len(parents) > 1 else sorted(n for n in company if n > 0)
    return Lookup(parents, items, page, per_page, _wanted(pager), tuple(others))


def _integers(value: Value) -> set[int]:
    values = value if isinstance(value, set | frozenset) else {value}
    return {number for number in map(integer, values) if number is not None}


def _wanted(pager: dict[str, int]) -> int | None:
    limit, offset = pager.get("limit", -1), pager.get("offset", 0)
    return None if limit < 0 else limit + max(offset, 0)


def _check_pager(resource: Resource, pager: dict[str, int]) -> None:
    page, per_page = (pager.get(name) for name in resource.pager)
    if page is not None and page < 1:
        raise ArgumentError(f"page must be 1 or more, not {page}")
    if per_page is not None and not 1 <= per_page <= PER_PAGE_MAX:
        raise ArgumentError(f"per_page must be from 1 to {PER_PAGE_MAX}, not {per_page}")


def _why_refused(resource: Resource, column: str) -> str:
    return (
        f"{column} is for starting actions: the API does not find actions by it"
        f" (use {resource.parent[0]})"
    )
