"""Whatever ends a run, what it has read is kept, and the next one goes on from there."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import dovtab
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import History

PAGES, COUNT = 6, 1150
REFRESH = [sys.executable, "-m", "dovtab", "--refresh"]


def fill(simulator: Simulator, count: int) -> None:
    for n in range(count):
        simulator.account.add_action(1 + n % 7)
        if n % 100 == 99:
            simulator.account.add_foreign_action("image", 7)


def is_part_of(rows: list[object], truth: list[object]) -> bool:
    return set(rows) <= set(truth)


@pytest.mark.parametrize("read", range(PAGES))
def test_a_request_that_fails_keeps_those_before_it(kept: History, read: int) -> None:
    fill(kept.simulator, COUNT)
    kept.simulator.fault(Fault("status", skip=read, status=500, times=None))
    with pytest.raises(dovtab.APIError, match="500") as failed:
        kept.refresh(concurrency=1)
    kept.simulator.clear_faults()
    if read == 0:
        assert not kept.path.exists()
        assert failed.value.__notes__ == ["nothing new was read"]
    else:
        (note,) = failed.value.__notes__
        assert note == f"{read * 200:,} of 1,161 actions are there, the next run goes on"
        assert not kept.is_whole
        assert is_part_of(kept.rows(), kept.truth())
    fill(kept.simulator, 30)
    # The first page, for what is new, and what is missing at the end.
    asked = kept.requests(kept.refresh)
    assert len(asked) == PAGES - read + (read > 0)
    assert kept.rows() == kept.truth()
    assert kept.is_whole


@pytest.mark.parametrize("allowed", range(2, PAGES))
def test_a_limit_on_requests_lets_every_run_go_on(kept: History, allowed: int) -> None:
    fill(kept.simulator, COUNT)
    runs = 0
    while True:
        runs += 1
        try:
            kept.refresh(max_requests=allowed)
        except dovtab.TooManyRequestsError:
            assert runs <= PAGES
            fill(kept.simulator, 3)
        else:
            break
    assert kept.rows() == kept.truth()


def test_a_limit_of_one_request_is_that_of_one_page(kept: History) -> None:
    fill(kept.simulator, COUNT)
    for _ in range(2):
        with pytest.raises(dovtab.TooManyRequestsError, match="more than max_requests=1 "):
            kept.refresh(max_requests=1)
        assert len(kept.rows()) == 198


def test_the_quota_of_the_hour_is_gone_on_with_when_it_is_back(
    clock: ManualClock, kept: History
) -> None:
    with Simulator(Rules(hour_limit=3), clock=clock) as simulator:
        kept.simulator = simulator
        fill(simulator, COUNT)
        with pytest.raises(dovtab.RateLimitError, match="quota is used up") as stopped:
            kept.refresh()
        (note,) = stopped.value.__notes__
        assert note == "600 of 1,161 actions are there, the next run goes on"
        clock.advance(3601)
        with pytest.raises(dovtab.RateLimitError):
            kept.refresh()
        clock.advance(3601)
        kept.refresh()
        assert kept.rows() == kept.truth()


def test_the_quota_of_the_minute_is_waited_for(
    clock: ManualClock, shared_clock: SharedClock, kept: History
) -> None:
    with Simulator(Rules(minute_limit=4), clock=clock) as simulator:
        kept.simulator = simulator
        fill(simulator, COUNT)
        kept.refresh()
        assert shared_clock.waits
        assert kept.rows() == kept.truth()


def test_what_had_not_ended_when_a_run_was_cut_short_is_asked_for_again(
    kept: History, clock: ManualClock
) -> None:
    kept.simulator.account.add_droplet(droplet_id=1)
    kept.simulator.account.add_action(1, "snapshot", "in-progress", seconds=60)
    fill(kept.simulator, 450)
    kept.refresh()
    clock.advance(61)
    kept.simulator.fault(Fault("status", path=r"actions/\d+", times=None))
    fill(kept.simulator, 3)
    with pytest.raises(dovtab.APIError) as failed:
        kept.refresh()
    assert failed.value.__notes__ == ["458 of 458 actions are there, the next run goes on"]
    kept.simulator.clear_faults()
    assert kept.refresh().ended == 1
    assert kept.rows() == kept.truth()


@pytest.mark.parametrize("seed", range(12))
def test_a_life_of_a_history(kept: History, clock: ManualClock, seed: int) -> None:
    """An account that grows, orders of its list, actions that end, runs that are cut short."""
    chance = random.Random(seed)
    order = ("desc", "asc", "shuffled")[seed % 3]
    with Simulator(Rules(order=order), clock=clock) as simulator:  # type: ignore[arg-type]
        kept.simulator, account = simulator, simulator.account
        for id in range(1, 8):
            account.add_droplet(droplet_id=id)
        grow = lambda number: chance.random() < 0.2 and fill(simulator, chance.randrange(3))  # noqa: E731
        for _ in range(6):
            fill(simulator, chance.choice([0, 1, 30, 210, 900]))
            for id in chance.sample(range(1, 8), chance.randrange(3)):
                seconds = chance.choice([10.0, 4000.0])
                account.add_action(id, "snapshot", "in-progress", seconds=seconds)
            clock.advance(chance.choice([5, 300]))
            simulator.before_page(grow if chance.random() < 0.5 else None)
            if chance.random() < 0.6:
                skip = chance.randrange(6)
                simulator.fault(Fault("status", status=500, skip=skip, times=None))
            with contextlib.suppress(dovtab.APIError):
                kept.refresh(full=chance.random() < 0.1)
            simulator.clear_faults()
            if kept.path.exists():
                assert {row[0] for row in kept.rows()} <= {row[0] for row in kept.truth()}
        simulator.before_page(None)
        kept.refresh()
        assert kept.rows() == kept.truth()
        assert kept.is_whole
        assert kept.query("SELECT * FROM dovtab_other_actions WHERE what = 'gone'") == []


def wait_for(simulator: Simulator, requests: int, process: subprocess.Popen[str]) -> None:
    while len(simulator.requests) < requests:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.005)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_command_and_the_next_one_goes_on(
    tmp_path: Path, sent: signal.Signals
) -> None:
    with Simulator() as simulator:
        fill(simulator, COUNT)
        simulator.fault(Fault("stall", skip=3, times=None))
        environment = os.environ | {
            "DIGITALOCEAN_API_URL": simulator.url,
            "DIGITALOCEAN_TOKEN": simulator.token,
            "DOVTAB_CONCURRENCY": "1",
        }
        process = subprocess.Popen(
            [*REFRESH, "history.db"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        with process:
            wait_for(simulator, 4, process)
            process.send_signal(sent)
            printed, said = process.communicate()
        simulator.clear_faults()
        assert printed == ""
        if sent is signal.SIGKILL:
            assert process.returncode == -sent
            assert said == ""
            missing = PAGES
        else:
            assert process.returncode == 130
            # Where it is interrupted may be between two requests, too.
            assert re.fullmatch(
                r"Error: history\.db: (GET \S+: interrupted before it was (sent|answered)"
                r"|interrupted); 600 of 1,161 actions are there, the next run goes on\n",
                said,
            )
            missing = PAGES - 3 + 1
        before = len(simulator.requests)
        done = subprocess.run(
            [*REFRESH, "history.db"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert len(simulator.requests) - before == missing
        requests = f"{missing} requests\n"
        assert done.stdout.startswith("history.db: ")
        assert done.stdout.endswith(f" new, 0 ended, 1,150 in all, {requests}")
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"history.db"}
