"""The benchmarks' server, started and stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.account import Account

TESTS = Path(__file__).parents[1]


class RunningServer:
    """Where it is, and how many requests it has had.

    Args:
        root: its URL, without what says how slow and how large.
    """

    def __init__(self, root: str, http: httpx.Client) -> None:
        self.root = root
        self._http = http

    def url(self, latency: float, account: Account) -> str:
        """The API's URL.

        Args:
            latency: seconds from a request to its answer, in whole milliseconds.
            account: of which shape.
        """
        return f"{self.root}/{round(latency * 1000)}/{account}"

    @property
    def requests(self) -> int:
        """All that it was asked since it started."""
        return int(self._http.get(f"{self.root}/requests").json())


@contextmanager
def running_server() -> Iterator[RunningServer]:
    """A server for the length of a measurement; closing its input ends it."""
    command = [sys.executable, "-m", "benchmarks.server"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, cwd=TESTS, stdin=pipe, stdout=pipe, text=True) as process,
        httpx.Client(trust_env=False) as http,
    ):
        assert process.stdout is not None
        yield RunningServer(process.stdout.readline().strip(), http)
