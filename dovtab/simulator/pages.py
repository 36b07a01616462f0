"""A page of a list: which rows, and the ``links`` around them.

A page past the end is empty and not an error. ``links.pages`` names only the
pages that make sense from here: no ``prev`` on the first, no ``next`` on the
last.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from dovtab.simulator.answers import Refused
from dovtab.simulator.rules import Rules

_DEFAULT_PER_PAGE = 20
_LARGEST_PER_PAGE = 200
_MOST_DIGITS = 18


class HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=HasId)


@dataclass(frozen=True, slots=True)
class Page:
    """The page a request asked for, from 1."""

    number: int
    per_page: int

    def last(self, total: int) -> int:
        """The number of the last page that has rows, at least 1."""
        return max(1, -(-total // self.per_page))


def asked_page(query: Mapping[str, str], rules: Rules) -> Page:
    """The page that a query string asks for.

    Raises:
        Refused: it is no number, or out of range, and the rules are strict.
    """
    number = _number(query, "page", 1, rules)
    per_page = _number(query, "per_page", _DEFAULT_PER_PAGE, rules)
    if per_page > _LARGEST_PER_PAGE:
        if rules.per_page_above_200 == "refuse":
            raise Refused(422, f"per_page must not be above {_LARGEST_PER_PAGE}")
        per_page = _LARGEST_PER_PAGE
    return Page(number, per_page)


def _number(query: Mapping[str, str], name: str, default: int, rules: Rules) -> int:
    text = query.get(name)
    if text is None:
        return default
    number = whole_number(text)
    if number is not None:
        return number
    if rules.bad_page == "refuse":
        raise Refused(422, f"{name} must be a number from 1")
    return default


def whole_number(text: str) -> int | None:
    """A number from 1, as ids and pages are written, or None."""
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        return None
    return int(text) or None


def rows_of(rows: Sequence[Row], page: Page, rules: Rules) -> Sequence[Row]:
    """The page's rows out of all, which ascend by id.

    Taken by position, so a page of a million rows costs what a page of a
    hundred does.
    """
    start = (page.number - 1) * page.per_page
    stop = start + page.per_page
    if rules.order == "asc":
        return rows[start:stop]
    if rules.order == "shuffled":
        return sorted(rows, key=_scrambled)[start:stop]
    length = len(rows)
    return rows[max(0, length - stop) : max(0, length - start)][::-1]


def _scrambled(row: HasId) -> int:
    """A sort key that is stable, so a new row moves no two others past each other."""
    return row.id * 2654435761 % 2**32


def links(base: str, query: Mapping[str, str], page: Page, total: int, rules: Rules) -> Any:
    """The value of ``links``, or None where the member is left out.

    Args:
        base: the list's URL without its query.
    """
    last = page.last(total)
    if last == 1 and page.number == 1 and rules.single_page_links != "full":
        shapes: dict[str, Any] = {"absent": None, "{}": {}, '{"pages": {}}': {"pages": {}}}
        return shapes[rules.single_page_links]
    numbers: dict[str, int] = {}
    if page.number > 1 or last == 1:
        numbers["first"] = 1
    if page.number > 1:
        numbers["prev"] = min(page.number - 1, last)
    if page.number < last:
        numbers["next"] = page.number + 1
    if page.number < last or last == 1 or rules.last_on_last_page:
        numbers["last"] = last
    filters = {name: value for name, value in query.items() if name not in ("page", "per_page")}
    return {
        "pages": {
            name: f"{base}?{urlencode({**filters, 'page': n, 'per_page': page.per_page})}"
            for name, n in numbers.items()
        }
    }
