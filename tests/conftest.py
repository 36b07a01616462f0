"""What every test gets: a clean environment, and nothing left running."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import apsw
import hypothesis
import pytest

from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import ManualClock, Simulator
from shared_clock import START, SharedClock

# The same examples in every run; `--hypothesis-profile=explore` looks for others.
hypothesis.settings.register_profile("same", derandomize=True, max_examples=300)
hypothesis.settings.register_profile("explore", max_examples=5000)
hypothesis.settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def quota_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that are started for many tests tell nothing to those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No token, no setting and no doctl file of whoever runs the tests.

    And no log of actions, which waits for the disk; it has tests of its own. What
    processes know of each other's use of the quota stays within a test.
    """
    for name in list(os.environ):
        if name.startswith(("DIGITALOCEAN_", "DOVTAB_")) or name in (
            "NO_COLOR",
            "XDG_STATE_HOME",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DOVTAB_LOG", "off")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> None:
    """Each Droplet's own list is read, however many they are: that is what a test is about."""
    monkeypatch.setenv("DOVTAB_ACCOUNT_LIST", "off")


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Requests of a statement that was stopped end with their server."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while left := [t for t in threading.enumerate() if t not in before and t.is_alive()]:
        assert time.monotonic() < deadline, f"threads left: {left}"
        time.sleep(0.01)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start=START)


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[Simulator]:
    with Simulator(clock=clock) as running:
        yield running


@pytest.fixture
def shared_clock(clock: ManualClock) -> SharedClock:
    return SharedClock(clock)


@pytest.fixture
def connect(
    simulator: Simulator, shared_clock: SharedClock
) -> Iterator[Callable[..., apsw.Connection]]:
    """Opens connections to the simulator; they are closed after the test."""
    opened: list[apsw.Connection] = []

    def open_connection(**settings: Any) -> apsw.Connection:
        # What is asked for is the point of most tests, and their clock stands still.
        # Without a limit nobody counts what has a tag; that has tests of its own.
        given = {
            "cache_seconds": 0,
            "max_actions": 0,
            "token": simulator.token,
            "api_url": simulator.url,
        } | settings
        connection = apsw.Connection(":memory:")
        opened.append(connection)
        attach(connection, resolve(given, os.getenv), shared_clock)
        return connection

    yield open_connection
    for connection in opened:
        connection.close(True)


@pytest.fixture
def db(connect: Callable[..., apsw.Connection]) -> apsw.Connection:
    return connect()
