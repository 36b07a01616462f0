"""What rows cost beside waiting: processor time, memory, the time to start, and counting.

Processor time is of all threads, and the server is another process. Memory and
start-up are those of processes that do nothing else.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contestants import LOOP_WITH_ORJSON, enter
from benchmarks.questions import list_of
from benchmarks.running_server import TESTS, RunningServer
from dovtab.api.shared_quota import SharedQuota

ROUNDS, STARTS = 5, 9
# Requests in a round; at one each second, the minute and the hour never are used up.
COUNTED = 1_000


def processor_time(
    server: RunningServer, names: Sequence[str], rows: int, rounds: int = ROUNDS
) -> dict[str, float]:
    """Seconds of processor time for each row of a Droplet that has so many actions."""
    everybody = [*names, LOOP_WITH_ORJSON]
    contestants = {name: enter(name, server.url(0, 0)) for name in everybody}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    try:
        for _ in range(rounds):
            for name, contestant in contestants.items():
                began = time.process_time()
                contestant.ask(list_of(rows))
                found[name].append((time.process_time() - began) / rows)
    finally:
        for contestant in contestants.values():
            contestant.close()
    return {name: median(seconds) for name, seconds in found.items()}


def peak_memory(server: RunningServer, actions: Sequence[int]) -> list[int]:
    """Peak memory in bytes of a process that reads an account of so many actions, for each."""
    command = [sys.executable, "-m", "benchmarks.memory"]
    command += [f"{number}={server.url(0, number)}" for number in actions]
    done = subprocess.run(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, check=True)
    return [int(line) for line in done.stdout.splitlines()]


def start_up(starts: int = STARTS) -> dict[str, float]:
    """Seconds of processor time in which a shell starts and answers ``SELECT 1``."""
    found: dict[str, list[float]] = {"dovtab": [], "apsw": []}
    for _ in range(starts + 1):
        for module, seconds in found.items():
            before = _children()
            command = [sys.executable, "-m", module, ":memory:", "SELECT 1"]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            seconds.append(_children() - before)
    # The first of each has read the files.
    return {module: median(seconds[1:]) for module, seconds in found.items()}


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
