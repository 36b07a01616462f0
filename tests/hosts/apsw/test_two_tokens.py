"""Two tokens of one account act at random at the same time, and some answers are lost."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Colleague, Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

TOKENS = {"simulator": "simulator", "a-second-token": "second"}
DROPLETS = range(1, 9)
TYPES = ("snapshot", "power_cycle", "enable_ipv6")
Row = tuple[int, str, str, int | None]


@pytest.fixture(params=[0.0, 3.0], ids=["lists at once", "lists that lag"])
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Actions take half a second, so that the same is soon asked for again."""
    rules = Rules(
        hour_limit=None,
        minute_limit=None,
        repeats_refused=False,
        durations=dict.fromkeys(TYPES, 0.5),
        list_lag=request.param,
    )
    with Simulator(clock=ManualClock(), rules=rules, seed=11) as running:
        running.account.add_token("a-second-token", label="second")
        for id in DROPLETS:
            running.account.add_droplet(droplet_id=id, tags=("odd",) if id % 2 else ("even",))
        for kind in ("lost_after_effect", "close"):
            running.fault(Fault(kind=kind, method="POST", probability=0.05, times=None))
        # Others are at it, too, with clients of their own.
        for when in ("before", "instead", "after"):
            running.colleague(Colleague(probability=0.03, times=None, when=when))
        yield running


def act(simulator: Simulator, token: str, seed: int, rows: list[Row]) -> None:
    """A hundred random statements, of one and of several POSTs."""
    chance = random.Random(seed)
    db = apsw.Connection(":memory:")
    given = {"token": token, "api_url": simulator.url, "max_requests": 10_000, "log": None}
    attach(db, resolve(given, os.getenv), SharedClock(simulator.clock))
    for _ in range(100):
        some, type = chance.sample(DROPLETS, chance.choice((1, 1, 3))), chance.choice(TYPES)
        values = ", ".join(f"({id}, '{type}')" for id in some)
        sql = {
            0: f"INSERT INTO droplet_actions(droplet_id, type) VALUES {values}",
            1: f"SELECT droplet_actions_post({some[0]}, '{type}')",
            2: f"SELECT droplet_actions_post_by_tag('{chance.choice(('odd', 'even'))}', '{type}')",
        }[chance.choice((0, 0, 1, 2))]
        with contextlib.suppress(dovtab.DovtabError, apsw.Error):
            list(db.execute(sql))
        simulator.clock.advance(chance.choice((0, 0.5, 1)))
    rows += db.execute("SELECT droplet_id, type, outcome, action_id FROM dovtab_posts")
    db.close(True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_action_is_claimed_twice_and_only_what_is_certain_is_sent(
    simulator: Simulator, seed: int
) -> None:
    """With the truth from the account: who has started what."""
    rows: dict[str, list[Row]] = {token: [] for token in TOKENS}
    threads = [
        threading.Thread(target=act, args=(simulator, token, seed * 10 + n, rows[token]))
        for n, token in enumerate(TOKENS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    account = simulator.account
    claimed = [id for some in rows.values() for *_, id in some if id is not None]
    assert [id for id, count in Counter(claimed).items() if count > 1] == []
    outcomes = Counter(outcome for some in rows.values() for _, _, outcome, _ in some)
    assert outcomes["sent"] > 50
    assert outcomes["unknown"] > 0
    for token, label in TOKENS.items():
        for droplet, type, outcome, id in rows[token]:
            if id is None:
                assert outcome != "sent" or droplet is None
                continue
            action = account.actions[id]
            assert (action.resource_id, action.type) == (droplet, type)
            if outcome == "sent":
                assert account.started_by(id) == label
            else:
                assert outcome == "inferred"
    # What is nobody's was started by a POST of which nobody knows, or by a colleague.
    for id in account.actions.keys() - set(claimed):
        by = account.started_by(id)
        if by in TOKENS.values():
            token = next(t for t in TOKENS if TOKENS[t] == by)
            kinds = {(type, outcome) for _, type, outcome, _ in rows[token]}
            assert (account.actions[id].type, "unknown") in kinds or (
                account.actions[id].type,
                "inferred",
            ) in kinds
