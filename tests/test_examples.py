"""The programs and queries of examples/ do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from dovtab.resources import ACTION_TYPES
from dovtab.simulator import Fault, Rules, Simulator, inventory

EXAMPLES = Path(__file__).parents[1] / "examples"
TESTED = {"rebooted_twice.sql", "failed_backups.sql", "running_now.sql", "snapshot_team.py", "keep_history.py", "snapshot_once.sql", "shut_down_team.sql", "resize_team.sql"}  # fmt: skip
TESTED_IN_TOOLS = {"in_pandas.py", "in_polars.py", "in_duckdb.py", "in_jupyter.ipy", "history_of_accounts.py"}  # fmt: skip
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_every_example_is_tested() -> None:
    assert {
        path.name for path in EXAMPLES.iterdir() if path.is_file()
    } == TESTED | TESTED_IN_TOOLS


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Actions are done at once: nobody wants to wait for them here."""
    with Simulator(rules=Rules(durations=dict.fromkeys(ACTION_TYPES, 0.0))) as running:
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


def test_keep_history(run: Run, tmp_path: Path, simulator: Simulator) -> None:
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "doctl" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("auth-contexts:\n  prod: another\n")
    simulator.add_account("another").populate(droplets=1, actions=7)
    program, history = EXAMPLES / "keep_history.py", tmp_path / "history.db"
    first = run(program, history)
    assert first.stdout == "default: 80 new, 0 ended, 80 in all, 1 request\n", first.stderr
    (web_01, *_) = simulator.account.droplets
    simulator.account.add_action(web_01)
    second = run(program, history)
    assert second.stdout == "default: 1 new, 0 ended, 81 in all, 1 request\n"
    several = run(program, history, "nobody", "prod")
    assert several.stdout == "prod: 7 new, 0 ended, 7 in all, 1 request\n"
    assert several.stderr.startswith("nobody: context 'nobody' has no token: ")
    assert several.returncode == 1
    none = run(program)
    assert (none.returncode, none.stderr[:6]) == (1, "usage:")


def acted(simulator: Simulator) -> list[tuple[int, str]]:
    """Droplet and type of what took effect, in its order."""
    return [
        (int(r.path.split("/")[3]), r.json["type"])
        for r in simulator.requests
        if r.method == "POST" and r.status == 201
    ]


def team(simulator: Simulator) -> list[int]:
    return [id for id, _, name in inventory(simulator.account) if name == "storefront"]


def test_snapshot_once(run: Run, database: Path, simulator: Simulator) -> None:
    names = [name for _, name, group in inventory(simulator.account) if group == "storefront"]
    simulator.account.actions.clear()
    ran = run("-m", "dovtab", "-csv", database, f".read {EXAMPLES / 'snapshot_once.sql'}")
    assert (ran.returncode, ran.stderr) == (
        0,
        f"actions: {len(names)} sent; see dovtab_posts\n",
    )
    assert ran.stdout == "".join(f"{name},completed,\n" for name in names)
    again = run("-m", "dovtab", "-csv", database, f".read {EXAMPLES / 'snapshot_once.sql'}")
    assert (again.returncode, again.stdout, again.stderr) == (0, ran.stdout, "")
    assert sorted(acted(simulator)) == [(id, "snapshot") for id in team(simulator)]


@pytest.mark.parametrize("sends", [1, 2, 3, 4])
@pytest.mark.parametrize("takes_effect", [True, False])
def test_a_script_that_was_killed_is_run_again_and_doubles_nothing(
    database: Path, tmp_path: Path, sends: int, *, takes_effect: bool
) -> None:
    """SIGKILL while its n-th action is sent, before or after it takes effect."""
    with Simulator(rules=Rules(durations={"snapshot": 0.0})) as simulator:
        simulator.account.populate(droplets=10, actions=0)
        kind = "stall" if takes_effect else "close"
        simulator.fault(Fault(kind=kind, method="POST", skip=sends - 1))
        environment = os.environ | {
            "DIGITALOCEAN_API_URL": simulator.url,
            "DIGITALOCEAN_TOKEN": simulator.token,
            # One after the other, so that it is known how many were sent.
            "DOVTAB_CONCURRENCY": "1",
        }
        script = f".read {EXAMPLES / 'snapshot_once.sql'}"
        command = [sys.executable, "-m", "dovtab", str(database), script]
        first = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while sum(r.method == "POST" for r in simulator.requests) < sends:
            assert first.poll() is None
            time.sleep(0.005)
        first.kill()
        first.wait()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        made = [a for a in simulator.account.actions.values() if a.type == "snapshot"]
        assert sorted(a.resource_id for a in made) == team(simulator)


def test_shut_down_team(run: Run, database: Path, simulator: Simulator) -> None:
    first, *others = team(simulator)
    simulator.account.fail_next(first)
    ran = run("-m", "dovtab", "-csv", database, f".read {EXAMPLES / 'shut_down_team.sql'}")
    assert ran.returncode == 0, ran.stderr
    lines = [line.split(",")[:3] for line in ran.stdout.splitlines()]
    assert lines == [
        [str(first), "shutdown", "errored"],
        [str(first), "power_off", "completed"],
        *([str(id), "shutdown", "completed"] for id in others),
    ]
    assert {simulator.account.droplets[id].status for id in team(simulator)} == {"off"}


def test_resize_team(run: Run, database: Path, simulator: Simulator) -> None:
    ran = run("-m", "dovtab", "-csv", database, f".read {EXAMPLES / 'resize_team.sql'}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        f"{id},{type},completed,"
        for id in team(simulator)
        for type in ("power_off", "resize", "power_on")
    ]
    droplets = [simulator.account.droplets[id] for id in team(simulator)]
    assert {(d.status, d.size) for d in droplets} == {("active", "s-2vcpu-4gb")}


@pytest.mark.parametrize("example", ["snapshot_once", "shut_down_team", "resize_team"])
def test_a_droplet_that_is_gone_keeps_no_other_from_its_turn(
    run: Run, database: Path, simulator: Simulator, example: str
) -> None:
    with apsw.Connection(str(database)) as db:
        db.execute("INSERT INTO inventory VALUES (1, 'gone', 'storefront')")
    db.close()
    simulator.account.actions.clear()
    ran = run("-m", "dovtab", "-csv", database, f".read {EXAMPLES / example}.sql")
    assert ran.returncode == 3
    assert "POST /v2/droplets/1/actions: 404" in ran.stderr
    wanted = {
        "snapshot_once": ["snapshot"],
        "shut_down_team": ["shutdown"],
        "resize_team": ["power_off", "resize", "power_on"],
    }
    for id in team(simulator):
        assert [type for droplet, type in acted(simulator) if droplet == id] == wanted[example]
    assert ",refused,POST /v2/droplets/1/actions: 404" in ran.stdout.replace('"', "")
