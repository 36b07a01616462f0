"""``--verbose``: a line for each request, retry and wait, and nothing of it on stdout."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pexpect
import pytest

from dovtab.api.clock import SystemClock
from dovtab.api.logger import LOGGER
from dovtab.api.shared_quota import SharedQuota, file_of
from dovtab.api.token import Token
from dovtab.engine.statement import Statement, now
from dovtab.hosts.command import main
from dovtab.hosts.shell.progress import Progress
from dovtab.hosts.shell.verbose import Lines, shown
from dovtab.simulator import Fault, Simulator

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-m", "dovtab"]
COUNT = "SELECT count(*) FROM droplet_actions(1)"
LINE = r"GET /v2/droplets/1/actions\?page=1&per_page=200: 200 in \d+ ms, request id [-0-9a-f]+"


@pytest.fixture
def fleet(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator.account.add_droplet(droplet_id=1)
    simulator.account.add_action(1)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    return simulator


@pytest.fixture
def run(fleet: Simulator, tmp_path: Path) -> Run:
    def run_command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=os.environ | more,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
        )

    return run_command


@pytest.mark.parametrize("option", ["--verbose", "-v", "-verbose"])
def test_each_request_is_a_line(run: Run, option: str) -> None:
    ran = run(option, ":memory:", COUNT)
    assert ran.stdout == "1\n"
    assert re.fullmatch(LINE + "\n", ran.stderr)
    assert run(":memory:", COUNT).stderr == ""


def test_so_are_the_retries_and_what_was_started(run: Run, fleet: Simulator) -> None:
    fleet.fault(Fault(kind="status", status=503, method="GET"))
    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    ran = run("-v", ":memory:", COUNT, "SELECT droplet_actions_post(1, 'reboot') ->> 'outcome'")
    said = ran.stderr.splitlines()
    assert ran.stdout == "1\ninferred\n"
    assert re.fullmatch(r"GET \S+: 503 .*; attempt 1, again in \d\.\d s", said[0])
    assert re.fullmatch(LINE.replace("ms", "ms, attempt 2"), said[1])
    posts = [line for line in said if line.startswith("POST /v2/droplets/1/actions: ")]
    assert posts[0].endswith("; its answer is lost")
    assert ": no answer in " in posts[1]
    assert re.search(r": inferred: action \d+$", posts[2])
    assert said[-1] == "actions: 1 inferred; see dovtab_posts"


def test_a_refresh_tells_of_its_requests(run: Run) -> None:
    ran = run("-v", "--refresh", "history.db")
    assert (ran.returncode, ran.stdout.count("\n")) == (0, 1)
    assert ran.stderr.startswith("GET /v2/actions?page=1&per_page=200: 200 in ")


def test_a_wait_is_told_once(
    fleet: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As what is logged, and not once more by who tells of waits otherwise."""
    folder = str(tmp_path / "quota")
    monkeypatch.setenv("DOVTAB_QUOTA_FOLDER", folder)
    monkeypatch.setattr(SystemClock, "wait", lambda self, event, seconds: event.wait(0.2))
    others = SharedQuota(file_of(folder, fleet.url, Token(fleet.token, "a test")))
    now = SystemClock().monotonic
    while others.take(now()) == 0:
        others.answered(now())
    for option in ((), ("-v",)):
        caplog.clear()
        assert main([*option, ":memory:", COUNT]) == 6
        said = capsys.readouterr().err.splitlines()
        logged = caplog.messages
        told = [line for line in said if line.startswith("waiting 60 s for the quota")]
        assert told == [line for line in logged if line.startswith("waiting 60 s")][: len(told)]
        assert len(said) == 1 + (len(logged) if option else 1)
    assert fleet.requests == []


def test_afterwards_nothing_is_shown(
    fleet: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(LOGGER.handlers), LOGGER.level
    assert main(["-v", ":memory:", COUNT]) == 0
    assert (list(LOGGER.handlers), LOGGER.level) == before
    assert capsys.readouterr().err.count("\n") == 1
    assert main([":memory:", COUNT]) == 0
    assert capsys.readouterr().err == ""


def old() -> Statement:
    statement = Statement()
    statement.started_ns -= 10**10
    return statement


def test_the_progress_line_is_wiped_first() -> None:
    stream = io.StringIO()
    # Each time that it asks, a second later.
    clock = partial(next, count(now(), 10**9))
    progress, lines = Progress(stream, logged=True, clock=clock), Lines(stream)
    lines.wipe_first(progress)
    with shown(lines):
        progress.waiting(old(), 0)
        LOGGER.warning("something")
        drawn = stream.getvalue()
        assert re.search(r"\rrequests: 0 of 0 \[00:\d\d\]\r +\rsomething\n$", drawn)
        progress.waiting(old(), 0)
    LOGGER.warning("nothing")
    assert stream.getvalue().count("something") == 1
    assert "nothing" not in stream.getvalue()
    assert stream.getvalue().count("requests: 0 of 0") == 2


def test_lines_of_many_threads_are_whole() -> None:
    stream = io.StringIO()
    progress, lines = Progress(stream, logged=True), Lines(stream)
    lines.wipe_first(progress)

    def log(number: int) -> None:
        for _ in range(50):
            LOGGER.warning("<%d>", number)

    with shown(lines):
        threads = [threading.Thread(target=log, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            progress.waiting(old(), 0)
        for thread in threads:
            thread.join()
    progress.wait_over()
    pieces = re.split(r"[\r\n]", stream.getvalue())
    told = [piece for piece in pieces if piece.startswith("<")]
    assert sorted(told) == sorted(f"<{n}>" for n in range(4) for _ in range(50))


def test_a_stream_that_is_gone_fails_no_request() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    stream.close()
    with shown(lines):
        LOGGER.warning("something")


def test_on_a_terminal_lines_and_the_drawing_do_not_mix(fleet: Simulator) -> None:
    for _ in range(2000):
        fleet.account.add_action(1)
    fleet.latency = 0.16
    environment = os.environ | {"DOVTAB_CONCURRENCY": "1", "NO_COLOR": "1"}
    text = pexpect.run(
        " ".join([*COMMAND, "-v", ":memory:", f"'{COUNT}'"]), env=environment, timeout=30
    ).decode()
    lines = [line.rpartition("\r")[2] for line in text.splitlines() if "GET /v2" in line]
    assert len(lines) == 11
    assert all(re.fullmatch(r"GET \S+: 200 in \d+ ms, request id \S+", line) for line in lines)
    assert "requests: " in text


def test_a_child_of_the_logger_comes_to_the_same_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "dovtab"):
        logging.getLogger("dovtab.requests").info("a request")
    assert caplog.messages == ["a request"]
