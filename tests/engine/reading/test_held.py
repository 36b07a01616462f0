"""What a statement has read it finds again as it was, or is told that it cannot."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.exchange import Exchange, Request
from dovtab.engine.reading.answer import Answer
from dovtab.engine.reading.held import Held
from dovtab.engine.reading.prefetch import Key
from dovtab.errors import TooManyRequestsError
from memory_account import RESOURCE, action


class Something:
    """Stands for an answer of so many rows."""

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.packed = 0

    def pack(self) -> int:
        self.packed += 1
        return self.weight


def key(n: int) -> Key:
    return "account", "droplet_actions", f"/v2/droplets/{n}/actions"


steps = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 12), st.integers(1, 9)),
    st.tuples(st.just("act"), st.none() | st.integers(1, 12), st.just(0)),
)


@given(steps=st.lists(steps, max_size=60), rows=st.integers(0, 30), room=st.integers(0, 30))
def test_it_is_found_as_it_was_or_refused_and_never_asked_for_again_in_silence(
    steps: list[tuple[str, int | None, int]], rows: int, room: int
) -> None:
    held, read = Held(rows, room), dict[int, Something]()
    for step, n, weight in steps:
        if step == "act":
            held.invalidate(n)
            for droplet in list(read) if n is None else [n]:
                read.pop(droplet, None)
            continue
        assert n is not None
        try:
            found = held.find(key(n))
        except TooManyRequestsError:
            assert n in read
            continue
        assert found is read.get(n)
        if found is None:
            read[n] = Something(weight)
            held.add(key(n), read[n], n)
    in_full = [one.weight for one in read.values() if not one.packed]
    assert len(in_full) <= 1 or sum(in_full) <= rows
    assert all(one.packed <= 1 for one in read.values())
    held.release()
    assert all(held.find(key(n)) is None for n in range(1, 13))


def test_an_answer_that_is_packed_reads_the_same() -> None:
    request = Request(RESOURCE.reads.list, {"droplet_id": 1})  # type: ignore[arg-type]
    items = [action(n, 1, region={"slug": "nyc3"}, completed_at=None) for n in range(1, 201)]
    answer = Answer(RESOURCE, Exchange(request, 0.0, body=json.dumps(
        {"actions": items, "meta": {"total": 200}}).encode()))  # fmt: skip
    page, ids, weight = answer.page(), answer.ids(), answer.weight
    assert 0 < answer.pack() < 200 * 40
    assert (answer.page(), answer.ids(), answer.weight) == (page, ids, weight)
    assert answer.pack() == answer.pack()


def test_what_there_is_not_is_held_too() -> None:
    missing = Answer(
        RESOURCE,
        Exchange(Request(RESOURCE.reads.list, {"droplet_id": 1}), 0.0, not_found=True),  # type: ignore[arg-type]
    )
    assert missing.page() is None
    assert missing.pack() == 0
    assert missing.page() is None
    held = Held()
    held.add(key(1), missing, 1)
    assert held.find(key(1)) is missing


def test_what_did_not_fit_is_told_of() -> None:
    held = Held(unpacked_rows=0, packed_bytes=0)
    for n in (1, 2):
        held.add(key(n), Something(1), n)
    with pytest.raises(TooManyRequestsError, match="comes back to /v2/droplets/1/actions"):
        held.find(key(1))
