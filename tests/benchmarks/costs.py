"""What rows and requests cost beside waiting: processor time, memory, the time to start, counting.

Processor time is of all threads, and the server is another process. Memory and
start-up are those of processes that do nothing else.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contestants import LOOP_WITH_ORJSON, enter, requests
from benchmarks.questions import Question, account_of, get, list_of, warm_up
from benchmarks.running_server import TESTS, RunningServer
from dovtab.api.shared_quota import SharedQuota

ROUNDS, STARTS = 5, 9
# Requests in a round; at one each second, the minute and the hour never are used up.
COUNTED = 1_000


def processor_time(
    server: RunningServer, names: Sequence[str], rows: int, rounds: int = ROUNDS
) -> dict[str, float]:
    """Seconds of processor time for each row of a Droplet that has so many actions."""
    question = list_of(rows)
    everybody = [name for name in names if requests(name, question)] + [LOOP_WITH_ORJSON]
    url = server.url(0, question.account)
    contestants = {name: enter(name, url) for name in everybody}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    try:
        for _ in range(rounds):
            for name, contestant in contestants.items():
                began = time.process_time()
                contestant.ask(question)
                found[name].append((time.process_time() - began) / rows)
    finally:
        for contestant in contestants.values():
            contestant.close()
    return {name: median(seconds) for name, seconds in found.items()}


def processor_times(
    server: RunningServer, question: Question, names: Sequence[str], rounds: int = ROUNDS
) -> dict[str, float]:
    """Seconds of processor time for a question, by contestant.

    Everybody begins with one request of another kind, so that a connection is open.
    """
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, seconds in found.items():
            url = server.url(0, question.account)
            contestant = enter(name, url, question.droplets)
            try:
                contestant.ask(warm_up(question.account))
                began = time.process_time()
                contestant.ask(question)
                seconds.append(time.process_time() - began)
            finally:
                contestant.close()
    return {name: median(seconds) for name, seconds in found.items()}


def peak_memory(server: RunningServer, actions: Sequence[int]) -> list[int]:
    """Peak memory in bytes of a process that reads an account of so many actions, for each."""
    command = [sys.executable, "-m", "benchmarks.memory"]
    command += [f"{number}={server.url(0, account_of(number).account)}" for number in actions]
    done = subprocess.run(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, check=True)
    return [int(line) for line in done.stdout.splitlines()]


def start_up(starts: int = STARTS) -> dict[str, float]:
    """Seconds of processor time in which a shell starts and answers ``SELECT 1``."""
    shells = {
        module: [sys.executable, "-m", module, ":memory:", "SELECT 1"]
        for module in ("dovtab", "apsw")
    }
    return _of_processes(shells, {}, starts)


def one_question(server: RunningServer, starts: int = STARTS) -> dict[str, float]:
    """Seconds of processor time of a command that asks for one action, and of two imports."""
    question = get()
    droplet, action = question.bindings
    sql = f"SELECT * FROM droplet_actions({droplet}, {action})"
    url = {
        "DIGITALOCEAN_API_URL": server.url(0, question.account),
        "DIGITALOCEAN_TOKEN": "benchmark",
    }
    commands = {
        "dovtab": [sys.executable, "-m", "dovtab", "-json", ":memory:", sql],
        "imports": [sys.executable, "-c", "import apsw, httpx"],
    }
    return _of_processes(commands, url, starts)


def _of_processes(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], starts: int
) -> dict[str, float]:
    """Seconds of processor time of each process, from its start to its end."""
    # What was not compiled would be, each time; users have that behind them.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(starts + 1):
        for name, command in commands.items():
            before = _children()
            subprocess.run(
                command, stdout=subprocess.DEVNULL, check=True, env={**inherited, **environment}
            )
            found[name].append(_children() - before)
    # The first of each has read the files.
    return {name: median(seconds[1:]) for name, seconds in found.items()}


def counting(rounds: int = ROUNDS, count: int = COUNTED) -> tuple[float, float]:
    """Seconds that counting a request takes: alone, and with other processes, in a file."""
    with TemporaryDirectory() as folder:
        quotas = [SharedQuota(None), SharedQuota(Path(folder) / "quota")]
        found: list[list[float]] = [[], []]
        for number in range(rounds):
            for quota, seconds in zip(quotas, found, strict=True):
                began = time.process_time()
                for second in range(number * count, (number + 1) * count):
                    # As a list of several pages does it.
                    quota.delay(float(second))
                    quota.take(float(second))
                    quota.answered(float(second), limit=5_000, remaining=4_000)
                seconds.append((time.process_time() - began) / count)
        alone, shared = map(median, found)
        return alone, shared


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
