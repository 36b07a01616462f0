"""What the columns of a table are in Arrow: the one place that makes rows into typed columns.

Times are moments of UTC in microseconds, what the API has as true and false is that, and
texts of which there are few different ones are kept once each. NULL stays NULL.

Source: https://arrow.apache.org/docs/python/api/datatypes.html
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dovtab.errors import AnswerError
from dovtab.resources import Column, Row, Table

# Few are different, however many rows there are.
REPEATED = frozenset(
    [
        "image",
        "image_slug",
        "region",
        "region_slug",
        "resource_type",
        "size",
        "size_slug",
        "status",
        "type",
    ]
)
TIME = pa.timestamp("us", "UTC")
_REPEATED = pa.dictionary(pa.int32(), pa.string())
_TYPES = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}


def schema(table: Table) -> pa.Schema:
    """The visible columns of a table, in their order.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> schema(DROPLET_ACTIONS).field("started_at").type
    TimestampType(timestamp[us, tz=UTC])
    """
    return pa.schema([pa.field(column.name, _type(column)) for column in table.visible])


def arrow(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Some rows of the visible columns.

    Raises:
        AnswerError: a time is none.
    """
    cells = list(zip(*rows, strict=True)) or [()] * len(table.visible)
    columns = [_array(c, its) for c, its in zip(table.visible, cells, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema(table))


def joined(table: Table, parts: Sequence[pa.Table]) -> pa.Table:
    """Several as one, with one array of different texts for each column."""
    whole = pa.concat_tables([schema(table).empty_table(), *parts])
    return whole.unify_dictionaries().combine_chunks()


def _type(column: Column) -> pa.DataType:
    if column.boolean:
        return pa.bool_()
    if column.time:
        return TIME
    return _REPEATED if column.name in REPEATED else _TYPES[column.type]


def _array(column: Column, cells: Sequence[object]) -> pa.Array:
    if column.boolean:
        cells = [None if cell is None else bool(cell) for cell in cells]
    if not column.time:
        return pa.array(cells, _type(column))
    try:
        return pa.array(cells, pa.string()).cast(TIME)
    except pa.ArrowInvalid as error:
        raise AnswerError(f"{column.name} has what is no time: {error}") from None
