"""What a row is in PostgreSQL: which columns, and of which types.

Those of a row itself, and the keys to join with. What only says what to ask for is an
argument of a function or an option of a foreign table: a column that is NULL unless it is
compared would lose rows without a word, as nobody tells all that it is compared with.

Source: https://www.postgresql.org/docs/current/datatype.html
"""

from __future__ import annotations

from dovtab.resources import Column, Table

_TYPES = {"INTEGER": "bigint", "REAL": "double precision", "TEXT": "text"}


def columns_of(table: Table) -> tuple[Column, ...]:
    """Those that PostgreSQL has of a table over the API.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> [column.name for column in columns_of(DROPLET_ACTIONS)][-3:]
    ['type', 'droplet_id', 'action_id']
    """
    keys = {*table.reads.parent, *table.reads.item}
    return tuple(c for c in table.columns if not c.hidden or c.name in keys)


def type_of(column: Column) -> str:
    """The type that takes every value of a column, from the text that the API writes.

    >>> type_of(Column("started_at", "TEXT", "", time=True))
    'timestamp with time zone'
    """
    if column.time:
        return "timestamp with time zone"
    if column.json:
        return "jsonb"
    return "boolean" if column.boolean else _TYPES[column.type]


def described(column: Column) -> str:
    """What is in it, in words of PostgreSQL's.

    >>> described(Column("locked", "INTEGER", "1: an action is in progress; else 0", boolean=True))
    'an action is in progress'
    >>> described(Column("id", "INTEGER", "the action's id; the rowid too"))
    "the action's id"
    """
    text = column.description
    if column.boolean:
        text = text.removeprefix("1: ").removesuffix("; else 0")
    return text.removesuffix("; the rowid too")
