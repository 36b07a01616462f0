"""What needs Dask runs where that is: tests/hosts/test_frames.py starts it there."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from eight_accounts import NAMES, PRELOAD, REVOKED, Fleet, fill, token

from dovtab.simulator import Simulator

if not (find_spec("distributed") and find_spec("pyarrow")):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def whole_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    doctl = folder / "doctl.yaml"
    lines = [f"  {name}: {token(name)}\n" for name in [*NAMES[:4], REVOKED]]
    doctl.write_text("auth-contexts:\n" + "".join(lines))
    with Simulator() as simulator:
        for name in NAMES:
            fill(simulator, name)
        environment = {
            "DIGITALOCEAN_CONFIG": str(doctl),
            "DIGITALOCEAN_API_URL": simulator.url,
            "DOVTAB_CACHE_SECONDS": "0",
            "DOVTAB_ALLOW_ACTIONS": "1",
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "HOME": str(folder),
        } | {
            f"DIGITALOCEAN_TOKEN_{n[-6:].upper().replace('-', '_')}": token(n)
            for n in NAMES[4:]
        }
        yield Fleet(simulator, environment)


@pytest.fixture(scope="session")
def cluster(whole_fleet: Fleet) -> Iterator[Any]:
    from distributed import Client

    from dovtab.hosts.dask import local_cluster

    names = [*NAMES, REVOKED]
    with (
        local_cluster(names, 2, preload=PRELOAD, env=whole_fleet.environment) as workers,
        Client(workers, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The threads of Dask's loop are those of all tests."""


@pytest.fixture
def fleet(whole_fleet: Fleet, cluster: Any) -> Iterator[Fleet]:
    """All of it; a client is current."""
    whole_fleet.client = cluster
    whole_fleet.since = len(whole_fleet.simulator.requests)
    with cluster.as_current():
        yield whole_fleet
    whole_fleet.simulator.clear_faults()
    whole_fleet.simulator.before_page(None)


@pytest.fixture
def alone(whole_fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The same without Dask's processes: the environment is this one's."""
    for name, value in whole_fleet.environment.items():
        monkeypatch.setenv(name, value)
    whole_fleet.since = len(whole_fleet.simulator.requests)
    return whole_fleet
