"""Sending what a transaction has asked for.

First all of it is counted, and in a rehearsal looked up; then it goes, distinct
Droplets at once, as `order` says, each when what it comes `after` lets it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from threading import Event

from dovtab.engine.account import Account
from dovtab.engine.acting.after import ENDED, MOST_REFUSALS, After
from dovtab.engine.acting.delivery import deliver
from dovtab.engine.acting.order import Chain, before, stages, went_well
from dovtab.engine.acting.permission import (
    check_can_wait,
    check_targets,
    known_targets,
    permit,
    rehearse,
    targets_of,
)
from dovtab.engine.acting.posts import Post
from dovtab.engine.acting.reach import Reach, Target
from dovtab.engine.acting.schedule import Task, run_all
from dovtab.engine.interruption import reporting_interruption
from dovtab.engine.statement import Statement
from dovtab.errors import ActionsError, APIError, DovtabError, Interrupted, NetworkError
from dovtab.resources import Table

_SHOWN = 3
_NOT_SENT = "interrupted before it was sent"


def send(table: Table, account: Account, posts: list[Post], statement: Statement) -> None:
    """Send them all, as far as one does not depend on another that failed.

    In a dry run they are only looked up and written down.

    Args:
        statement: that commits; it can tell how far it is.

    Raises:
        TooManyActionsError: it is more than is allowed; nothing was sent.
        ActionsError: some were not sent, or nobody knows.
        Interrupted: somebody stopped it; what was not sent yet is not.
    """
    statement.progress = lambda: f"actions: 0 of {len(posts)}"
    try:
        _send(table, account, posts, statement)
    finally:
        statement.progress = None


def _send(table: Table, account: Account, posts: list[Post], statement: Statement) -> None:
    try:
        targets = _prepare(table, account, posts)
    except BaseException as error:
        for post in posts:
            post.ended("refused", str(error) or _NOT_SENT)
        raise
    transaction = _Sending(table, account, posts, targets)
    statement.progress = transaction.progress
    to_send = list(stages(posts))
    try:
        with reporting_interruption(lambda: _interrupted(posts)):
            while to_send:
                # Tasks that were begun say for themselves what came of theirs.
                chains = to_send.pop(0)
                try:
                    run_all(account, [transaction.task(chain) for chain in chains])
                except NetworkError:  # Not one thread is left: none was begun.
                    to_send.insert(0, chains)
                    raise
    except BaseException as error:
        why = error if isinstance(error, NetworkError) else _NOT_SENT
        for post in (post for chains in to_send for chain in chains for post in chain):
            post.ended("refused", why)
        raise
    if not all(went_well(one) for post in posts for one in post.outcomes()):
        raise _error(posts, transaction.failures)


def _prepare(
    table: Table, account: Account, posts: Sequence[Post]
) -> Mapping[int, Target] | str:
    """See that all of it may be sent; gives what there is, if it is a rehearsal."""
    if account.interrupted():
        # Nobody looks before the first thread is started, and then some would be sent.
        raise Interrupted("interrupted before anything was sent: see dovtab_posts")
    reach = Reach()
    for post in posts:
        reach.add(post.type, targets_of(table, account, post))
    permit(table, account, reach)
    if account.settings.dry_run:
        return known_targets(table, account)
    check_can_wait(table, account, posts)
    return {}


class _Sending:
    def __init__(
        self,
        table: Table,
        account: Account,
        posts: Sequence[Post],
        targets: Mapping[int, Target] | str,
    ) -> None:
        self.failures: list[str] = []
        self._table = table
        self._account = account
        self._posts = posts
        self._targets = targets
        self._before = before(posts)
        self._done = 0

    def progress(self) -> str:
        return f"actions: {self._done} of {len(self._posts)}"

    def task(self, chain: Chain) -> Task:
        return lambda cancelled: self._send(chain, cancelled)

    def _send(self, chain: Chain, cancelled: Event) -> Iterator[float]:
        after = After(self._table, self._account, self._before, cancelled)
        for post in chain:
            problem = yield from after.ready(post)
            if cancelled.is_set():
                problem = _NOT_SENT
            if problem is not None:
                post.ended("refused", problem)
                if post.after is not None:
                    self.failures.append(f"{post.request}: {problem}")
            else:
                yield from self._deliver(after, post, cancelled)
            self._done += 1

    def _deliver(self, after: After, post: Post, cancelled: Event) -> Iterator[float]:
        for refused in range(MOST_REFUSALS):
            try:
                self._deliver_once(post, cancelled)
                return
            except DovtabError as error:
                # It has not run; and whoever comes after something is perhaps too early.
                is_early = isinstance(error, APIError) and error.status == 422 and post.after
                may_go_again = refused < MOST_REFUSALS - 1 and not cancelled.is_set()
                if not (is_early and may_go_again and after.is_locked(post)):
                    self.failures.append(str(error))
                    return
            yield from after.again(refused)

    def _deliver_once(self, post: Post, cancelled: Event) -> None:
        if self._account.settings.dry_run:
            waits = post.after == ENDED or bool(post.after and self._before[post])
            rehearse(self._table, post, self._targets, waits=waits)
            return
        if post.by_tag and self._before[post]:
            check_targets(self._table, self._account, post, cancelled)
        deliver(self._table, self._account, post, cancelled)


def _interrupted(posts: Sequence[Post]) -> Interrupted:
    """The error for a COMMIT that was stopped: what it leaves undone may leave a machine off."""
    left = [f"{p.type} on {p.parent or p.tag_name}" for p in posts if p.sent_at is None]
    more = ", ..." if len(left) > _SHOWN else ""
    undone = f"; not sent: {len(left)} ({', '.join(left[:_SHOWN])}{more})" if left else ""
    return Interrupted(
        "interrupted while actions were sent: what was sent stays sent, see dovtab_posts"
        + undone
    )


def _error(posts: Sequence[Post], failures: list[str]) -> ActionsError:
    counts = Counter(one.outcome for post in posts for one in post.outcomes())
    told_of = {one.error for post in posts for one in post.started if one.outcome == "refused"}
    failures = failures or sorted(error for error in told_of if error)
    told = "; ".join(failures[:_SHOWN])
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    inferred = f" {counts['inferred']} inferred," if counts["inferred"] else ""
    summary = (
        f"{counts.total()} actions: {counts['sent']} sent,{inferred} {counts['refused']} refused,"
        f" {counts['unknown']} unknown; what was sent stays sent, and dovtab_posts has all of"
        " them: "
    )
    if counts["dry-run"]:
        summary = (
            f"a rehearsal of {counts.total()} actions: {counts['dry-run']} would be sent,"
            f" {counts['refused']} refused; dovtab_posts has all of them: "
        )
    return ActionsError(
        f"{summary if counts.total() > 1 else ''}{told}{more}",
        sent=counts["sent"],
        inferred=counts["inferred"],
        refused=counts["refused"],
        unknown=counts["unknown"],
    )
