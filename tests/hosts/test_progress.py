"""A line while a statement waits, and nothing left of it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections import Counter

import pexpect
import pytest

from dovtab.engine.statement import Statement
from dovtab.hosts.progress import Progress
from dovtab.simulator import Simulator

SECOND = 1_000_000_000
COMMAND = [
    sys.executable,
    "-m",
    "dovtab",
    ":memory:",
    "SELECT count(*) FROM droplet_actions(1)",
]


def shown(stream: io.StringIO) -> str:
    """What is on the line now."""
    line = ""
    for piece in stream.getvalue().split("\r"):
        line = piece + line[len(piece) :]
    return line.rstrip()


def old_statement(seconds: int) -> Statement:
    statement = Statement()
    statement.started_ns -= seconds * SECOND
    statement.requests, statement.outstanding = 3, 7
    return statement


def test_a_statement_is_left_a_second() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.waiting(old_statement(0), 0)
    progress.wait_over()
    progress.ended(Counter())
    assert stream.getvalue() == ""


def test_it_says_how_many_were_made_how_many_are_expected_and_what_it_waits_for() -> None:
    stream = io.StringIO()
    progress, statement = Progress(stream), old_statement(75)
    progress.waiting(statement, 0)
    assert shown(stream) == "requests: 3 of 10 [01:15]"
    statement.requests, statement.outstanding = 4, 6
    progress.waiting(statement, 58.4)
    assert shown(stream) == "requests: 4 of 10 [01:15, waiting 58 s for the quota]"
    progress.wait_over()
    assert shown(stream) == ""
    progress.waiting(statement, 0)
    assert shown(stream) == "requests: 4 of 10 [01:15]"
    progress.ended(Counter())
    assert shown(stream) == ""
    progress.wait_over()


@pytest.fixture
def far_away(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """An account that a statement needs more than a second to read."""
    simulator.account.add_droplet(droplet_id=1)
    for _ in range(2000):
        simulator.account.add_action(1)
    simulator.latency = 0.16
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DOVTAB_CONCURRENCY", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    return simulator


def test_on_a_terminal_it_is_seen_and_gone(far_away: Simulator) -> None:
    said = pexpect.run(" ".join([*COMMAND[:4], f"'{COMMAND[4]}'"]), env=dict(os.environ))
    text = said.decode()
    counts = [int(n) for n in re.findall(r"requests: (\d+) of 10 ", text)]
    assert counts == sorted(counts)
    assert counts[-1] == 10
    # The last thing drawn on the line is nothing, and then comes the answer.
    _, _, after = text.rpartition("requests: ")
    assert re.match(r"10 of 10 \[00:0\d\]\r +\r", after)
    assert "2000" in after


def test_what_is_piped_has_none_of_it(far_away: Simulator) -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2000\n", "")
