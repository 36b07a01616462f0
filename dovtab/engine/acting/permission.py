"""Whether so much may be acted on, and in a rehearsal whether it could be.

What has a tag is looked up and counted before anything is sent. All of this is done
in the thread that belongs to SQLite, which an interrupt can stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Event
from typing import TypeVar

from dovtab.engine.account import Account
from dovtab.engine.acting.lists import Lists
from dovtab.engine.acting.posts import Post
from dovtab.engine.acting.reach import Reach, Target
from dovtab.engine.acting.targets import all_targets, tagged
from dovtab.engine.call import Call
from dovtab.engine.interruption import not_sent, reporting_interruption
from dovtab.errors import ArgumentError, DovtabError, Interrupted, TooManyActionsError
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
    settings, acts, tag_name = account.settings, table.acts, post.tag_name
    if not settings.max_actions:
        return []
    assert acts is not None
    assert tag_name is not None
    try:
        found = _look_up(account, post, lambda lists: tagged(acts, lists, tag_name), table)
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


def permit(table: Table, account: Account, reach: Reach) -> None:
    """See that it is not too much, or that somebody says yes to it.

    Raises:
        TooManyActionsError: it is, and nobody does.
        Interrupted: somebody stopped it.
    """
    limit, confirm = account.settings.max_actions, account.confirm
    if not reach.is_over(limit):
        return
    # A rehearsal starts nothing that somebody could agree to.
    if confirm is not None and not account.settings.dry_run:
        found = known_targets(table, account)
        if confirm(reach.question(found if isinstance(found, Mapping) else {})):
            reach.allowed = True
            return
    raise TooManyActionsError(f"not sent: {reach.refusal(table.noun, limit)}")


def known_targets(table: Table, account: Account) -> Mapping[int, Target] | str:
    """All that can be acted on; or why nobody could be asked.

    Raises:
        Interrupted: somebody stopped it.
    """
    targets = table.acts.targets if table.acts else None
    if targets is None:
        return "there is no list of them"
    try:
        return _look_up(account, None, lambda lists: all_targets(targets, lists), table)
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
        post.ended("dry-run", f"not looked up: {targets}")
        return
    problem = None
    if post.parent is not None and post.parent not in targets:
        problem = f"there is no {table.noun} {post.parent}"
    elif post.parent is not None and targets[post.parent].locked and not waits:
        problem = f"{targets[post.parent].name} is locked: an action is in progress on it"
    if problem is None:
        post.ended("dry-run")
        return
    post.ended("refused", problem)
    raise ArgumentError(f"{post.request}: {problem}")


def _look_up(
    account: Account, post: Post | None, look: Callable[[Lists], T], table: Table
) -> T:
    def run(cancelled: Event) -> T:
        return look(Lists(table, account, cancelled))

    call = Call(run)
    try:
        with reporting_interruption(lambda: _interrupted(post)):
            call.start()
            return account.wait_for(call)
    finally:
        call.release()


def _interrupted(post: Post | None) -> Interrupted:
    return (
        Interrupted("interrupted before anything was sent")
        if post is None
        else not_sent(post.request)
    )
