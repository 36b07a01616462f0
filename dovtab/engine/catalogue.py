"""What the tables have, as tables: ``dovtab_columns`` and ``dovtab_action_types``.

A program that can load the extension, and has no ``.describe``, asks these. What binding a
column saves is not written down anywhere: the planner is asked.

Pure. Source: https://sqlite.org/pragma.html#pragma_table_xinfo
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dovtab.engine.all_accounts import over_accounts
from dovtab.engine.manifest import over_all
from dovtab.engine.reading.constraint import EQ, Constraint
from dovtab.engine.reading.planner import plan
from dovtab.resources import Attribute, Column, Row, Table

COLUMN_COLUMNS = (
    Column("table_name", "TEXT", "of dovtab's"),
    Column("name", "TEXT", "the column's"),
    Column("type", "TEXT", "as it is declared"),
    Column("hidden", "INTEGER", "1: SELECT * leaves it out; else 0"),
    Column("description", "TEXT", "what is in it"),
    Column("request", "TEXT", "what is asked where it is bound; NULL: it narrows nothing"),
)
TYPE_COLUMNS = (
    Column("table_name", "TEXT", "INSERT into which starts it"),
    Column("type", "TEXT", "of the action"),
    Column("attributes", "TEXT", "those that it takes, with the JSON type of each"),
    Column("by_tag", "INTEGER", "1: it may go to all that has a tag; else 0"),
)


def column_rows(
    tables: Sequence[Table], modules: Iterable[str], records: Mapping[str, Sequence[Column]]
) -> Iterator[Row]:
    """The rows of ``dovtab_columns``.

    Args:
        modules: the names of all tables that there are.
        records: the columns of those that ask nothing.
    """
    of_all = {over_all(table): table for table in tables}
    by_name = {table.name: table for table in tables}
    for module in modules:
        if module in records:
            for column in records[module]:
                yield _row(module, column, None)
            continue
        table = by_name.get(module) or of_all[module]
        columns = table.columns if module in by_name else over_accounts(table)
        for column in columns:
            yield _row(module, column, _request(table, column.name))


def _row(module: str, column: Column, request: str | None) -> Row:
    return (
        module,
        column.name,
        column.type,
        int(column.hidden),
        column.description,
        request,
    )


def _request(table: Table, column: str) -> str | None:
    """What is asked where this column alone is bound, as EXPLAIN QUERY PLAN has it.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> _request(DROPLET_ACTIONS, "action_id")
    'GET /v2/actions/{action_id} ? action_id='
    >>> _request(DROPLET_ACTIONS, "status") is None
    True
    """
    if column not in table.places:
        return None
    constraint = Constraint(column, EQ, usable=True, is_in=False)
    found = plan(table, [constraint], ordered=True)
    takes = f" {column}="
    return found.idx_str if found.idx_str.endswith(takes) else None


def type_rows(tables: Sequence[Table]) -> Iterator[Row]:
    """The rows of ``dovtab_action_types``.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> [row[1:] for row in type_rows([DROPLET_ACTIONS]) if row[1] in ("reboot", "resize")]
    [('reboot', None, 0), ('resize', 'size: text; disk: boolean, optional', 0)]
    """
    for table in tables:
        for action in table.acts.types.values() if table.acts else ():
            attributes = "; ".join(map(_attribute, action.attributes)) or None
            yield table.name, action.name, attributes, int(action.by_tag)


def _attribute(attribute: Attribute) -> str:
    optional = "" if attribute.required else ", optional"
    return f"{attribute.name}: {' or '.join(attribute.kinds)}{optional}"
