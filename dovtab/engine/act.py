"""Starting actions, and waiting for them.

The one rule: a POST is sent once. What went wrong is told as it is; where it
may have run although no answer says so, the error says that too.

Every function gives JSON text, as SQLite's own JSON functions do.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

from dovtab.api.answers import decode
from dovtab.api.exchange import MAY_HAVE_RUN, Json, Request
from dovtab.engine.account import Account
from dovtab.engine.action_request import droplet_request, positive_id, shown, tag_request
from dovtab.engine.rows import is_object
from dovtab.engine.statement import Statement
from dovtab.engine.values import SqlValue
from dovtab.errors import (
    AnswerError,
    ArgumentError,
    NotAllowedError,
    WaitError,
)
from dovtab.resources import Resource

WAIT_SECONDS = 600.0
_FIRST_PAUSE, _PAUSE_GROWTH, _LONGEST_PAUSE = 1.0, 1.5, 15.0
# An action that was just made has been seen to answer 404 for a moment.
_UNSEEN_SECONDS = 5.0


def post(
    resource: Resource,
    account: Account,
    statement: Statement,
    droplet_id: SqlValue,
    type: SqlValue,
    attributes: SqlValue = None,
) -> str:
    """Start an action on one Droplet; gives the action.

    Raises:
        NotAllowedError: acting is off.
        ArgumentError: an argument is wrong; nothing was sent.
        DovtabError: it was refused, or its outcome is not known.
    """
    _check_allowed(account)
    request = droplet_request(
        resource, droplet_id, type, attributes, default_name=_name(account)
    )
    answer = _send(resource, account, statement, request)
    action = answer.get(resource.post.answer)
    if account.settings.dry_run:
        return _text(answer)
    if not is_object(action):
        raise AnswerError(f"{request}: the answer holds no action{MAY_HAVE_RUN}")
    return _text(action)


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
    answer = _send(resource, account, statement, request)
    if account.settings.dry_run:
        return _text(answer)
    actions = answer.get(resource.post_by_tag.answer)
    # For a single Droplet the API has been seen to answer with one object.
    if actions is None and is_object(answer.get(resource.post.answer)):
        actions = [answer[resource.post.answer]]
    if not isinstance(actions, list) or not all(is_object(action) for action in actions):
        raise AnswerError(f"{request}: the answer holds no list of actions{MAY_HAVE_RUN}")
    return _text(actions)


def wait(
    resource: Resource,
    account: Account,
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
    return _text(_wait(resource, account, request, seconds))


def _wait(resource: Resource, account: Account, request: Request, seconds: float) -> Json:
    column, ended = resource.ended
    started, pause, status = account.clock.monotonic(), _FIRST_PAUSE, None
    while True:
        # A poll is bounded by time; it must not use up the statement's requests.
        left = seconds - (account.clock.monotonic() - started)
        exchange = account.ask(request, None, patience=max(left, 1.0))
        if not exchange.not_found:
            if exchange.error is not None:
                raise exchange.error
            action = decode(exchange).get(request.operation.answer)
            if not is_object(action):
                raise AnswerError(f"{request}: the answer holds no action")
            status = str(action.get(column))
            if status in ended:
                # What is known of the Droplet is from before this moment.
                account.shared().cache.forget(request.parameters[resource.parent[0]])
                return action
        waited = account.clock.monotonic() - started
        if exchange.not_found and (
            status is not None or waited >= min(_UNSEEN_SECONDS, seconds)
        ):
            raise WaitError(f"{request}: there is no such action")
        if waited >= seconds:
            raise WaitError(f"{request}: not ended after {seconds:g} s")
        account.pause(min(pause * (0.75 + random.random() / 2), seconds - waited))
        pause = min(_LONGEST_PAUSE, pause * _PAUSE_GROWTH)


def _send(
    resource: Resource, account: Account, statement: Statement, request: Request
) -> dict[str, Json]:
    if account.settings.dry_run:
        return {
            "method": request.operation.method,
            "path": request.path,
            "body": request.body,
        }
    cache = account.shared().cache
    # A Droplet in the path, or any Droplet: a tag does not say which.
    parent = request.parameters.get(resource.parent[0])
    # When it has ended, not when we stop waiting: until then nothing is certain.
    exchange = account.ask(request, statement, after=lambda: cache.forget(parent))
    if exchange.error is not None:
        if exchange.uncertain:
            exchange.error.args = (f"{exchange.error}{MAY_HAVE_RUN}",)
        raise exchange.error
    return decode(exchange)


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
