"""A hub, an inventory, an account and Datasette with both files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from datasette_server import Server, of, serving, site

from dovtab.hosts import hub
from dovtab.simulator import Simulator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The hub, an inventory, and dovtab as it is installed."""
    folder = tmp_path / "datasette"
    folder.mkdir()
    hub.write(str(folder / "digitalocean.db"))
    with closing(sqlite3.connect(folder / "inventory.db")) as db:
        db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
        rows = [(n, f"web-{n}", "blue" if n % 2 else "green") for n in range(1, 13)]
        db.executemany("INSERT INTO inventory VALUES (?, ?, ?)", rows)
        db.commit()
    site(folder / "site")
    return folder


@pytest.fixture
def fleet() -> Iterator[Simulator]:
    """Twelve Droplets with five actions each."""
    with Simulator() as simulator:
        for n in range(1, 13):
            simulator.account.add_droplet(droplet_id=n, name=f"web-{n}", tags=("web",))
            for action in range(5):
                simulator.account.add_action(n, id=100 * n + action, type="reboot")
        yield simulator


@pytest.fixture
def server(folder: Path, fleet: Simulator) -> Iterator[Server]:
    files = [str(folder / name) for name in ("digitalocean.db", "inventory.db")]
    # Answers are kept for as long as a page takes, also on a busy machine.
    environment = of(fleet) | {"DOVTAB_CACHE_SECONDS": "600"}
    options = ("--crossdb", "--setting", "sql_time_limit_ms", "20000")
    with serving(*files, *options, site=folder / "site", environment=environment) as running:
        yield running
