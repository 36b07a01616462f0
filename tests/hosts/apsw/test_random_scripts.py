"""Random scripts that act, against ordinary tables that hold what should be sent."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings

import dovtab
from by_property.apsw_half import apsw_half
from by_property.pair import CONTEXTS, TOKENS, Pair, account
from by_property.scripts import scripts
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Simulator
from shared_clock import SharedClock


def pair(simulator: Simulator, log: Path) -> Pair:
    db = apsw.Connection(":memory:")
    given = {
        "token": simulator.token,
        "api_url": simulator.url,
        "max_actions": 0,
        "max_requests": 10_000,
        "max_wait_seconds": 86_400,
        "log": str(log),
    }
    attach(db, resolve(given, os.getenv), SharedClock(simulator.clock))
    return Pair(simulator, apsw_half(db), apsw_half(apsw.Connection(":memory:")))


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator runs on."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with account() as running:
        # One HTTP client of each account for all scripts, or the ports run out.
        keepers = [
            dovtab.connect(token=token, api_url=running.url) for token in TOKENS.values()
        ]
        for keeper in keepers:
            assert keeper.execute("SELECT count(*) FROM droplet_actions(1)").get == 0
        yield running
        for keeper in keepers:
            keeper.close()


@given(script=scripts)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_sent_is_what_ordinary_tables_hold(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: list[str]
) -> None:
    contexts = tmp_path / "config.yaml"
    contexts.write_text(CONTEXTS, encoding="utf-8")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(contexts))
    # In memory, if there is such a place: thousands of bookings wait for the disk elsewhere.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else tmp_path))
    both = pair(simulator, folder / "actions.db")
    try:
        both.play(script)
    finally:
        both.close()
        shutil.rmtree(folder)
