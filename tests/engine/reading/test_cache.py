"""The cache: bounded, and never a stale answer for a Droplet that was acted on."""

from __future__ import annotations

import json
import threading
from typing import Any

from dovtab.api.exchange import Exchange, Request
from dovtab.engine.call import Call
from dovtab.engine.reading.answer import Answer
from dovtab.engine.reading.cache import Cache
from memory_account import RESOURCE, action


def answer(count: int | None) -> Answer:
    """An answer with so many rows, and read; None: there is no such thing."""
    request = Request(RESOURCE.reads.list, {"droplet_id": 1})
    exchange = Exchange(request, 0.0, not_found=count is None)
    rows = [action(n + 1, 1) for n in range(count or 0)]
    exchange.body = json.dumps({"actions": rows, "meta": {"total": count}}).encode()
    made = Answer(RESOURCE, exchange)
    made.page()
    return made


def keep(cache: Cache, path: str, count: int = 1, **more: Any) -> None:
    how: dict[str, Any] = {
        "parent": None,
        "now": 0.0,
        "immutable": False,
        "generation": cache.generation(),
    }
    cache.keep(path, answer(count), **(how | more))


def knows(cache: Cache, path: str, *, now: float = 0.0, seconds: float = 5.0) -> bool:
    return cache.find(path, now=now, seconds=seconds, since=2**63) is not None


def test_the_least_recently_used_go_first() -> None:
    cache = Cache(kept_rows=30)
    for path in "abc":
        keep(cache, path, 8)
    assert knows(cache, "a")
    keep(cache, "d", 8)
    assert [path for path in "abcd" if knows(cache, path)] == ["a", "c", "d"]


def test_an_answer_larger_than_the_cache_is_kept_alone() -> None:
    cache = Cache(kept_rows=3)
    keep(cache, "a")
    keep(cache, "b", 100)
    assert [path for path in "ab" if knows(cache, path)] == ["b"]
    keep(cache, "c")
    assert [path for path in "abc" if knows(cache, path)] == ["c"]


def test_an_answer_that_is_kept_again_counts_once() -> None:
    cache = Cache(kept_rows=10)
    for _ in range(50):
        keep(cache, "a", 4)
    keep(cache, "b", 4)
    assert knows(cache, "a")
    assert knows(cache, "b")


def test_what_there_is_not_is_known_too() -> None:
    cache = Cache()
    cache.keep(
        "a", answer(None), parent=1, now=0.0, immutable=False, generation=cache.generation()
    )
    known = cache.find("a", now=1.0, seconds=5.0, since=2**63)
    assert known is not None
    assert known.page() is None


def test_an_answer_that_was_on_its_way_during_a_change_is_not_kept() -> None:
    cache = Cache()
    generation = cache.generation()
    cache.invalidate(1)
    keep(cache, "a", parent=1, generation=generation)
    assert not knows(cache, "a")


def test_a_change_drops_its_droplet_and_the_account_s_lists() -> None:
    cache = Cache()
    keep(cache, "one", parent=1)
    keep(cache, "one, ended", parent=1, immutable=True)
    keep(cache, "two", parent=2)
    keep(cache, "all")
    cache.invalidate(1)
    kept = [path for path in ("one", "one, ended", "two", "all") if knows(cache, path)]
    assert kept == ["one, ended", "two"]
    cache.invalidate(None)
    assert not knows(cache, "two")


def test_nobody_joins_a_call_from_before_a_change() -> None:
    cache, land = Cache(), threading.Event()
    one = answer(1)
    call: Call[Answer] = Call(lambda cancelled: (land.wait(), one)[1])
    call.start()
    cache.register("a", 1, call, call)
    assert cache.join("a") is call
    cache.invalidate(1)
    assert cache.join("a") is None
    land.set()
    assert call.result(lambda: False) is one


def test_nobody_joins_a_call_that_was_given_up() -> None:
    cache, land = Cache(), threading.Event()
    call: Call[Answer] = Call(lambda cancelled: (cancelled.wait(), answer(None))[1])
    call.start()
    cache.register("a", 1, call, call)
    call.release()
    assert cache.join("a") is None
    land.set()


def test_an_old_call_s_end_is_not_that_of_a_newer_one() -> None:
    cache, land = Cache(), threading.Event()
    calls: list[Call[Answer]] = []
    for owner in ("old", "new"):
        call: Call[Answer] = Call(lambda cancelled: (land.wait(), answer(None))[1])
        call.start()
        calls.append(call)
        cache.register("a", 1, call, owner)
        if owner == "old":
            cache.invalidate(1)
    cache.unregister("a", "old")
    assert cache.join("a") is calls[1]
    land.set()
