"""Starting actions, and waiting for them.

The one rule: a POST is sent once. What went wrong is told as it is; where it
may have run although no answer says so, the error says that too.

Every function gives JSON text, as SQLite's own JSON functions do.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from dovtab.api.exchange import MAY_HAVE_RUN, Json, Request
from dovtab.engine import commit
from dovtab.engine.account import Account, not_sent
from dovtab.engine.action_request import droplet_request, positive_id, shown, tag_request
from dovtab.engine.delivery import deliver
from dovtab.engine.flight import Flight
from dovtab.engine.posts import Post
from dovtab.engine.statement import Statement
from dovtab.engine.values import SqlValue
from dovtab.engine.waits import Waits
from dovtab.errors import (
    AnswerError,
    ArgumentError,
    Interrupted,
    NotAllowedError,
)
from dovtab.resources import Resource

WAIT_SECONDS = 600.0


def post(
    resource: Resource,
    account: Account,
    statement: Statement,
    droplet_id: SqlValue,
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
    request = droplet_request(
        resource, droplet_id, type, attributes, default_name=_name(account)
    )
    key = request.path, type, attributes
    return _once(resource, account, statement, request, key)


def post_by_tag(
    resource: Resource,
    account: Account,
    statement: Statement,
    tag_name: SqlValue,
    type: SqlValue,
    attributes: SqlValue = None,
) -> str:
    """Start an action on every Droplet of a tag; gives an array of actions.

    Raises:
        As `post`.
    """
    _check_allowed(account)
    request = tag_request(resource, tag_name, type, attributes, default_name=_name(account))
    key = request.path, type, attributes
    return _once(resource, account, statement, request, key)


def row_request(
    resource: Resource, account: Account, rowid: int | None, row: dict[str, SqlValue]
) -> Request:
    """The POST that an inserted row asks for.

    Args:
        row: its values, by column.

    Raises:
        NotAllowedError: acting is off.
        ArgumentError: a value is wrong, or one is given that is the API's to say.
    """
    _check_allowed(account)
    parent, (tag, attributes) = resource.parent[0], resource.for_acting
    given = {name for name, value in row.items() if value is not None}
    others = sorted(given - {parent, tag, attributes, "type"})
    if others or rowid is not None:
        raise ArgumentError(
            f"an action is started by INSERT INTO {resource.name}({parent}, type, {attributes})"
            f" or ({tag}, type, {attributes}); {others[0] if others else 'rowid'} is the"
            " API's to say"
        )
    if (parent in given) == (tag in given):
        raise ArgumentError(f"an action needs a {parent} or a {tag}, one of them")
    target = row[parent] if parent in given else row[tag]
    make = droplet_request if parent in given else tag_request
    return make(resource, target, row["type"], row[attributes], default_name=_name(account))


def send(resource: Resource, account: Account, requests: list[Request]) -> None:
    """Send what a transaction has asked for; in a dry run only write it down.

    Raises:
        DovtabError: not all of it was sent.
        Interrupted: somebody stopped it.
    """
    posts = [account.posts.add(request) for request in requests]
    if account.settings.dry_run:
        for post in posts:
            post.ended("dry-run")
    else:
        commit.send(resource, account, posts)


def wait(
    resource: Resource,
    account: Account,
    waits: Waits,
    droplet_id: SqlValue,
    action_id: SqlValue,
    timeout_seconds: SqlValue = None,
) -> str:
    """Ask for an action until it is completed or errored; gives the action.

    An errored action is an answer, not an error.

    Args:
        timeout_seconds: NULL for ten minutes.

    Raises:
        WaitError: the time is over, or there is no such action.
    """
    _check_allowed(account)
    seconds = _seconds(timeout_seconds)
    request = Request(
        resource.get,
        {
            resource.parent[0]: positive_id(resource.parent[0], droplet_id),
            resource.item[0]: positive_id(resource.item[0], action_id),
        },
    )
    return _text(waits.wait(request, seconds))


def _once(
    resource: Resource,
    account: Account,
    statement: Statement,
    request: Request,
    key: tuple[object, ...],
) -> str:
    if key not in statement.once:
        statement.once[key] = _text(_send(resource, account, statement, request))
    return statement.once[key]


def _send(resource: Resource, account: Account, statement: Statement, request: Request) -> Json:
    """The JSON value that a function gives."""
    if account.settings.dry_run:
        account.posts.add(request).ended("dry-run")
        method = request.operation.method
        return {"method": method, "path": request.path, "body": request.body}
    if account.interrupted():
        # Between two functions of a row nobody else looks.
        raise not_sent(request)
    statement.spend(account.settings.max_requests, acts=True)
    post = account.posts.add(request)
    flight = Flight(lambda cancelled: deliver(resource, account, post, cancelled))
    try:
        flight.start()
        actions = account.wait_for(flight)
    except Interrupted:
        # Given up first: what has not left by now never will.
        flight.leave()
        raise _interruption(account, post) from None
    except KeyboardInterrupt as pressed:
        flight.leave()
        pressed.add_note(str(_interruption(account, post)))
        raise
    return actions if request.operation is resource.post_by_tag else actions[0]


def _interruption(account: Account, post: Post) -> Interrupted:
    if post.sent_at is None:
        post.ended("refused", "interrupted before it was sent")
        return not_sent(post.request)
    return account.interruption(post.request, post.exchange)


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


def _name(account: Account) -> str:
    moment = datetime.fromtimestamp(account.clock.time(), UTC)
    return f"dovtab-{moment:%Y%m%dT%H%M%SZ}"


def _text(value: Json) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise AnswerError(f"the answer is nested too deeply{MAY_HAVE_RUN}") from None
