"""Accounts by name in the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from dovtab.simulator import Simulator

Run = Callable[..., subprocess.CompletedProcess[str]]
IDS = "SELECT id FROM droplet_actions WHERE droplet_id = 1 AND id > 101 ORDER BY id"


@pytest.fixture
def run(fleet: Simulator) -> Run:
    def run_command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DIGITALOCEAN_API_URL": fleet.url} | more
        return subprocess.run(
            [sys.executable, "-m", "dovtab", *arguments],
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )

    return run_command


NOT_ALL = "Error: no such table: {}; it comes with --all-contexts"
THREE = {"DIGITALOCEAN_TOKEN_A": "simulator", "DIGITALOCEAN_TOKEN_B_B": "simulator"}


def test_all_contexts_is_an_option(run: Run) -> None:
    """And the tables over them are among the tables."""
    query = "SELECT account, id FROM all_droplet_actions WHERE droplet_id = 1 AND id < 103"
    ran = run("--all-contexts", ":memory:", query, ".tables all%", **THREE)
    assert (ran.returncode, ran.stderr) == (0, "")
    rows = ["a|101", "a|102", "b_b|101", "b_b|102"]
    tables = ["all_droplet_actions", "all_droplets"]
    assert sorted(line.split()[0] for line in ran.stdout.splitlines()) == sorted(rows + tables)
    ran = run(":memory:", query, **THREE)
    assert (ran.returncode, ran.stderr) == (1, f"{NOT_ALL.format('all_droplet_actions')}\n")


@pytest.mark.parametrize("environment", [{"DIGITALOCEAN_CONTEXT": "b-b"}, {}])
def test_a_context_is_one_of_a_variable_too(
    run: Run, fleet: Simulator, environment: dict[str, str]
) -> None:
    fleet.account.add_token("another", label="another")
    named = () if environment else ("--context", "b-b")
    ran = run(*named, ":memory:", IDS, DIGITALOCEAN_TOKEN_B_B="another", **environment)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "102\n103\n", "")
    assert {request.authorized_as for request in fleet.requests} == {"another"}


def test_an_unknown_context_is_one_line_with_those_that_there_are(run: Run) -> None:
    ran = run("--context", "qa", ":memory:", IDS, **THREE)
    assert (ran.returncode, ran.stdout) == (2, "")
    (line,) = ran.stderr.splitlines()
    assert "DIGITALOCEAN_TOKEN_QA is not set" in line
    assert line.endswith("(contexts: a, b_b)")
    assert "simulator" not in line


def test_a_demonstration_asks_no_account_but_its_own(run: Run) -> None:
    """Else a token would go where it has no business."""
    asked = "SELECT count(*) FROM all_droplets"
    ran = run("--demo", ":memory:", asked, DOVTAB_ALL_CONTEXTS="1", **THREE)
    assert (ran.returncode, ran.stderr) == (1, f"{NOT_ALL.format('all_droplets')}\n")
