"""From the API's objects to rows, with nothing lost and nothing invented.

A NULL stays NULL, a date stays the API's text, an absent member is NULL. A
value of another kind than the column's is an error: it would be a row nobody
can trust.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from dovtab.api.exchange import Json
from dovtab.errors import AnswerError
from dovtab.resources import Column, Resource

Cell = int | float | str | None
Row = list[Cell]


def rows(
    resource: Resource,
    items: Iterable[dict[str, Json]],
    where: object,
    *,
    parent: int | None,
    bound: Mapping[str, int | None],
) -> list[Row]:
    """A row for each object: the visible columns, its two keys, the other hidden
    columns, and the rowid.

    The last element is the rowid, because SQLite asks for column -1, and a
    Python list then answers that too.

    Args:
        where: the request, for the error.
        parent: the Droplet that was asked for; None: the one in the object.
        bound: the values of hidden columns that the query itself chose.

    Raises:
        AnswerError: a value cannot be this column's.
    """
    visible = resource.visible
    keep_column, keep_value = resource.keep
    parent_name = resource.parent[1]
    others = [bound.get(c.name) for c in resource.columns if c.hidden][2:]
    result = []
    for item in items:
        if parent is None and item.get(keep_column) != keep_value:
            continue
        row: Row = [_cell(column, item.get(column.name), where) for column in visible]
        id = item["id"]
        owner = parent if parent is not None else item.get(parent_name)
        row += (owner, id, *others, id)
        result.append(row)
    return result


def _cell(column: Column, value: Json, where: object) -> Cell:
    if value is None:
        return None
    if column.json:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if column.type == "INTEGER":
        if type(value) is int and -(2**63) <= value < 2**63:
            return value
    elif type(value) is str:
        return value
    raise AnswerError(
        f"{where}: {column.name} is {'a ' + type(value).__name__}, where the API documents"
        f" {'an integer' if column.type == 'INTEGER' else 'a text'}"
    )
