"""Sending what a transaction has asked for.

Distinct Droplets at once, one Droplet's actions in their order: what follows an
action that failed is not sent. By tag nobody knows beforehand whose turn it is,
so such a POST waits for all before it, and all after it wait for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from threading import Event

from dovtab.engine.account import Account
from dovtab.engine.acting.delivery import deliver
from dovtab.engine.acting.posts import Post
from dovtab.engine.call import Call
from dovtab.engine.interruption import reporting_interruption
from dovtab.errors import ActionsError, DovtabError, Interrupted, NetworkError
from dovtab.resources import Table

_SHOWN = 3
_INTERRUPTED = "interrupted while actions were sent: what was sent stays sent, see dovtab_posts"
Chain = list[Post]


def send(table: Table, account: Account, posts: list[Post]) -> None:
    """Send them all, as far as one does not depend on another that failed.

    In a dry run they are only written down.

    Raises:
        ActionsError: some were not sent, or nobody knows.
        Interrupted: somebody stopped it; what was not sent yet is not.
    """
    if account.settings.dry_run:
        for post in posts:
            post.ended("dry-run")
        return
    if account.interrupted():
        # Nobody looks before the first thread is started, and then some would be sent.
        for post in posts:
            post.ended("refused", "interrupted before it was sent")
        raise Interrupted("interrupted before anything was sent: see dovtab_posts")
    failures: list[DovtabError] = []
    for chains in _stages(posts):
        _send_chains(table, account, chains, failures)
    if failures:
        raise _error(posts, failures)


def _stages(posts: Iterable[Post]) -> Iterator[deque[Chain]]:
    """What may go at once: chains of posts, one for each Droplet."""
    for by_tag, some in groupby(posts, lambda post: post.by_tag):
        if by_tag:
            yield from (deque([[post]]) for post in some)
            continue
        chains: dict[int | None, Chain] = {}
        for post in some:
            chains.setdefault(post.parent, []).append(post)
        yield deque(chains.values())


def _send_chains(
    table: Table, account: Account, chains: deque[Chain], failures: list[DovtabError]
) -> None:
    def work(cancelled: Event) -> None:
        while chains:
            try:
                chain = chains.popleft()
            except IndexError:
                return
            _send_chain(table, account, chain, cancelled, failures)

    calls = [Call(work) for _ in range(min(account.settings.concurrency, len(chains)))]
    try:
        with reporting_interruption(lambda: Interrupted(_INTERRUPTED)):
            for call in _start(calls):
                account.wait_for(call)
    finally:
        for call in calls:
            call.release()


def _start(calls: list[Call[None]]) -> list[Call[None]]:
    """As many as the system has threads for; one is enough, it only takes longer."""
    for n, call in enumerate(calls):
        try:
            call.start()
        except NetworkError:
            if n == 0:
                raise
            return calls[:n]
    return calls


def _send_chain(
    table: Table,
    account: Account,
    chain: Chain,
    cancelled: Event,
    failures: list[DovtabError],
) -> None:
    for n, post in enumerate(chain):
        if cancelled.is_set():
            post.ended("refused", "interrupted before it was sent")
            continue
        try:
            deliver(table, account, post, cancelled)
        except DovtabError as error:
            failures.append(error)
            why = f"not sent: an action before it on this {table.noun} failed"
            for later in chain[n + 1 :]:
                later.ended("refused", why)
            return


def _error(posts: list[Post], failures: list[DovtabError]) -> ActionsError:
    counts = Counter(post.outcome for post in posts)
    told = "; ".join(map(str, failures[:_SHOWN]))
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    inferred = f" {counts['inferred']} inferred," if counts["inferred"] else ""
    summary = (
        f"{len(posts)} actions: {counts['sent']} sent,{inferred} {counts['refused']} refused,"
        f" {counts['unknown']} unknown; what was sent stays sent, and dovtab_posts has all of"
        " them: "
    )
    return ActionsError(
        f"{summary if len(posts) > 1 else ''}{told}{more}",
        sent=counts["sent"],
        inferred=counts["inferred"],
        refused=counts["refused"],
        unknown=counts["unknown"],
    )
