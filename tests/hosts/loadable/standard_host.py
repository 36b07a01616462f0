"""Another Python's standard sqlite3 with the extension, as a door of the tests'.

Its Python is the system's: with a SQLite of its own, and no package of anybody's.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from by_property.doors import Parameters, Rows
from dovtab.errors import SettingsError
from dovtab.hosts import loadable

PYTHON = Path("/usr/bin/python3")
PROGRAM = Path(__file__).with_name("host_sqlite3.py")
# Longer than the extension waits for its helper.
PATIENCE_SECONDS = 60.0
TRY = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"

Answer = dict[str, Any]


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """One in memory, if there is such a place: nobody waits for a disk there."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else otherwise
    with tempfile.TemporaryDirectory(prefix="dovtab-", dir=where) as folder:
        yield Path(folder)


class HostError(Exception):
    """What a statement of the other program has failed with."""


class StandardHost:
    """The process, and one connection of it after the other.

    Args:
        environment: its own, without a setting of ours.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._extension = loadable.path()
        self._names = map("connection {}".format, itertools.count(1))
        self._process = subprocess.Popen(
            [PYTHON, "-I", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def ask(self, **request: Any) -> Answer:
        """Ask it, and wait for the answer."""
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
        assert ready, f"no answer in {PATIENCE_SECONDS:.0f} seconds: {request}"
        line = process.stdout.readline()
        assert line, f"it has ended with {process.wait(5)}: {request}"
        answer: Answer = json.loads(line)
        assert "failed" not in answer, (answer["failed"], request)
        return answer

    def open(
        self,
        given: Mapping[str, str] | None = None,
        *,
        database: str = ":memory:",
        half: bool = False,
    ) -> StandardDoor:
        """Open a connection.

        Args:
            given: with the extension, and these as its environment.
            half: with the functions of `by_property.half`.
        """
        name = next(self._names)
        self.ask(
            open=name,
            database=database,
            environment=given,
            extension=self._extension,
            half=half,
        )
        return StandardDoor(self, name)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        with self._process.stdin, self._process.stdout:
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class StandardDoor:
    """A connection of it: a door, and one side of a pair.

    Attributes:
        error, interrupted, in_transaction, tries: as those of `by_property.half.Half`.
    """

    def __init__(self, host: StandardHost, name: str) -> None:
        self.name = name
        self.error = ""
        self.interrupted = False
        self.in_transaction = False
        self.tries = 0
        self._host = host

    def rows(self, sql: str, parameters: Parameters = None) -> Rows:
        """Run one statement to its end.

        Raises:
            HostError: it fails.
        """
        answer = self._ask(sql=sql, parameters=parameters)
        if "error" in answer:
            raise HostError(answer["error"])
        return [tuple(row) for row in answer["rows"]]

    def run(self, sql: str) -> bool:
        """Run one statement of a script; whether it went well."""
        self.error = self._ask(sql=sql, run=True).get("error", "")
        return not self.error

    def close(self) -> None:
        """Close it."""
        self._host.ask(close=self.name)

    def _ask(self, **request: Any) -> Answer:
        answer = self._host.ask(on=self.name, **request)
        self.in_transaction = answer.get("in_transaction", False)
        self.interrupted = answer.get("interrupted", False)
        self.tries = answer.get("tries", 0)
        return answer


@contextmanager
def standard_host(home: Path) -> Iterator[StandardHost]:
    """The process, or the test is skipped with the reason."""
    if not PYTHON.exists():
        pytest.skip(f"there is no {PYTHON}")
    tried = subprocess.run([PYTHON, "-c", TRY], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"{PYTHON}: {tried.stderr.splitlines()[-1]}")
    try:
        host = StandardHost({"HOME": str(home), "PATH": "/usr/bin:/bin"})
    except SettingsError as error:
        pytest.skip(str(error))
    try:
        yield host
    finally:
        host.close()
