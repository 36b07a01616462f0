"""How much is acted on: Droplets are counted, not actions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dovtab.engine.acting.reach import Reach, Target

some = st.lists(
    st.tuples(st.sampled_from(["snapshot", "reboot"]), st.lists(st.integers(1, 6), max_size=4)),
    max_size=8,
)


def target(id: int) -> Target:
    return Target(id, f"web-{id:02}")


@given(acted=some, limit=st.integers(0, 7))
def test_a_droplet_counts_once_whatever_is_done_to_it(
    acted: list[tuple[str, list[int]]], limit: int
) -> None:
    added, grown = Reach(), Reach()
    for type, ids in acted:
        added.add(type, map(target, ids))
        before = grown.is_over(limit)
        grown = grown.with_more(type, map(target, ids))
        assert grown.is_over(limit) or not before
    distinct = {id for _, ids in acted for id in ids}
    for reach in (added, grown):
        assert reach.is_over(limit) == (limit > 0 and len(distinct) > limit)
        assert reach.shown == list(dict.fromkeys(i for _, ids in acted for i in ids))[:3]


def test_one_more_is_counted_beside_what_was_there() -> None:
    """A call that is refused has not happened."""
    reach = Reach()
    reach.add("reboot", [target(1)])
    more = reach.with_more("reboot", [target(2)])
    assert (reach.is_over(1), more.is_over(1)) == (False, True)
    assert "2 actions: reboot 2 on 2 Droplets" in more.refusal("Droplet", 1)
    assert "1 action: reboot 1 on 1 Droplets" in reach.refusal("Droplet", 1)


def test_a_yes_holds_for_what_comes_after_it() -> None:
    reach = Reach()
    reach.add("reboot", [target(1), target(2)])
    reach.allowed = True
    assert not reach.with_more("reboot", [target(3)]).is_over(1)


def test_the_question_names_three_by_the_names_that_are_known() -> None:
    reach = Reach()
    reach.add("snapshot", [Target(1, "1"), Target(2, "2"), target(3)])
    assert reach.question({1: target(1)}) == (
        "This starts 3 actions: snapshot 3, on web-01, 2, web-03. Go on? [y/N] "
    )
    reach.add("reboot", [target(4)])
    assert reach.question({}).endswith(
        "snapshot 3, reboot 1, on 1, 2, web-03 and 1 more. Go on? [y/N] "
    )
