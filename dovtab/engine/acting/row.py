"""INSERT: the POST that a row asks for, checked when it is inserted."""

from __future__ import annotations

from datetime import UTC, datetime

from dovtab.engine.account import Account
from dovtab.engine.acting.after import AFTER
from dovtab.engine.acting.check import parent_request, shown, tag_request
from dovtab.engine.acting.posts import Post
from dovtab.engine.reading.values import SqlValue
from dovtab.engine.statement import Statement
from dovtab.errors import ArgumentError, NotAllowedError
from dovtab.resources import Acts, Table


def row_post(
    table: Table,
    acts: Acts,
    account: Account,
    statement: Statement,
    rowid: int | None,
    row: dict[str, SqlValue],
) -> Post:
    """The POST that an inserted row asks for.

    Args:
        row: its values, by column.

    Raises:
        NotAllowedError: acting is off.
        ArgumentError: a value is wrong, or one is given that is the API's to say.
    """
    check_allowed(account)
    targets = (table.key, *((acts.by_tag.column,) if acts.by_tag else ()))
    ways = [f"{target}, type, {acts.attributes}" for target in targets]
    given = {name for name, value in row.items() if value is not None}
    others = sorted(given - {*targets, "type", acts.attributes, acts.after})
    if others or rowid is not None:
        raise ArgumentError(
            f"an action is started by INSERT INTO {table.name}({') or ('.join(ways)});"
            f" {others[0] if others else 'rowid'} is the API's to say"
        )
    found = [target for target in targets if target in given]
    if len(found) != 1:
        needed = " or a ".join(targets) + (", and not both" if found else "")
        raise ArgumentError(f"an action needs a {needed}")
    target, type, attributes = row[found[0]], row["type"], row[acts.attributes]
    name = default_name(account)
    if acts.by_tag and found == [acts.by_tag.column]:
        request = tag_request(acts, acts.by_tag, target, type, attributes, default_name=name)
    else:
        request = parent_request(table, acts, target, type, attributes, default_name=name)
    after = _after(acts.after, row.get(acts.after))
    return Post(request, table, account.context, statement.text, after)


def check_allowed(account: Account) -> None:
    """See that actions may be started at all.

    Raises:
        NotAllowedError: they may not.
    """
    if not account.settings.allow_actions:
        raise NotAllowedError(
            f"starting actions is off for this connection: {account.settings.to_act}"
        )


def default_name(account: Account) -> str:
    """For what has to have a name, and was given none."""
    moment = datetime.fromtimestamp(account.clock.time(), UTC)
    return f"dovtab-{moment:%Y%m%dT%H%M%SZ}"


def _after(column: str, value: SqlValue) -> str | None:
    if value is None or value in AFTER:
        return value
    raise ArgumentError(f"{column} must be NULL, {' or '.join(AFTER)}, not {shown(value)}")
