"""Programs with threads, with children, without standard input: each gets right answers.

And nothing is left of them: no file, thread or process.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from building import (
    build_extension,
    build_program,
    environment,
    helpers_of,
    needs_gcc,
)
from scripted import quick_account, settings

from dovtab.simulator import Simulator

pytestmark = needs_gcc
SECONDS = 15.0
QUERY = "SELECT count(*) FROM droplet_actions WHERE droplet_id = {}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("threads")
    programs = {name: build_program(folder, name) for name in ("threads", "forks", "script")}
    return programs | {"extension": build_extension(folder)}


@pytest.fixture
def account() -> Iterator[Simulator]:
    with quick_account() as running:
        yield running


@pytest.fixture
def query(account: Simulator) -> str:
    return QUERY.format(min(account.account.droplets))


@pytest.fixture
def rows(account: Simulator) -> str:
    return str(len(account.account.history(min(account.account.droplets))))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("mode", ["own", "shared", "anew", "one"])
def test_threads_and_connections(
    mode: str, built: dict[str, Path], account: Simulator, query: str, rows: str
) -> None:
    done = subprocess.run(
        [built["threads"], built["extension"], mode, query, rows],
        capture_output=True,
        text=True,
        env=environment(**settings(account)),
    )
    assert (done.stdout, done.stderr, done.returncode) == ("0 0\n", "", 0)
    until(lambda: not helpers_of(built["extension"]))


@pytest.mark.parametrize("options", [(), ("ignore",), ("closed",), ("ignore", "closed")])
def test_children(
    options: tuple[str, ...],
    built: dict[str, Path],
    account: Simulator,
    query: str,
    rows: str,
    tmp_path: Path,
) -> None:
    """Each has a helper of its own, which ends with it and not sooner."""
    report = tmp_path / "report"
    command: list[Path | str] = [built["forks"], built["extension"], report, query, *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, env=environment(**settings(account))
    ) as running:
        assert running.wait(SECONDS) == 0
        until(lambda: "heir" in report.read_text())
        until(lambda: len(helpers_of(built["extension"])) == 1)
        assert running.stdin
        running.stdin.close()
        until(lambda: "alone" in report.read_text())
    until(lambda: not helpers_of(built["extension"]))
    who = "program", "child, inherited", "child, own", "program, again", "heir", "heir, alone"
    assert report.read_text().splitlines() == [f"{name}: {rows}" for name in who]
