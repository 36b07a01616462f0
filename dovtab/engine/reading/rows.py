"""From the API's answers to rows, with nothing lost and nothing invented.

The one reader of answers: `read_objects` sees that an answer is what was asked
for, an object or a page of a list, each with an id, each about whom it was asked
of; `read_rows` makes the table's cells of it. A NULL stays NULL, a date stays the
API's text, an absent member is NULL. A value of another kind than the column's is
an error: it would be a row nobody can trust.

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
from dovtab.resources import Cell, Column, Row, Table

Object = dict[str, Json]
_DOCUMENTED = {bool: "true or false", int: "an integer", str: "a text"}


def read_rows(table: Table, request: Request, answer: Json) -> Page[Row]:
    """The page in an answer; that of a single object has one row.

    Raises:
        AnswerError: it is not what was asked for.
    """
    objects, total, more = _read(request, answer)
    rows = _rows(table, request, objects)
    # After the cells: a value of another kind is told of as that.
    _check_parent(table, request, objects)
    return Page(rows, total, more)


def read_objects(table: Table, request: Request, answer: Json) -> Page[tuple[int, Object]]:
    """The page in an answer as the API wrote it: of each object its id, and itself.

    Raises:
        AnswerError: it is not what was asked for.
    """
    objects, total, more = _read(request, answer)
    _check_parent(table, request, objects)
    return Page([(item["id"], item) for item in objects], total, more)


def read_started(table: Table, request: Request, answer: Json) -> list[Object]:
    """The actions that a POST has started, as its answer says.

    Raises:
        AnswerError: it does not say that, or of something else than what was asked.
    """
    assert table.acts is not None
    by_tag, is_one = table.acts.by_tag, request.operation is table.acts.post
    fields = answer if isinstance(answer, dict) else {}
    # For a tag with a single Droplet the API has been seen to answer with one object.
    one = fields.get(table.acts.post.answer)
    several = fields.get(by_tag.post.answer) if by_tag and not is_one else None
    actions = [one] if isinstance(one, dict) else several
    if not isinstance(actions, list) or not set(map(type, actions)) <= {dict}:
        what = "action" if is_one else "list of actions"
        raise AnswerError(f"{request}: the answer holds no {what}")
    ids = [action.get("id") for action in actions]
    _check_ids(request, ids)
    if len(set(ids)) < len(ids):
        raise AnswerError(f"{request}: the answer has the same action twice")
    _check_parent(table, request, actions)
    for action in actions:
        _check_whose(table, request, action, may_be_absent=is_one)
    return actions


def is_object(item: Json) -> TypeGuard[Object]:
    """Whether this is an object with an id that SQLite can hold."""
    return isinstance(item, dict) and _is_id(item.get("id"))


def has_listed(values: Json, value: str) -> bool:
    """Whether a JSON array, or the text of one, has this text."""
    listed = orjson.loads(values) if isinstance(values, str) else values
    return isinstance(listed, list) and value in listed


def complete(
    table: Table,
    page_rows: Iterable[Row],
    *,
    request: Request,
    bound: Mapping[str, Cell],
) -> list[Row]:
    """The rows as SQLite gets them: with the hidden columns, and the rowid at the end.

    SQLite asks for the rowid as column -1, and a Python tuple answers that too.
    Without a parent in the request only the table's own rows are kept.

    Args:
        bound: what hidden columns read back as that are the same in all these rows.
    """
    reads, width = table.reads, len(table.visible)
    of_all = not reads.parent or reads.parent[0] not in request.parameters
    if of_all and reads.keep is not None:
        kept, value = table.places[reads.keep[0]], reads.keep[1]
        page_rows = [row for row in page_rows if row[kept] == value]
    same = {**bound, **request.parameters}
    in_row = dict.fromkeys(reads.item, 0)
    if of_all and reads.parent:
        in_row[reads.parent[0]] = table.places[reads.parent[-1]]
    # Each row and what is the same for all, one after the other; then picked from.
    fixed = tuple(map(same.get, table.hidden))
    places = [in_row.get(name, width + i) for i, name in enumerate(table.hidden)]
    pick = itemgetter(*[*range(width), *places, 0])
    return [pick(row + fixed) for row in page_rows]


def _read(request: Request, answer: Json) -> tuple[list[Object], int, bool]:
    """The objects in an answer, how many there are in all, and whether more follow."""
    fields = answer if isinstance(answer, dict) else {}
    member, item = request.operation.answer, request.operation.item
    found = fields.get(member)
    if item is not None:
        if not is_object(found) or found["id"] != request.parameters[item]:
            raise AnswerError(
                f"{request}: the answer does not hold that {member}: its '{member}' is not"
                " the one asked for"
            )
        return [found], 1, False
    if not isinstance(found, list) or not set(map(type, found)) <= {dict}:
        raise AnswerError(f"{request}: '{member}' is not a list of objects")
    _check_ids(request, [item.get("id") for item in found])
    total = _total(request, fields.get("meta"))
    return found, total, _has_next(request, fields.get("links"))


def _check_ids(where: object, ids: list[Json]) -> None:
    for kind in set(map(type, ids)) - {int, type(None)}:
        raise AnswerError(
            f"{where}: id is a {kind.__name__}, where the API documents an integer"
        )
    if None in ids or min(ids, default=1) < 1:
        raise AnswerError(f"{where}: an object has no id")
    if max(ids, default=1) >= 2**63:
        raise AnswerError(f"{where}: id is larger than 64 bits")


def _check_parent(table: Table, request: Request, objects: Iterable[Object]) -> None:
    """Every object that says whose it is has to be of the one that was asked for."""
    if not table.reads.parent or table.reads.parent[0] not in request.parameters:
        return
    parent, owner = request.parameters[table.reads.parent[0]], table.reads.parent[-1]
    for item in objects:
        whose = item.get(owner)
        if whose is not None and whose != parent:
            # Not a word of the server's is repeated here: it may be the token.
            shown = str(whose)[:60] if isinstance(whose, int) else f"a {type(whose).__name__}"
            raise AnswerError(
                f"{request}: the answer is about another {table.noun}: {owner} is {shown}"
            )


def _check_whose(
    table: Table, request: Request, action: Object, *, may_be_absent: bool
) -> None:
    """An action that was started is of one of the table's, and says of which."""
    owner, keep = table.reads.parent[-1], table.reads.keep
    whose = action.get(owner)
    if not _is_id(whose) and not (whose is None and may_be_absent):
        shown = (
            str(whose)[:60] if isinstance(whose, int | float) else f"a {type(whose).__name__}"
        )
        raise AnswerError(f"{request}: {owner} is {shown}, which is no id")
    if keep is not None and action.get(keep[0]) not in (None, keep[1]):
        raise AnswerError(f"{request}: the answer is about something else than a {table.noun}")


def _is_id(value: Json) -> bool:
    return type(value) is int and 0 < value < 2**63


def _rows(table: Table, where: object, objects: list[Object]) -> list[Row]:
    columns = table.visible
    members = [column.path[0] for column in columns]
    try:
        found = list(map(itemgetter(*members), objects))
    except KeyError:
        found = [tuple(map(item.get, members)) for item in objects]
    # By column: what is the same for all of it is then looked at once.
    cells = list(zip(*found, strict=True)) or [()] * len(columns)
    read = [_read_column(*its, where) for its in zip(columns, cells, strict=True)]
    return list(zip(*read, strict=True))


def _read_column(column: Column, cells: Sequence[Json], where: object) -> Sequence[Json]:
    for member in column.path[1:]:
        cells = _members(column, member, cells, where)
    if column.json:
        try:
            return _json_texts(cells)
        except orjson.JSONEncodeError:
            raise AnswerError(f"{where}: {column.name} is nested too deeply") from None
    wanted = bool if column.boolean else int if column.type == "INTEGER" else str
    for kind in set(map(type, cells)) - {wanted, type(None)}:
        raise AnswerError(
            f"{where}: {column.name} is a {kind.__name__}, where the API documents"
            f" {_DOCUMENTED[wanted]}"
        )
    if wanted is bool:
        return [None if cell is None else int(cell) for cell in cells]
    if wanted is int:
        numbers = [cell for cell in cells if cell is not None]
        if numbers and not -(2**63) <= min(numbers) <= max(numbers) < 2**63:
            raise AnswerError(f"{where}: {column.name} is larger than 64 bits")
    return cells


def _members(
    column: Column, member: str, cells: Sequence[Json], where: object
) -> Sequence[Json]:
    for type_ in set(map(type, cells)) - {dict, type(None)}:
        raise AnswerError(
            f"{where}: {column.name} is read from a {type_.__name__}, where the API"
            " documents an object"
        )
    member, _, kind = member.rstrip("]").partition("[")
    found = [None if cell is None else cell.get(member) for cell in cells]
    return [_of_kind(objects, kind) for objects in found] if kind else found


def _of_kind(objects: Json, kind: str) -> Json:
    objects = objects if isinstance(objects, list) else []
    return next((o for o in objects if isinstance(o, dict) and o.get("type") == kind), None)


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
    if type(total) is not int or not 0 <= total < 2**63:
        raise AnswerError(f"{where}: the answer does not say how many there are (meta.total)")
    return total


def _has_next(where: object, links: Json) -> bool:
    """Whether a list goes on after this page."""
    pages = links.get("pages") if isinstance(links, dict) else None
    if not isinstance(links, dict | None) or not isinstance(pages, dict | None):
        raise AnswerError(f"{where}: 'links' is not an object")
    return bool(pages and pages.get("next"))
