"""Starting actions, and waiting for them, as the functions do.

The one rule: a POST is sent once. What went wrong is told as it is; where it
may have run although no answer says so, the error says that too.

Every function gives JSON text, as SQLite's own JSON functions do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

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
from dovtab.engine.acting.permission import known_targets, permit, rehearse, targets_of
from dovtab.engine.acting.posts import Post
from dovtab.engine.acting.reconcile import Reconciliation
from dovtab.engine.acting.row import check_allowed, default_name
from dovtab.engine.acting.wait import Waits
from dovtab.engine.call import Call
from dovtab.engine.interruption import not_sent, reporting_interruption
from dovtab.engine.reading.values import SqlValue
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError, ArgumentError, DovtabError, Interrupted
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
    check_allowed(account)
    name = default_name(account)
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
    check_allowed(account)
    name = default_name(account)
    request = tag_request(acts, by_tag, tag_name, type, attributes, default_name=name)
    return _once(table, account, statement, request, type, attributes)


def wait(
    table: Table,
    account: Account,
    statement: Statement,
    waits: Callable[[int, int], Waits],
    parent_id: SqlValue,
    action_id: SqlValue,
    timeout_seconds: SqlValue = None,
) -> str | None:
    """Ask for an action until it is completed or errored; gives the action.

    In a rehearsal it gives NULL for the NULL that is the id of an action not started.

    An errored action is an answer, not an error.

    Args:
        waits: gives, for a Droplet and an action, what is waited for in the account
            that started it.
        timeout_seconds: NULL for ten minutes.

    Raises:
        WaitError: the time is over, or there is no such action.
    """
    if account.settings.dry_run and action_id is None:
        # In a rehearsal there is nothing to wait for.
        return None
    ids, seconds = _wait_arguments(table, account, parent_id, action_id, timeout_seconds)
    try:
        return _text(waits(*ids.values()).wait(ids, seconds, statement), "")
    finally:
        # What the statement holds of it is from before it ended.
        statement.held.invalidate(ids[table.key])


def outcome(
    table: Table,
    account: Account,
    statement: Statement,
    waits: Callable[[int, int], Waits],
    parent_id: SqlValue,
    action_id: SqlValue,
    timeout_seconds: SqlValue = None,
) -> str | None:
    """The same as a word, so that a batch with one that fails goes on.

    Gives ``completed`` or ``errored``, ``timeout``, ``missing`` or ``failed: `` and why;
    NULL for a NULL, which is what an action that was not started has for an id.

    Raises:
        ArgumentError: an argument is wrong.
        Interrupted: somebody stopped it.
    """
    if parent_id is None or action_id is None:
        return None
    ids, seconds = _wait_arguments(table, account, parent_id, action_id, timeout_seconds)
    try:
        end = waits(*ids.values()).end(ids, seconds, statement)
    except Interrupted:
        raise
    except DovtabError as error:
        return f"failed: {error}"
    finally:
        statement.held.invalidate(ids[table.key])
    if end.action is not None and table.reads.ended is not None:
        return str(end.action[table.reads.ended[0]])
    return f"failed: {end.error}" if end.kind == "failed" else end.kind


def reconcile(table: Table, accounts: Sequence[Account]) -> str:
    """Look for what became of the log's actions of which nobody knows that.

    Gives a JSON object: how many are ``inferred`` now, how many stay ``unknown``, and how
    many are another account's, ``elsewhere``.

    Raises:
        LogError: there is no log, or it cannot be used.
        Interrupted: somebody stopped it.
    """
    check_allowed(accounts[0])
    return _text(dict(Reconciliation(table, accounts).run()), "")


def _wait_arguments(
    table: Table,
    account: Account,
    parent_id: SqlValue,
    action_id: SqlValue,
    timeout_seconds: SqlValue,
) -> tuple[dict[str, int], float]:
    check_allowed(account)
    seconds = _seconds(timeout_seconds)
    parent, item = table.key, table.reads.item[0]
    return {parent: positive_id(parent, parent_id), item: positive_id(item, action_id)}, seconds


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
    if account.interrupted():
        # Between two functions of a row nobody else looks.
        raise not_sent(request)
    _check_reach(table, account, statement, post)
    if account.settings.dry_run:
        return _rehearse(table, account, statement, post)
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


def _check_reach(table: Table, account: Account, statement: Statement, post: Post) -> None:
    reach = statement.reach.with_more(post.type, targets_of(table, account, post))
    permit(table, account, reach, statement.reach)
    statement.reach = reach


def _rehearse(table: Table, account: Account, statement: Statement, post: Post) -> Json:
    if statement.targets is None:
        statement.targets = known_targets(table, account)
    account.posts.add(post)
    rehearse(table, post, statement.targets)
    request = post.request
    return {"method": request.operation.method, "path": request.path, "body": request.body}


def _interruption(account: Account, post: Post) -> Interrupted:
    if post.sent_at is None:
        post.ended("refused", "interrupted before it was sent")
        return not_sent(post.request)
    return account.abandoned(post.request, post.exchange)


def _seconds(value: SqlValue) -> float:
    if value is None:
        return WAIT_SECONDS
    if isinstance(value, int | float) and 0 <= value <= 86_400:
        return float(value)
    raise ArgumentError(f"timeout_seconds must be a number from 0 to 86400, not {shown(value)}")


def _text(value: Json, may_have_run: str) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        error = AnswerError(f"the answer is nested too deeply{may_have_run}")
        error.outcome = "unknown" if may_have_run else None
        raise error from None
