"""The programs and queries of examples/ do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from dovtab.simulator import Rules, Simulator, inventory

EXAMPLES = Path(__file__).parents[1] / "examples"
TESTED = {"rebooted_twice.sql", "failed_backups.sql", "running_now.sql", "snapshot_team.py", "keep_history.py"}  # fmt: skip
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == TESTED


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Snapshots are done at once: nobody wants to wait for them here."""
    with Simulator(rules=Rules(durations={"snapshot": 0.0})) as running:
        running.account.populate(droplets=10, actions=8)
        yield running


@pytest.fixture
def database(simulator: Simulator, tmp_path: Path) -> Path:
    path = tmp_path / "fleet.db"
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
        db.executemany("INSERT INTO inventory VALUES (?, ?, ?)", inventory(simulator.account))
    db.close()
    return path


@pytest.fixture
def run(simulator: Simulator, database: Path) -> Run:
    environment = os.environ | {
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
    }

    def run_program(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )

    return run_program


def query(run: Run, database: Path, example: str) -> list[str]:
    ran = run("-m", "dovtab", "-csv", database, f".read {EXAMPLES / example}")
    assert ran.returncode == 0, ran.stderr
    return [line.split(",")[0] for line in ran.stdout.splitlines()]


def test_rebooted_twice(run: Run, database: Path) -> None:
    assert query(run, database, "rebooted_twice.sql") == [
        "db-02",
        "web-02",
        "web-04",
        "worker-01",
    ]


def test_failed_backups(run: Run, database: Path) -> None:
    names = query(run, database, "failed_backups.sql")
    assert {"cache-01", "db-01"} < set(names)
    assert "db-02" not in names


def test_running_now(run: Run, database: Path, simulator: Simulator) -> None:
    assert query(run, database, "running_now.sql") == []
    (web_01, *_) = simulator.account.droplets
    simulator.account.add_action(web_01, type="snapshot", status="in-progress")
    assert query(run, database, "running_now.sql") == ["web-01"]


def test_snapshot_team(run: Run, database: Path, simulator: Simulator) -> None:
    db_01, db_02 = (id for id, _, team in inventory(simulator.account) if team == "data")
    ran = run(EXAMPLES / "snapshot_team.py", database, "data")
    assert (ran.returncode, ran.stdout) == (0, "db-01: completed\ndb-02: completed\n")
    simulator.account.fail_next(db_01)
    simulator.account.add_action(db_02, type="resize", status="in-progress")
    ran = run(EXAMPLES / "snapshot_team.py", database, "data")
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("db-02: not started: POST /v2/droplets/")
    assert "already has a pending event" in lines[0]
    assert lines[1:] == ["db-01: errored"]
    ran = run(EXAMPLES / "snapshot_team.py", database, "nobody")
    assert (ran.returncode, ran.stdout) == (2, "")
    ran = run(EXAMPLES / "snapshot_team.py", ":memory:", "data")
    assert (ran.returncode, ran.stderr) == (2, ":memory:: no such table: inventory\n")


def test_keep_history(run: Run, database: Path, simulator: Simulator) -> None:
    first = run(EXAMPLES / "keep_history.py", database)
    assert first.stdout == "80 actions, 80 of them new\n", first.stderr
    (web_01, *_) = simulator.account.droplets
    simulator.account.add_action(web_01)
    second = run(EXAMPLES / "keep_history.py", database)
    assert second.stdout == "81 actions, 1 of them new\n"
