"""Simulators with a clock that stands still, and clients that speak to them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from dovtab.simulator import ManualClock, Rules, Simulator

DROPLET = 3164444

Simulate = Callable[..., Simulator]
Connect = Callable[..., httpx.Client]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start=1_795_000_000.0)


@pytest.fixture
def simulate(clock: ManualClock) -> Iterator[Simulate]:
    """Start a simulator with these rules; it stops with the test."""
    with contextlib.ExitStack() as stack:

        def start(*, latency: float = 0.0, seed: int = 1, **rules: object) -> Simulator:
            simulator = Simulator(Rules(**rules), clock, latency, seed)
            return stack.enter_context(simulator)

        yield start


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A client of a simulator, with its token or another."""
    with contextlib.ExitStack() as stack:

        def client(simulator: Simulator, token: str | None = None) -> httpx.Client:
            headers = {"authorization": f"Bearer {token or simulator.token}"}
            # Without TLS, certificates are 20 ms of work for nothing.
            opened = httpx.Client(
                base_url=simulator.url, headers=headers, trust_env=False, verify=False
            )
            return stack.enter_context(opened)

        yield client


@pytest.fixture
def sim(simulate: Simulate) -> Simulator:
    """An account with one Droplet, 3164444, that is on."""
    simulator = simulate()
    simulator.account.add_droplet(DROPLET, "web-01", tags=["web"])
    return simulator


@pytest.fixture
def api(sim: Simulator, connect: Connect) -> httpx.Client:
    return connect(sim)
