"""From the API's answers to rows, with nothing lost and nothing invented.

A NULL stays NULL, a date stays the API's text, an absent member is NULL. A
value of another kind than the column's is an error: it would be a row nobody
can trust.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from dovtab.api.exchange import Json, Request
from dovtab.api.pages import Page
from dovtab.errors import AnswerError
from dovtab.resources import Cell, Column, Resource, Row


def read_answer(resource: Resource, request: Request, answer: Json) -> Page:
    """The page in an answer; that of a single object has one row.

    Raises:
        AnswerError: it is not what was asked for.
    """
    fields = answer if isinstance(answer, dict) else {}
    member = request.operation.answer
    items = fields.get(member)
    if request.operation in (resource.get, resource.account_get):
        wanted = request.parameters[resource.item[0]]
        if not is_object(items) or items["id"] != wanted:
            raise AnswerError(f"{request}: '{member}' is not the one asked for")
        return Page(_read_rows(resource, request, [items]), 1, has_next=False)
    if not isinstance(items, list) or not all(map(is_object, items)):
        raise AnswerError(f"{request}: '{member}' is not a list of objects with an id")
    return Page(
        _read_rows(resource, request, items),
        _total(request, fields.get("meta")),
        _has_next(request, fields.get("links")),
    )


def is_object(item: Json) -> TypeGuard[dict[str, Json]]:
    """Whether this is an object with an id that SQLite can hold."""
    id = item.get("id") if isinstance(item, dict) else None
    return type(id) is int and 0 < id < 2**63


def complete(
    resource: Resource,
    page_rows: Iterable[Row],
    *,
    parent: int | None,
    others: Mapping[str, Cell],
) -> list[Row]:
    """The rows as SQLite gets them: with the hidden columns, and the rowid at the end.

    SQLite asks for the rowid as column -1, and a Python list answers that too.
    Without a Droplet in the request only the resource's own rows are kept.

    Args:
        parent: the Droplet that was asked for; None: the one in the row.
        others: values of the other hidden columns, by name.
    """
    rest = [others.get(c.name) for c in resource.columns if c.hidden][2:]
    if parent is not None:
        return [[*row, parent, row[0], *rest, row[0]] for row in page_rows]
    names = [column.name for column in resource.visible]
    owner, kept = names.index(resource.parent[1]), names.index(resource.keep[0])
    return [
        [*row, row[owner], row[0], *rest, row[0]]
        for row in page_rows
        if row[kept] == resource.keep[1]
    ]


def _read_rows(resource: Resource, where: object, items: list[dict[str, Json]]) -> list[Row]:
    columns = resource.visible
    names = [column.name for column in columns]
    texts = _JsonTexts()
    as_json = [n for n, column in enumerate(columns) if column.json]
    right: set[tuple[type, ...]] = set()
    rows: list[Row] = []
    for item in items:
        row: Row = [item.get(name) for name in names]
        for n in as_json:
            row[n] = texts.of(row[n])
        # Most rows of a page are of the same kinds, so each kind is looked at once.
        kinds = tuple(map(type, row))
        if kinds not in right:
            _check_kinds(columns, kinds, where)
            right.add(kinds)
        rows.append(row)
    _check_sizes(columns, rows, where)
    return rows


class _JsonTexts:
    """JSON text of values of which a page has few different ones, such as regions."""

    def __init__(self) -> None:
        self._seen: list[tuple[Json, str]] = []

    def of(self, value: Json) -> str | None:
        if value is None:
            return None
        for seen, text in self._seen:
            if seen == value:
                return text
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        self._seen = [(value, text), *self._seen[:15]]
        return text


def _check_kinds(columns: tuple[Column, ...], kinds: tuple[type, ...], where: object) -> None:
    for column, kind in zip(columns, kinds, strict=True):
        wanted = int if column.type == "INTEGER" else str
        if kind not in (wanted, type(None)):
            raise AnswerError(
                f"{where}: {column.name} is a {kind.__name__}, where the API documents"
                f" {'an integer' if wanted is int else 'a text'}"
            )


def _check_sizes(columns: tuple[Column, ...], rows: list[Row], where: object) -> None:
    for n, column in enumerate(columns):
        if column.type == "INTEGER":
            for row in rows:
                number = row[n]
                if isinstance(number, int) and not -(2**63) <= number < 2**63:
                    raise AnswerError(f"{where}: {column.name} is larger than 64 bits")


def _total(where: object, meta: Json) -> int:
    total = meta.get("total") if isinstance(meta, dict) else None
    if type(total) is not int or total < 0:
        raise AnswerError(f"{where}: the answer does not say how many there are (meta.total)")
    return total


def _has_next(where: object, links: Json) -> bool:
    pages = links.get("pages") if isinstance(links, dict) else None
    if not isinstance(links, dict | None) or not isinstance(pages, dict | None):
        raise AnswerError(f"{where}: 'links' is not an object")
    return bool(pages and pages.get("next"))
