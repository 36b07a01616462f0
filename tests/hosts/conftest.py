"""The command as a program, and an account for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dovtab.simulator import Simulator

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """One Droplet with three actions."""
    simulator.account.add_droplet(droplet_id=1)
    for id in (101, 102, 103):
        simulator.account.add_action(1, id=id)
    return simulator


@pytest.fixture
def run(simulator: Simulator, tmp_path: Path) -> Run:
    """Runs the command in a folder of its own; keywords are variables of its environment."""
    environment = os.environ | {
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
    }

    def run_command(
        *arguments: str, input: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dovtab", *arguments],
            env=environment | more,
            input=input,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
        )

    return run_command
