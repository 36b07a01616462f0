"""From the API's answers to rows, with nothing lost and nothing invented.

A NULL stays NULL, a date stays the API's text, an absent member is NULL. A
value of another kind than the column's is an error: it would be a row nobody
can trust.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TypeGuard

import orjson

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
    if not isinstance(items, list) or not set(map(type, items)) <= {dict}:
        raise AnswerError(f"{request}: '{member}' is not a list of objects")
    return Page(
        _read_rows(resource, request, items),
        _total(request, fields.get("meta")),
        has_next(request, fields.get("links")),
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

    SQLite asks for the rowid as column -1, and a Python tuple answers that too.
    Without a Droplet in the request only the resource's own rows are kept.

    Args:
        parent: the Droplet that was asked for; None: the one in the row.
        others: values of the other hidden columns, by name.
    """
    rest = tuple(others.get(c.name) for c in resource.columns if c.hidden)[2:]
    if parent is not None:
        return [(*row, parent, row[0], *rest, row[0]) for row in page_rows]
    names = [column.name for column in resource.visible]
    owner, kept = names.index(resource.parent[1]), names.index(resource.keep[0])
    return [
        (*row, row[owner], row[0], *rest, row[0])
        for row in page_rows
        if row[kept] == resource.keep[1]
    ]


def _read_rows(resource: Resource, where: object, items: list[dict[str, Json]]) -> list[Row]:
    columns = resource.visible
    names = [column.name for column in columns]
    try:
        found = list(map(itemgetter(*names), items))
    except KeyError:
        found = [tuple(map(item.get, names)) for item in items]
    # By column: what is the same for all of it is then looked at once.
    cells = list(zip(*found, strict=True)) or [()] * len(columns)
    read = [_read_column(*its, where) for its in zip(columns, cells, strict=True)]
    if None in read[0] or min(read[0], default=1) < 1:
        raise AnswerError(f"{where}: an object has no {names[0]}")
    return list(zip(*read, strict=True))


def _read_column(column: Column, cells: Sequence[Json], where: object) -> Sequence[Json]:
    if column.json:
        try:
            return _json_texts(cells)
        except orjson.JSONEncodeError:
            raise AnswerError(f"{where}: {column.name} is nested too deeply") from None
    wanted = int if column.type == "INTEGER" else str
    for kind in set(map(type, cells)) - {wanted, type(None)}:
        raise AnswerError(
            f"{where}: {column.name} is a {kind.__name__}, where the API documents"
            f" {'an integer' if wanted is int else 'a text'}"
        )
    if wanted is int:
        numbers = [cell for cell in cells if cell is not None]
        if numbers and not -(2**63) <= min(numbers) <= max(numbers) < 2**63:
            raise AnswerError(f"{where}: {column.name} is larger than 64 bits")
    return cells


def _json_texts(cells: Sequence[Json]) -> list[str | None]:
    """JSON text of each. A page has few different regions, and each is kept once."""
    texts: dict[bytes, str] = {}
    found: list[str | None] = []
    for cell in cells:
        encoded = orjson.dumps(cell)
        text = texts.get(encoded)
        if text is None:
            text = texts[encoded] = encoded.decode()
        found.append(None if cell is None else text)
    return found


def _total(where: object, meta: Json) -> int:
    total = meta.get("total") if isinstance(meta, dict) else None
    if type(total) is not int or total < 0:
        raise AnswerError(f"{where}: the answer does not say how many there are (meta.total)")
    return total


def has_next(where: object, links: Json) -> bool:
    """Whether a list goes on after this page.

    Args:
        links: the member of that name, of the page numbers around this one.

    Raises:
        AnswerError: it is no such thing.
    """
    pages = links.get("pages") if isinstance(links, dict) else None
    if not isinstance(links, dict | None) or not isinstance(pages, dict | None):
        raise AnswerError(f"{where}: 'links' is not an object")
    return bool(pages and pages.get("next"))
