"""The loadable extension beside apsw in process: the same engine, asked by another way.

Every client is a process of its own, with a connection of its own to a database file;
the two doors take turns. The client's processor time and that of the extension's helper
are counted together. Nothing comes from a cache but the row that is looked up.

Source: https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NamedTuple

from benchmarks.client import Measured
from benchmarks.clock import FAST
from benchmarks.helper import PID_FILE, write_script
from benchmarks.questions import Question, account_of, get, join_with, warm_up
from benchmarks.running_server import TESTS, RunningServer

DOORS = ("apsw", "extension")
DAY = 86_400
EACH_OF_JOIN = 3  # actions of a Droplet
_tokens = itertools.count()


class Unavailable(Exception):
    """There is no extension, or no way to load it; it says why."""


class Run(NamedTuple):
    """A question, asked once or more often.

    Attributes:
        seconds: the median of the times that it was asked.
        processor: seconds of each on average, of the client and its helper; None: unknown.
        requests: the server's count, of all.
    """

    seconds: float
    processor: float | None
    requests: int


# By door.
Runs = Mapping[str, Sequence[Run]]


class Client:
    """A program with a connection.

    Args:
        url: the API's.
        droplets: of the table ``inventory``.
        cache_seconds: 0: the rate limit is left out, too.

    Raises:
        Unavailable: it has no extension.
    """

    def __init__(
        self, door: str, url: str, droplets: Sequence[int] = (), cache_seconds: int = 0
    ) -> None:
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        file = folder / "inventory.db"
        with closing(sqlite3.connect(file)) as db:
            db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY)")
            db.executemany("INSERT INTO inventory VALUES (?)", [(id,) for id in droplets])
            db.commit()
        self._pid = folder / "pid"
        environment = settings() | {
            "DIGITALOCEAN_API_URL": url,
            "DIGITALOCEAN_TOKEN": f"door{next(_tokens)}",
            "DOVTAB_CACHE_SECONDS": str(cache_seconds),
            "DOVTAB_PYTHON": str(write_script(folder)),
            "DOVTAB_QUOTA_FOLDER": str(folder / "quota"),
            PID_FILE: str(self._pid),
        }
        if not cache_seconds:
            environment[FAST] = "1"
        self._process = start([door, str(file)], environment)
        if error := self._said():
            self.close()
            raise Unavailable(error)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, server: RunningServer, question: Question, times: int = 1) -> Run:
        """Ask so many times.

        Raises:
            ValueError: an answer has not as many rows as it must.
        """
        asked, before = server.requests, self._helper()
        assert self._process.stdin is not None
        line = {"sql": question.sql, "bindings": question.bindings, "times": times}
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        measured: Measured = self._said()
        if measured["rows"] != question.rows:
            raise ValueError(f"{question.name}: {measured['rows']} rows, not {question.rows}")
        after, processor = self._helper(), None
        if before is not None and after is not None:
            processor = (measured["processor"] + after - before) / times
        return Run(median(measured["seconds"]), processor, server.requests - asked)

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def _said(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def _helper(self) -> float | None:
        """Processor time of its helper so far, if it has one; None: it cannot be told."""
        if not self._pid.exists():
            return 0.0
        if sys.platform != "linux":
            return None
        clock = ~int(self._pid.read_text(encoding="utf-8")) << 3 | 2
        return time.clock_gettime(clock)


def settings() -> dict[str, str]:
    """The environment without anybody's own settings."""
    own = ("DIGITALOCEAN_", "DOVTAB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | {
        "DOVTAB_LOG": "off",
        "DOVTAB_MAX_REQUESTS": "1000000",
        "DOVTAB_MAX_WAIT_SECONDS": str(DAY),
    }


def start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.client", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=TESTS, env=environment, stdin=pipe, stdout=pipe, text=True
    )


def loading(runs: int) -> tuple[list[float], list[float]]:
    """Seconds until it is loaded, for the first connection of a process and for a later one.

    Raises:
        Unavailable: it cannot be.
    """
    first, later = [], []
    # The first of all reads the files.
    for number in range(runs + 1):
        said, _ = start(["load", ""], settings()).communicate()
        found = json.loads(said)
        if isinstance(found, str):
            raise Unavailable(found)
        if number:
            first.append(found[0])
            later.append(found[1])
    return first, later


def scans(server: RunningServer, rows: int, runs: int) -> Runs:
    """The whole account, by door."""
    return _in_turn(server, account_of(rows), 0, runs)


def joins(server: RunningServer, droplets: int, latency: float, runs: int) -> Runs:
    """A plain join with an inventory in a file, by door."""
    return _in_turn(server, join_with(droplets, EACH_OF_JOIN), latency, runs)


def lookups(server: RunningServer, times: int, runs: int) -> Runs:
    """One row from the cache with a prepared statement, by door."""
    found: dict[str, list[Run]] = {door: [] for door in DOORS}
    url = server.url(0, get().account)
    clients = {door: Client(door, url, cache_seconds=DAY) for door in DOORS}
    try:
        for client in clients.values():
            client.ask(server, get())
        for _ in range(runs):
            for door, client in clients.items():
                found[door].append(client.ask(server, get(), times))
    finally:
        for client in clients.values():
            client.close()
    return found


def _in_turn(server: RunningServer, question: Question, latency: float, runs: int) -> Runs:
    url = server.url(latency, question.account)
    found: dict[str, list[Run]] = {door: [] for door in DOORS}
    # The first of all is for the server, which keeps its answers.
    for number in range(runs + 1):
        for door, before in found.items():
            with Client(door, url, question.droplets) as client:
                # A connection is open, and everything imported, before the time counts.
                client.ask(server, warm_up(question.account))
                run = client.ask(server, question)
            if number:
                before.append(run)
    return found
