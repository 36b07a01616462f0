"""The host programs that load the extension, and how a test drives one.

Each has a small runner in its own language, in ``runners/``. A runner is started with the
extension's path and a database, says that it is ready, and then answers requests, each a
line of JSON: ``{"sql": ..., "interrupt_after": ...}`` gets ``{"rows": [[...], ...]}``,
``{"error": ...}`` or ``{"unsupported": "interrupt"}``. At the end of its input it closes
the connection and ends. ``install_hosts.sh`` installs them.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

RUNNERS = Path(__file__).parent / "runners"
# The folder of install_hosts.sh; where it is named, no host may be missing.
INSTALLED = os.environ.get("DOVTAB_HOSTS")
FOLDER = Path(INSTALLED or "/nowhere")
DEBIAN_PYTHON = "/usr/bin/python3"
# Half the work of a start: what runs for a moment is not worth compiling well.
JAVA_STARTS_SOON = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# What the hosts say of a statement that was interrupted, each in its own way.
INTERRUPTED = re.compile(r"interrupted|context deadline exceeded|query took too long")

Answer = dict[str, Any]
Command = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Host:
    """A host program: how its runner is started in the folder of the installed ones."""

    name: str
    command: Command
    # Ends with status 0 if the host is there.
    probe: Command
    # Takes other statements than SELECT.
    can_write: bool = True
    can_interrupt: bool = True
    # Gives the rows of INSERT ... RETURNING.
    gives_returned: bool = True
    # Nothing lasts from one statement to the next but what is in the database's file.
    process_each: bool = False
    # Makes the first step of what gives rows, and then starts anew.
    starts_twice: bool = False

    def missing(self, folder: Path) -> str | None:
        """Say why the host cannot be run, if so."""
        return _missing(self.name, tuple(self.probe(folder)))


@functools.cache
def _missing(name: str, probe: tuple[str, ...]) -> str | None:
    if not shutil.which(probe[0]):
        return f"{name}: {probe[0]} is not installed"
    try:
        done = subprocess.run(
            probe, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        return f"{name}: {probe[0]} does not answer"
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        return f"{name}: {said[-1]}"
    return None


def _python(python: str, script: str) -> Command:
    return lambda folder: [python.format(folder), str(RUNNERS / script)]


def _words(*words: str) -> Command:
    """Give these words, with the folder for ``{}`` and the runners' for ``RUNNERS``."""
    return lambda folder: [
        word.replace("{}", str(folder)).replace("RUNNERS", str(RUNNERS)) for word in words
    ]


HOSTS = (
    Host("cli", _python(DEBIAN_PYTHON, "cli.py"), _words("sqlite3", "-version")),
    Host(
        "python",
        _python(DEBIAN_PYTHON, "python.py"),
        _words(DEBIAN_PYTHON, "-c", "import sqlite3; sqlite3.Connection.load_extension"),
    ),
    Host(
        "python-project",
        _python(sys.executable, "python.py"),
        _words(
            sys.executable,
            # Not from the folder that the tests run in.
            "-Pc",
            "import sqlite3, dovtab\n"
            "hasattr(sqlite3.Connection, 'load_extension') or dovtab.load",
        ),
    ),
    Host(
        "datasette",
        _python("{}/python/bin/python", "datasette_api.py"),
        _words("{}/python/bin/python", "-c", "import datasette"),
        can_write=False,
    ),
    Host(
        "sqlite-utils",
        _python("{}/python/bin/python", "sqlite_utils_command.py"),
        _words("{}/python/bin/sqlite-utils", "--version"),
        can_interrupt=False,
        process_each=True,
    ),
    Host(
        "isql",
        _python(DEBIAN_PYTHON, "odbc_isql.py"),
        _words("odbcinst", "-q", "-d", "-n", "SQLite3"),
        can_interrupt=False,
        gives_returned=False,
    ),
    Host(
        "pyodbc",
        _python(DEBIAN_PYTHON, "odbc_pyodbc.py"),
        _words(
            DEBIAN_PYTHON,
            "-c",
            "import pyodbc; pyodbc.connect('Driver=SQLite3;Database=:memory:')",
        ),
        gives_returned=False,
    ),
    Host(
        "jdbc",
        _words("java", *JAVA_STARTS_SOON, "-cp", "{}/jdbc/*", "RUNNERS/Runner.java"),
        _words("javap", "-cp", "{}/jdbc/*", "org.sqlite.SQLiteConfig"),
    ),
    Host(
        "node",
        _words("env", "NODE_PATH={}/node/node_modules", "node", "RUNNERS/runner.js"),
        _words("node", "-e", "require('{}/node/node_modules/better-sqlite3')"),
        can_interrupt=False,
    ),
    Host(
        "perl",
        _words("perl", "RUNNERS/runner.pl"),
        _words("perl", "-MDBD::SQLite", "-e", "1"),
    ),
    Host(
        "php",
        # Loads only from a folder that its settings name.
        _words(
            *("sh", "-c", 'exec php -d sqlite3.extension_dir="$(dirname "$1")" "$0" "$@"'),
            "RUNNERS/runner.php",
        ),
        _words("php", "-r", "new SQLite3(':memory:');"),
        can_interrupt=False,
        starts_twice=True,
    ),
    Host(
        "ruby",
        _words("ruby", "RUNNERS/runner.rb"),
        _words("ruby", "-rsqlite3", "-e", "1"),
        can_interrupt=False,
    ),
    Host(
        "tcl",
        _words("tclsh", "RUNNERS/runner.tcl"),
        _words("sh", "-c", "echo 'package require sqlite3; package require json' | tclsh"),
    ),
    Host("go", _words("{}/go_runner"), _words("test", "-x", "{}/go_runner")),
)


class HostError(Exception):
    """What a host said in answer to a statement, or instead of getting ready."""


class Runner:
    """A started host, its extension loaded; ends with the block that it is opened for."""

    def __init__(
        self,
        host: Host,
        folder: Path,
        extension: Path,
        database: Path | str = ":memory:",
        environment: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> None:
        # load_extension() puts the suffix there itself.
        arguments = [str(extension.with_suffix("")), str(database)]
        self.command = [*host.command(folder), *arguments]
        self.environment = dict(os.environ if environment is None else environment)
        self.timeout = timeout
        self.version = ""

    def __enter__(self) -> Runner:
        """Start; raises ``HostError`` if the extension does not load."""
        self._errors = tempfile.TemporaryFile()
        self._read = b""
        try:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=self.environment,
                # A group of its own: some runners start other programs, which end with it.
                start_new_session=True,
            )
        except BaseException:
            self._errors.close()
            raise
        try:
            self.version = self._checked(self._answer(self.timeout))["ready"]
        except BaseException:
            self._end(0)
            raise
        return self

    def ask(self, sql: str, interrupt_after: float | None = None) -> Answer:
        """Give the host's answer to a statement as it is."""
        request: Answer = {"sql": sql}
        if interrupt_after is not None:
            request["interrupt_after"] = interrupt_after
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            # That it has ended is told when its answer is missing.
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        return self._answer(self.timeout + (interrupt_after or 0))

    def rows(self, sql: str) -> list[list[Any]]:
        """Give a statement's rows; raises ``HostError`` with what the host says else."""
        found: list[list[Any]] = self._checked(self.ask(sql))["rows"]
        return found

    def errors(self) -> str:
        """Give what the process has written to its standard error so far."""
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the host's input and wait; raises if it does not end well by itself."""
        status, errors = self._end(self.timeout if kind is None else 0)
        if kind is None and status:
            raise HostError(f"ended with status {status}: {errors}")

    def _answer(self, timeout: float) -> Answer:
        assert self.process.stdout
        until = time.monotonic() + timeout
        while b"\n" not in self._read:
            left = max(0.0, until - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError(f"no answer in {timeout} s: {self.errors()}")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise HostError(f"ended without an answer: {self.errors()}")
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        answer: Answer = json.loads(line)
        return answer

    @staticmethod
    def _checked(answer: Answer) -> Answer:
        if "error" in answer:
            raise HostError(answer["error"])
        return answer

    def _end(self, timeout: float) -> tuple[int, str]:
        """Give the status and standard error of the process, killed if need be."""
        assert self.process.stdin
        try:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        finally:
            # All that it started, too, even if it has ended itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
            errors = self.errors()
            assert self.process.stdout
            self.process.stdout.close()
            self._errors.close()
        return status, errors


def needs(name: str) -> Host:
    """A host for a test that cannot do without it."""
    (host,) = [host for host in HOSTS if host.name == name]
    missing = host.missing(FOLDER)
    if missing and INSTALLED:
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    return host
