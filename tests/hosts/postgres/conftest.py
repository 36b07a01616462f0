"""A server for all tests of a process, and an account that it asks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from postgres_server import MOST, OTHER, SECRET, Server, needs_server, serving

from dovtab.simulator import Rules, Simulator


@pytest.fixture(scope="session")
def account() -> Iterator[Simulator]:
    """Ten Droplets with eight actions each, and another account with one Droplet."""
    # What a test has used of a minute is no other's.
    with Simulator(Rules(minute_limit=None)) as simulator:
        simulator.account.add_token(SECRET, label="server")
        simulator.account.populate(droplets=10, actions=8)
        simulator.add_account(OTHER).add_droplet(droplet_id=77, name="other")
        yield simulator


@pytest.fixture(scope="session")
def running(account: Simulator) -> Iterator[Server]:
    needs_server()
    environment = {
        "DIGITALOCEAN_TOKEN": SECRET,
        "DIGITALOCEAN_TOKEN_TEAM": OTHER,
        "DIGITALOCEAN_API_URL": account.url,
        "DOVTAB_MAX_REQUESTS": str(MOST),
        # Nobody's functions act, whatever is said.
        "DOVTAB_ALLOW_ACTIONS": "1",
    }
    with serving(environment) as server:
        server.rows(
            "CREATE ROLE stranger LOGIN; CREATE ROLE reader LOGIN IN ROLE dovtab_reader"
        )
        server.rows(
            "CREATE TABLE inventory(droplet_id bigint, team text);"
            "GRANT SELECT ON inventory TO reader"
        )
        yield server


@pytest.fixture
def server(running: Server, account: Simulator) -> Iterator[Server]:
    """Nothing of another test's is left: no quota, no fault, no inventory."""
    shutil.rmtree(running.folder / ".local", ignore_errors=True)
    running.rows("TRUNCATE inventory")
    yield running
    account.clear_faults()
    account.clear_colleagues()


@pytest.fixture
def asked(server: Server, account: Simulator) -> Callable[[], list[str]]:
    """Gives the requests since the test began, by arrival."""
    before = len(account.requests)
    return lambda: [f"{request.method} {request.path}" for request in account.requests[before:]]
