"""Which POST comes after which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.exchange import Request
from dovtab.engine.acting.order import before, outcomes, stages, undertaken, went_well
from dovtab.engine.acting.posts import Outcome, Post, Started
from dovtab.resources import DROPLET_ACTIONS

ACTS = DROPLET_ACTIONS.acts
assert ACTS is not None
assert ACTS.by_tag is not None
ONE, MANY = ACTS.post, ACTS.by_tag.post
BODY = {"type": "reboot"}


def on(droplet: int) -> Post:
    return Post(Request(ONE, {"droplet_id": droplet}, body=BODY), DROPLET_ACTIONS)


def by_tag(targets: Sequence[int] | None = None) -> Post:
    request = Request(MANY, query={"tag_name": "web"}, body=BODY)
    known = None if targets is None else frozenset(targets)
    return Post(request, DROPLET_ACTIONS, targets=known)


def done(post: Post, outcome: Outcome, *parents: int) -> Post:
    """It is known what has become of it."""
    if outcome in ("sent", "inferred"):
        started = [Started(id, 1000 * id + 1, outcome) for id in parents or [post.parent or 1]]
        post.ended(outcome, None, started)
    else:
        post.ended(outcome, "because")
    return post


# A Droplet's number, or what has the tag; None: nobody has looked.
one = st.integers(1, 4).map(on)
tag_known = st.frozensets(st.integers(1, 4)).map(lambda ids: by_tag(sorted(ids)))
tag_unknown = st.builds(by_tag)
counted = st.lists(one | tag_known, max_size=12)
uncounted = st.lists(one | one | tag_unknown, max_size=12)


def touches(post: Post) -> set[int]:
    if post.parent is not None:
        return {post.parent}
    return {1, 2, 3, 4} if post.targets is None else set(post.targets)


@given(posts=counted | uncounted)
def test_nothing_is_lost_or_doubled_and_one_droplet_s_go_in_their_order(
    posts: list[Post],
) -> None:
    number = {post: n for n, post in enumerate(posts)}
    sent: list[int] = []
    for chains in stages(posts):
        stage = [post for chain in chains for post in chain]
        # A stage has one POST by tag, or none: then a chain for each Droplet.
        assert len(stage) == 1 or not any(post.by_tag for post in stage)
        assert len({chain[0].parent for chain in chains}) == len(chains)
        for chain in chains:
            numbers = [number[post] for post in chain]
            assert numbers == sorted(numbers)
            assert len({post.parent for post in chain}) == 1
        # All of it comes after all of the stages before.
        assert min(number[post] for post in stage) > max(sent, default=-1)
        sent += [number[post] for post in stage]
    assert sorted(sent) == list(range(len(posts)))


@given(posts=counted | uncounted)
def test_a_post_comes_after_the_last_one_on_each_of_its_droplets(posts: list[Post]) -> None:
    found = before(posts)
    assert list(found) == posts
    number = {post: n for n, post in enumerate(posts)}
    for n, post in enumerate(posts):
        last = {
            max((m for m in range(n) if droplet in touches(posts[m])), default=None)
            for droplet in touches(post)
        }
        earlier = {number[p] for p in found[post]}
        assert len(found[post]) == len(earlier)
        assert all(m < n for m in earlier)
        assert last - {None} <= earlier
        if post.parent is not None or post.targets:
            assert last - {None} == earlier


def test_by_tag_that_nobody_counted_comes_after_one_like_it_too() -> None:
    """What lies between them is on one of the Droplets that may have the tag."""
    first, between, last = by_tag(), on(5), by_tag()
    assert set(before([first, between, last])[last]) == {first, between}


@given(posts=counted | uncounted, data=st.data())
def test_what_was_undertaken_goes_back_past_what_was_not_sent(
    posts: list[Post], data: st.DataObject
) -> None:
    for post in posts:
        outcome: Any = data.draw(st.sampled_from(["sent", "refused", "unknown", "inferred"]))
        done(post, outcome, *sorted(touches(post)))
    found = before(posts)

    def expected(post: Post, later: Post) -> set[Started]:
        tried: set[Started] = set()
        for earlier in found[post]:
            refused = earlier.outcome == "refused"
            tried |= expected(earlier, later) if refused else {*outcomes(earlier, later)}
        return tried

    for post in posts:
        tried = list(undertaken(post, found))
        assert set(tried) == expected(post, post)
        assert all(one.outcome != "refused" for one in tried)


def test_a_long_chain_that_was_refused_is_gone_back_along() -> None:
    first = done(on(1), "sent")
    posts = [first, *(done(on(1), "refused") for _ in range(3000)), on(1)]
    assert list(undertaken(posts[-1], before(posts))) == [*first.started]


def test_what_was_refused_is_gone_back_past_once() -> None:
    """Forty Droplets between two tags are forty ways back, and there may be more such tags."""
    everyone = range(1, 41)
    first = done(by_tag(everyone), "sent", *everyone)
    posts = [first]
    for _ in range(8):
        posts += [done(on(id), "refused") for id in everyone]
        posts.append(done(by_tag(everyone), "refused"))
    posts.append(by_tag(everyone))
    assert list(undertaken(posts[-1], before(posts))) == [*first.started]


S: Outcome = "sent"


@pytest.mark.parametrize(
    ("earlier", "later", "parents"),
    [
        (done(on(1), S), on(1), [1]),
        (done(by_tag([1, 2]), S, 1, 2), on(1), [1]),
        (done(by_tag([1, 2]), S, 1), on(2), []),
        (done(by_tag([1, 2, 3]), S, 1, 2, 3), by_tag([2, 3, 4]), [2, 3]),
        (done(by_tag(), S, 1, 2), by_tag(), [1, 2]),
        (done(on(1), S), by_tag([1, 2]), [1]),
    ],
)
def test_of_a_tag_what_matters_is_what_the_later_one_touches(
    earlier: Post, later: Post, parents: list[int]
) -> None:
    assert [one.parent for one in outcomes(earlier, later)] == parents


def test_of_a_tag_that_is_in_part_unknown_each_droplet_has_its_own_outcome() -> None:
    tag = by_tag([1, 2])
    tag.ended("unknown", "lost", [Started(1, 5, "inferred"), Started(2, None, "unknown", "x")])
    well = {id: [went_well(one) for one in outcomes(tag, on(id))] for id in (1, 2, 3)}
    assert well == {1: [True], 2: [False], 3: [False]}
