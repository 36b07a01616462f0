"""The examples for tools of data people, with those tools; see install_hosts.sh."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from dovtab.simulator import Action, Simulator, inventory

ROOT = Path(__file__).parents[1]
TOOLS = Path(os.environ.get("DOVTAB_HOSTS", "")) / "frames" / "bin"
Run = Callable[..., str]

pytestmark = pytest.mark.skipif(
    not os.environ.get("DOVTAB_HOSTS") or not (TOOLS / "ipython").exists(),
    reason="pandas, Polars, DuckDB and JupySQL are not installed: DOVTAB_HOSTS names no folder"
    " that install_hosts.sh has filled",
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        running.account.populate(droplets=10, actions=8)
        yield running


@pytest.fixture
def teams(simulator: Simulator) -> dict[int, str]:
    return {id: team for id, _, team in inventory(simulator.account)}


def actions(simulator: Simulator, teams: dict[int, str]) -> list[Action]:
    """Those of the inventory's Droplets, the newest first."""
    found = [a for a in simulator.account.actions.values() if a.resource_id in teams]
    return sorted(found, key=lambda a: a.started_at, reverse=True)


@pytest.fixture
def run(simulator: Simulator, tmp_path: Path) -> Run:
    with apsw.Connection(str(tmp_path / "fleet.db")) as db:
        db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
        db.executemany("INSERT INTO inventory VALUES (?, ?, ?)", inventory(simulator.account))
    db.close()
    own = {
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
        # Beside the package lie its entry points.
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }

    def run_program(program: str, *arguments: str) -> str:
        ran = subprocess.run(
            [TOOLS / program, *arguments],
            cwd=tmp_path,
            env=os.environ | own,
            capture_output=True,
            encoding="utf-8",
            timeout=100,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    return run_program


def test_pandas(simulator: Simulator, teams: dict[int, str], run: Run) -> None:
    printed = run("python", "-W", "error", str(ROOT / "examples/in_pandas.py"), "fleet.db")
    rebooted = [a for a in actions(simulator, teams) if a.type == "reboot"]
    lines = [line.split() for line in printed.splitlines()[2:] if line.strip()]
    counts = {team: sum(map(int, numbers)) for team, *numbers in lines}
    assert counts == Counter(teams[a.resource_id] for a in rebooted)


def test_polars(simulator: Simulator, teams: dict[int, str], run: Run) -> None:
    printed = run("python", "-W", "error", str(ROOT / "examples/in_polars.py"), "fleet.db")
    found = {type: int(n) for type, n in re.findall(r"│ (\w+) +┆ (\d+) ", printed)}
    completed = [a for a in actions(simulator, teams) if a.status == "completed"]
    assert found == Counter(a.type for a in completed)
    assert len(simulator.requests) == 10


def test_duckdb(simulator: Simulator, teams: dict[int, str], run: Run) -> None:
    printed = run("python", "-W", "error", str(ROOT / "examples/in_duckdb.py"), "fleet.db")
    days = Counter((a.started_at[:10], teams[a.resource_id]) for a in actions(simulator, teams))
    assert f"{len(days)} rows" in printed
    shown = re.findall(r"│ ([-\d]+) │ (\w+) +│ +(\d+) │", printed)
    assert shown
    assert all(days[day, team] == int(count) for day, team, count in shown)


def test_parquet_and_duckdb(
    simulator: Simulator, teams: dict[int, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account is another token's of the same Droplets, and is counted as another."""
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_PROD_EU", simulator.token)
    other = simulator.add_account("token-of-staging")
    for id in teams:
        other.add_action(id, "reboot", started_at="2019-02-03T04:05:06Z")
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_STAGING", "token-of-staging")
    example = str(ROOT / "examples/history_of_accounts.py")
    arguments = ("python", "-W", "error", example, "history", "fleet.db", "prod-eu", "staging")
    printed = run(*arguments)
    assert re.search(rf"staging +{len(teams)} +0 +{len(teams)} +0 +1\n", printed)
    counts = Counter(
        (a.started_at[:7], teams[a.resource_id]) for a in actions(simulator, teams)
    )
    counts |= Counter(("2019-02", team) for team in teams.values())
    shown = re.findall(r"│ ([-\d]+) +│ (\w+) +│ +(\d+) │", printed)
    assert f"{len(counts)} rows" in printed
    assert ("2019-02", "data") in counts
    assert shown
    assert all(counts[month, team] == int(count) for month, team, count in shown)
    again = run(*arguments)
    assert re.search(rf"staging +0 +0 +{len(teams)} +0 +1\n", again)
    assert re.findall(r"│ ([-\d]+) +│ (\w+) +│ +(\d+) │", again) == shown


def test_jupysql(simulator: Simulator, teams: dict[int, str], run: Run) -> None:
    example = str(ROOT / "examples/in_jupyter.ipy")
    printed = run("ipython", "--no-banner", "--colors=NoColor", example)
    newest = actions(simulator, teams)[:3]
    assert re.findall(r"\S+T\S+Z", printed) == [a.started_at for a in newest]


NUMPY = """
import numpy
from dovtab import dbapi

connection = dbapi.connect()
values = numpy.int64(7), numpy.float32(0.5), numpy.bool_(True), numpy.float64(1.5)
print(connection.execute("SELECT ?, ?, ?, ?", values).fetchone())
times = numpy.datetime64("2026-11-20T10:00:00", "ns"), numpy.datetime64("NaT")
print(connection.execute("SELECT ?, ?", times).fetchone())
connection.close()
"""


def test_what_numpy_has_can_be_bound(run: Run) -> None:
    printed = run("python", "-W", "error", "-c", NUMPY)
    assert printed == "(7, 0.5, 1, 1.5)\n('2026-11-20 10:00:00', None)\n"
