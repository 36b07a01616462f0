"""What every test gets: a clean environment, and nothing left running."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import hypothesis
import pytest

from dovtab.api.settings import resolve
from dovtab.engine.call import Call
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import ManualClock, Simulator
from shared_clock import START, SharedClock
from thoroughness import THOROUGH, load_profile

load_profile()
# Compiled anew in every process that collects them, the tests take as long as a tenth of a run.
sys.dont_write_bytecode = False


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Say how many examples are tried; pytest's own header is left out with -q."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    # Workers have none.
    if reporter is not None:
        number = hypothesis.settings().max_examples
        name = hypothesis.settings.get_current_profile_name()
        reporter.write_line(
            f"dovtab: {name} tests, {number} examples of a property"
            f" (with DOVTAB_TESTS=thorough {THOROUGH})"
        )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays: the collector of garbage need not look at it, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: tests of patience leave theirs to others."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session", autouse=True)
def quota_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that are started for many tests tell nothing to those of whoever runs them.

    And what they compile is kept for the next of them, as it is for those who use it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for each test; ``tmp_path`` costs more, and few tests look into theirs."""
    folder = tmp_path_factory.mktemp("homes")
    return map(folder.joinpath, map(str, count(1)))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]) -> None:
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
    folder = next(homes)
    folder.mkdir()
    monkeypatch.setenv("DOVTAB_LOG", "off")
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "home" / ".config"))


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
    with pytest.MonkeyPatch.context() as patch:
        # Threads that wait for what may follow are woken, and find that nothing does.
        patch.setattr("dovtab.engine.threads.IDLE_SECONDS", 0)
        for thread in threading.enumerate():
            if thread.name == "dovtab request":
                Call(lambda cancelled: None).start()
        while left := [t for t in threading.enumerate() if t not in before and t.is_alive()]:
            assert time.monotonic() < deadline, f"threads left: {left}"
            left[0].join(0.5)


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
