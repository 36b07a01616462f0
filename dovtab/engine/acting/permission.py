"""Whether so much may be acted on, and in a rehearsal whether it could be.

What has a tag is looked up and counted before anything is sent. All of this is done
in the thread that belongs to SQLite, which an interrupt can stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Event
from typing import TypeVar

from dovtab.api.exchange import Request
from dovtab.engine.account import Account
from dovtab.engine.acting.lists import Lists
from dovtab.engine.acting.posts import NOT_LOOKED_UP, Post, Started
from dovtab.engine.acting.reach import Reach, Target
from dovtab.engine.acting.targets import all_targets, tagged
from dovtab.engine.interruption import not_sent, reporting_interruption
from dovtab.errors import (
    APIError,
    ArgumentError,
    DovtabError,
    Interrupted,
    NotAllowedError,
    TooManyActionsError,
)
from dovtab.resources import Table

T = TypeVar("T")


def targets_of(table: Table, account: Account, post: Post) -> Iterable[Target]:
    """What a POST would act on; by tag that is looked up, if anybody counts.

    Raises:
        TooManyActionsError: it cannot be looked up, and so not be counted.
        Interrupted: somebody stopped it.
    """
    if post.parent is not None:
        return [Target(post.parent, str(post.parent))]
    settings, tag_name = account.settings, post.tag_name
    if not settings.max_actions:
        return []
    assert tag_name is not None
    try:
        found = _look_up(account, post, lambda lists: tagged(table, lists, tag_name), table)
    except Interrupted:
        raise
    except DovtabError as error:
        raise TooManyActionsError(
            f"not sent: what has the tag cannot be counted, and max_actions="
            f"{settings.max_actions} is the limit: {error}; without a limit (max_actions=0)"
            " it is not counted"
        ) from None
    post.targets = frozenset(found)
    return found.values()


def permit(table: Table, account: Account, reach: Reach, done: Reach | None = None) -> None:
    """See that it is not too much, or that somebody says yes to it.

    Args:
        done: what of it was done already, if it is done one after the other.

    Raises:
        TooManyActionsError: it is, and nobody does.
        Interrupted: somebody stopped it.
    """
    limit, confirm = account.settings.max_actions, account.confirm
    if not reach.is_over(limit):
        return
    # A rehearsal starts nothing that somebody could agree to.
    if confirm is not None and not account.settings.dry_run:
        if confirm(done.question_to_go_on() if done else _question(table, account, reach)):
            reach.allowed = True
            return
        raise TooManyActionsError(f"{done.stopped if done else 'not sent'}: you said no")
    if done:
        raise TooManyActionsError(f"{done.stopped}; {done.goes_on(table.noun, limit)}")
    raise TooManyActionsError(f"not sent: {reach.refusal(table.noun, limit)}")


def _question(table: Table, account: Account, reach: Reach) -> str:
    found = known_targets(table, account)
    return reach.question(found if isinstance(found, Mapping) else {})


def check_can_wait(table: Table, account: Account, posts: Iterable[Post]) -> None:
    """See that what an action comes after can be asked for, before a machine is off for it.

    Raises:
        NotAllowedError: the token may not.
        Interrupted: somebody stopped it.
    """
    listed = table.reads.list
    waiting = [p for p in posts if p.after is not None and p.parent is not None]
    if not waiting or listed is None:
        return
    request = Request(listed, {table.key: waiting[0].parent or 0})
    try:
        _look_up(account, None, lambda lists: next(lists.read(request)), table)
    except APIError as error:
        if error.status in (401, 403):
            raise NotAllowedError(
                f"not sent: what comes after something has to ask whether that has ended: {error}"
            ) from None
    except Interrupted:
        raise
    except DovtabError:
        # That may pass; whoever waits asks again and again.
        return


def check_targets(table: Table, account: Account, post: Post, cancelled: Event) -> None:
    """Count once more what has a tag, after something else was waited for; in a call's thread.

    Raises:
        TooManyActionsError: something has it now that was not counted.
        DovtabError: it cannot be counted.
    """
    tag_name = post.tag_name
    if post.targets is None or tag_name is None:
        return
    try:
        more = tagged(table, Lists(table, account, cancelled), tag_name).keys() - post.targets
        if more:
            raise TooManyActionsError(
                f"{post.request}: not sent: {len(more)} more {table.noun}s have the tag than"
                f" were counted, such as {min(more)}"
            )
    except DovtabError as error:
        post.ended("refused", error)
        raise


def known_targets(table: Table, account: Account) -> Mapping[int, Target] | str:
    """All that can be acted on; or why nobody could be asked.

    Raises:
        Interrupted: somebody stopped it.
    """
    owners = table.owners
    if owners is None:
        return "there is no list of them"
    try:
        return _look_up(account, None, lambda lists: all_targets(owners, lists), table)
    except Interrupted:
        raise
    except DovtabError as error:
        return str(error)


def rehearse(
    table: Table, post: Post, targets: Mapping[int, Target] | str, *, waits: bool = False
) -> None:
    """See whether what a POST acts on is there and not locked, and let its record say so.

    Args:
        waits: whether it comes after something: until then a lock may be gone.

    Raises:
        ArgumentError: it is not.
    """
    if isinstance(targets, str):
        post.ended("dry-run", f"{NOT_LOOKED_UP}{targets}")
        return
    ids = [post.parent] if post.parent is not None else sorted(post.targets or ())
    found = [_rehearsed(table, targets, id, locks=not waits) for id in ids]
    if not found:
        post.ended(
            "dry-run", "not counted" if post.targets is None else f"no {table.noun} has the tag"
        )
        return
    problem = next((one.error for one in found if one.error), None)
    post.ended("refused" if problem else "dry-run", problem, found)
    if problem is not None:
        refused = ArgumentError(f"{post.request}: {problem}")
        refused.outcome = "refused"
        raise refused


def _rehearsed(table: Table, targets: Mapping[int, Target], id: int, *, locks: bool) -> Started:
    if id not in targets:
        return Started(id, None, "refused", f"there is no {table.noun} {id}")
    if targets[id].locked and locks:
        why = f"{targets[id].name} is locked: an action is in progress on it"
        return Started(id, None, "refused", why)
    return Started(id, None, "dry-run")


def _look_up(
    account: Account, post: Post | None, look: Callable[[Lists], T], table: Table
) -> T:
    with reporting_interruption(lambda: _interrupted(post)):
        return account.run(lambda cancelled: look(Lists(table, account, cancelled)))


def _interrupted(post: Post | None) -> Interrupted:
    if post is None:
        return Interrupted("interrupted before anything was sent")
    return not_sent(post.request)
