"""In which order a transaction's POSTs go, and what each of them comes after.

Distinct Droplets go at once, one Droplet's actions in their order. By tag many a
Droplet's turn it is: such a POST waits for all before it, and all after it wait
for it. What comes after an action that failed is not sent, unless it says so.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from dovtab.engine.acting.posts import Post, Started

Chain = list[Post]


def stages(posts: Iterable[Post]) -> Iterator[list[Chain]]:
    """What may go at once, one stage after the other: chains of POSTs, one for each Droplet."""
    for by_tag, some in groupby(posts, lambda post: post.by_tag):
        if by_tag:
            yield from ([[post]] for post in some)
            continue
        chains: dict[int | None, Chain] = {}
        for post in some:
            chains.setdefault(post.parent, []).append(post)
        yield list(chains.values())


def before(posts: Iterable[Post]) -> dict[Post, Sequence[Post]]:
    """Of each POST those that it comes after: the last one on each of its Droplets.

    If nobody knows what has a tag, that may be any Droplet.
    """
    found: dict[Post, Sequence[Post]] = {}
    last: dict[int, Post] = {}
    anywhere: Post | None = None
    for post in posts:
        if post.parent is not None:
            touched: Iterable[int] = [post.parent]
        else:
            touched = last.keys() if post.targets is None else post.targets
        earlier = [last.get(id, anywhere) for id in touched]
        if post.by_tag and (post.targets is None or not earlier):
            earlier.append(anywhere)
        found[post] = list(dict.fromkeys(one for one in earlier if one is not None))
        last |= dict.fromkeys(list(touched), post)
        if post.by_tag and post.targets is None:
            anywhere = post
    return found


def outcomes(earlier: Post, later: Post) -> Sequence[Started]:
    """What has become of a POST, as far as it matters to one that comes after it."""
    if later.parent is not None:
        its = [later.parent]
    elif later.targets is not None:
        its = sorted(later.targets)
    else:
        return earlier.outcomes()
    if earlier.parent is not None:
        return earlier.outcomes()
    known = {one.parent: one for one in earlier.started}
    if earlier.outcome in ("sent", "inferred", "dry-run"):
        # What had no part in it has nothing to wait for.
        return [known[id] for id in its if id in known]
    failed = [Started(None, None, earlier.outcome, earlier.error)]
    return [known.get(id, failed[0]) for id in its]


def undertaken(post: Post, before: Mapping[Post, Sequence[Post]]) -> Iterator[Started]:
    """What has been tried before it; for a POST that was not sent, what came before that one."""
    # Each but once, and not by recursion: a long transaction may have been refused whole.
    to_look_at, seen = [*before[post]], set(before[post])
    for earlier in to_look_at:
        if earlier.outcome == "refused":
            further = [one for one in before[earlier] if one not in seen]
            to_look_at += further
            seen.update(further)
        else:
            yield from outcomes(earlier, post)


def went_well(one: Started) -> bool:
    """Whether an action was started, or would be if this were no rehearsal."""
    return one.outcome in ("sent", "inferred", "dry-run")
