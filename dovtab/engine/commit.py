"""Sending what a transaction has asked for.

Distinct Droplets at once, one Droplet's actions in their order: what follows an
action that failed is not sent. By tag nobody knows beforehand whose turn it is,
so such a POST waits for all before it, and all after it wait for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from threading import Event

from dovtab.engine.account import Account
from dovtab.engine.delivery import deliver
from dovtab.engine.flight import Flight
from dovtab.engine.posts import Post
from dovtab.errors import ActionsError, DovtabError, Interrupted, NetworkError
from dovtab.resources import Resource

_SHOWN = 3
_INTERRUPTED = "interrupted while actions were sent: what was sent stays sent, see dovtab_posts"
Chain = list[Post]


def send(resource: Resource, account: Account, posts: list[Post]) -> None:
    """Send them all, as far as one does not depend on another that failed.

    Raises:
        ActionsError: some were not sent, or nobody knows.
        Interrupted: somebody stopped it; what was not sent yet is not.
    """
    failures: list[DovtabError] = []
    for chains in _stages(resource, posts):
        _send_chains(resource, account, chains, failures)
    if failures:
        raise _error(posts, failures)


def _stages(resource: Resource, posts: Iterable[Post]) -> Iterator[deque[Chain]]:
    """What may go at once: chains of posts, one for each Droplet."""
    for by_tag, some in groupby(posts, lambda p: p.request.operation is resource.post_by_tag):
        if by_tag:
            yield from (deque([[post]]) for post in some)
            continue
        chains: dict[int, Chain] = {}
        for post in some:
            chains.setdefault(post.request.parameters[resource.parent[0]], []).append(post)
        yield deque(chains.values())


def _send_chains(
    resource: Resource, account: Account, chains: deque[Chain], failures: list[DovtabError]
) -> None:
    def work(cancelled: Event) -> None:
        while chains:
            try:
                chain = chains.popleft()
            except IndexError:
                return
            _send_chain(resource, account, chain, cancelled, failures)

    flights = [Flight(work) for _ in range(min(account.settings.concurrency, len(chains)))]
    try:
        started = _start(flights)
        for flight in started:
            account.wait_for(flight)
    except Interrupted:
        raise Interrupted(_INTERRUPTED) from None
    except KeyboardInterrupt as pressed:
        pressed.add_note(_INTERRUPTED)
        raise
    finally:
        for flight in flights:
            flight.leave()


def _start(flights: list[Flight[None]]) -> list[Flight[None]]:
    """As many as the system has threads for; one is enough, it only takes longer."""
    for n, flight in enumerate(flights):
        try:
            flight.start()
        except NetworkError:
            if n == 0:
                raise
            return flights[:n]
    return flights


def _send_chain(
    resource: Resource,
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
            deliver(resource, account, post, cancelled)
        except DovtabError as error:
            failures.append(error)
            for later in chain[n + 1 :]:
                later.ended("refused", "not sent: an action before it on this Droplet failed")
            return


def _error(posts: list[Post], failures: list[DovtabError]) -> ActionsError:
    sent = sum(post.outcome == "sent" for post in posts)
    unknown = sum(post.outcome == "unknown" for post in posts)
    refused = len(posts) - sent - unknown
    told = "; ".join(map(str, failures[:_SHOWN]))
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    summary = (
        f"{len(posts)} actions: {sent} sent, {refused} refused, {unknown} unknown; what was"
        " sent stays sent, and dovtab_posts has all of them: "
    )
    return ActionsError(
        f"{summary if len(posts) > 1 else ''}{told}{more}",
        sent=sent,
        refused=refused,
        unknown=unknown,
    )
