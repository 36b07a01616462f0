"""Starting actions, and waiting for them, as the functions do.

The one rule: a POST is sent once. What went wrong is told as it is; where it
may have run although no answer says so, the error says that too.

Every function gives JSON text, as SQLite's own JSON functions do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from dovtab.api.exchange import Json, Request
from dovtab.engine.account import Account
from dovtab.engine.acting.check import (
    parent_request,
    positive_id,
    same_attributes,
    shown,
    tag_request,
)
from dovtab.engine.acting.delivery import deliver
from dovtab.engine.acting.posts import Post
from dovtab.engine.acting.wait import Waits
from dovtab.engine.call import Call
from dovtab.engine.interruption import not_sent, reporting_interruption
from dovtab.engine.reading.values import SqlValue
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError, ArgumentError, Interrupted, NotAllowedError
from dovtab.resources import Acts, ByTag, Table

WAIT_SECONDS = 600.0


def post(
    table: Table,
    acts: Acts,
    account: Account,
    statement: Statement,
    parent_id: SqlValue,
    type: SqlValue,
    attributes: SqlValue = None,
) -> str:
    """Start an action on one Droplet; gives the action.

    SQLite may evaluate it several times for one row: in one statement the same
    call is sent once, and its answer given again.

    Raises:
        NotAllowedError: acting is off.
        ArgumentError: an argument is wrong; nothing was sent.
        DovtabError: it was refused, or its outcome is not known.
    """
    _check_allowed(account)
    name = _default_name(account)
    request = parent_request(table, acts, parent_id, type, attributes, default_name=name)
    return _once(table, account, statement, request, type, attributes)


def post_by_tag(
    table: Table,
    acts: Acts,
    by_tag: ByTag,
    account: Account,
    statement: Statement,
    tag_name: SqlValue,
    type: SqlValue,
    attributes: SqlValue = None,
) -> str:
    """Start an action on whatever has a tag; gives an array of actions.

    Raises:
        As `post`.
    """
    _check_allowed(account)
    name = _default_name(account)
    request = tag_request(acts, by_tag, tag_name, type, attributes, default_name=name)
    return _once(table, account, statement, request, type, attributes)


def row_request(
    table: Table,
    acts: Acts,
    account: Account,
    rowid: int | None,
    row: dict[str, SqlValue],
) -> Request:
    """The POST that an inserted row asks for.

    Args:
        row: its values, by column.

    Raises:
        NotAllowedError: acting is off.
        ArgumentError: a value is wrong, or one is given that is the API's to say.
    """
    _check_allowed(account)
    targets = (table.key, *((acts.by_tag.column,) if acts.by_tag else ()))
    ways = [f"{target}, type, {acts.attributes}" for target in targets]
    given = {name for name, value in row.items() if value is not None}
    others = sorted(given - {*targets, acts.attributes, "type"})
    if others or rowid is not None:
        raise ArgumentError(
            f"an action is started by INSERT INTO {table.name}({') or ('.join(ways)});"
            f" {others[0] if others else 'rowid'} is the API's to say"
        )
    found = [target for target in targets if target in given]
    if len(found) != 1:
        needed = " or a ".join(targets) + (", one of them" if acts.by_tag else "")
        raise ArgumentError(f"an action needs a {needed}")
    target, type, attributes = row[found[0]], row["type"], row[acts.attributes]
    name = _default_name(account)
    if acts.by_tag and found == [acts.by_tag.column]:
        return tag_request(acts, acts.by_tag, target, type, attributes, default_name=name)
    return parent_request(table, acts, target, type, attributes, default_name=name)


def wait(
    table: Table,
    account: Account,
    statement: Statement,
    waits: Callable[[int, int], Waits],
    parent_id: SqlValue,
    action_id: SqlValue,
    timeout_seconds: SqlValue = None,
) -> str:
    """Ask for an action until it is completed or errored; gives the action.

    An errored action is an answer, not an error.

    Args:
        waits: gives, for an action, what is waited for in the account that started it.
        timeout_seconds: NULL for ten minutes.

    Raises:
        WaitError: the time is over, or there is no such action.
    """
    _check_allowed(account)
    seconds = _seconds(timeout_seconds)
    parent, item = table.key, table.reads.item[0]
    ids = {parent: positive_id(parent, parent_id), item: positive_id(item, action_id)}
    try:
        return _text(waits(*ids.values()).wait(ids, seconds), "")
    finally:
        # What the statement holds of it is from before it ended.
        statement.held.invalidate(ids[parent])


def _once(
    table: Table,
    account: Account,
    statement: Statement,
    request: Request,
    type: SqlValue,
    attributes: SqlValue,
) -> str:
    key = request.path, type, same_attributes(attributes)
    if key not in statement.post_results:
        sent = _send(table, account, statement, request)
        statement.post_results[key] = _text(sent, request.may_have_run)
    return statement.post_results[key]


def _send(table: Table, account: Account, statement: Statement, request: Request) -> Json:
    """The JSON value that a function gives."""
    post = Post(request, table, account.context, statement.text)
    if account.settings.dry_run:
        account.posts.add(post).ended("dry-run")
        method = request.operation.method
        return {"method": method, "path": request.path, "body": request.body}
    if account.interrupted():
        # Between two functions of a row nobody else looks.
        raise not_sent(request)
    statement.spend(account.settings.max_requests, table.key, acts=True)
    account.posts.add(post)
    call = Call(lambda cancelled: deliver(table, account, post, cancelled))

    def interruption() -> Interrupted:
        # Given up first: what has not left by now never will.
        call.release()
        return _interruption(account, post)

    try:
        with reporting_interruption(interruption):
            call.start()
            actions = account.wait_for(call)
    finally:
        statement.held.invalidate(post.parent)
    return actions if post.by_tag else actions[0]


def _interruption(account: Account, post: Post) -> Interrupted:
    if post.sent_at is None:
        post.ended("refused", "interrupted before it was sent")
        return not_sent(post.request)
    return account.abandoned(post.request, post.exchange)


def _check_allowed(account: Account) -> None:
    if not account.settings.allow_actions:
        raise NotAllowedError(
            "starting actions is off for this connection: to allow it, leave out --read-only,"
            " set DOVTAB_ALLOW_ACTIONS=1, or pass allow_actions=True"
        )


def _seconds(value: SqlValue) -> float:
    if value is None:
        return WAIT_SECONDS
    if isinstance(value, int | float) and 0 <= value <= 86_400:
        return float(value)
    raise ArgumentError(f"timeout_seconds must be a number from 0 to 86400, not {shown(value)}")


def _default_name(account: Account) -> str:
    moment = datetime.fromtimestamp(account.clock.time(), UTC)
    return f"dovtab-{moment:%Y%m%dT%H%M%SZ}"


def _text(value: Json, may_have_run: str) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise AnswerError(f"the answer is nested too deeply{may_have_run}") from None
