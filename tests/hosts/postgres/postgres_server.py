"""A PostgreSQL of the test's own: in a folder, on a socket there, with PL/Python and dovtab.

It is Debian's (``apt install postgresql postgresql-plpython3-15``), and runs as a user
that may: not root. What that user needs of dovtab is copied to where he can read it.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import dovtab
from dovtab.hosts.postgres.setup_sql import setup_sql

# Where it is named, all that install_hosts.sh installs has to be there.
INSTALLED = os.environ.get("DOVTAB_HOSTS")
SERVERS = Path("/usr/lib/postgresql")
EXTENSIONS = "/usr/share/postgresql/{}/extension/{}.control"
SECONDS = 30.0
# Requests a statement.
MOST = 30
NULL = "(null)"
# The server's token, and that of its context "team".
SECRET = "dop_v1_5ec4e7" + "0123456789abcdef" * 4
OTHER = "dop_v1_07he4" + "fedcba9876543210" * 4
VERSION = (sys.version_info.major, sys.version_info.minor)


@functools.cache
def newest() -> str:
    """The version that is installed with PL/Python; "": none."""
    versions = [folder.name for folder in SERVERS.glob("*") if (folder / "bin/initdb").exists()]
    able = [v for v in versions if Path(EXTENSIONS.format(v, "plpython3u")).exists()]
    return max(able, key=float, default="")


def lacking() -> str:
    """Why it cannot be started; "": it can."""
    if not newest():
        return "there is no PostgreSQL with PL/Python: apt install postgresql-plpython3-15"
    said = subprocess.run(
        ["/usr/bin/python3", "-V"], capture_output=True, text=True, check=True
    ).stdout
    if said.split()[1].split(".")[:2] != [str(number) for number in VERSION]:
        return f"PL/Python has {said.strip()}, and the tests run in {VERSION}"
    return ""


def lacking_multicorn() -> str:
    """Why there are no foreign tables; "": there are."""
    if newest() and Path(EXTENSIONS.format(newest(), "multicorn")).exists():
        return ""
    return "multicorn2 is not installed: it is built from its source, and in no registry"


@dataclass
class Server:
    """A running one."""

    folder: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    rights: Mapping[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            # All that it could ever say of a secret.
            "log_statement": "all",
            "log_min_messages": "debug1",
            "log_error_verbosity": "verbose",
        }
        given = [text for item in options.items() for text in ("-c", "=".join(item))]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [SERVERS / newest() / "bin/postgres", "-D", self.folder / "data", *given],
                env=self.environment,
                stdout=log,
                stderr=log,
                **self.rights,
            )
        until = time.monotonic() + SECONDS
        while subprocess.run(["pg_isready", "-q", "-h", self.folder]).returncode:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def stop(self) -> None:
        """End it and all of its processes."""
        if self.process is not None:
            # "Fast": https://www.postgresql.org/docs/current/server-shutdown.html
            self.process.send_signal(signal.SIGINT)
            self.process.wait(SECONDS)

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def psql(self, sql: str, role: str = "postgres", *options: str) -> tuple[str, str]:
        """What psql prints of these statements, in one connection, and what of errors."""
        with self.running(sql, role, *options) as psql:
            return psql.communicate(timeout=SECONDS)

    @contextlib.contextmanager
    def running(
        self, sql: str, role: str = "postgres", *options: str
    ) -> Iterator[subprocess.Popen[str]]:
        """The same, as it begins."""
        command = ["psql", "-XAtq", "--csv", "-P", f"null={NULL}", "-h", str(self.folder)]
        with subprocess.Popen(
            [*command, "-U", role, "-d", "postgres", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "PGTZ": "UTC"},
        ) as psql:
            assert psql.stdin
            psql.stdin.write(f"{sql}\n")
            psql.stdin.flush()
            try:
                yield psql
            finally:
                psql.kill()

    def rows(self, sql: str, role: str = "postgres") -> list[list[str]]:
        """The rows of all of these statements; none may fail."""
        printed, said = self.psql(sql, role)
        assert "ERROR" not in said, said
        return list(csv.reader(printed.splitlines()))

    def error(self, sql: str, role: str = "postgres") -> str:
        """The line of the statement's error, with its SQLSTATE."""
        _, said = self.psql("\\set VERBOSITY verbose\n" + sql, role)
        found = re.search(r"ERROR:  (.*)", said)
        assert found, said
        return found[1]


@contextlib.contextmanager
def serving(
    environment: Mapping[str, str], *, foreign_tables: bool = False
) -> Iterator[Server]:
    """A server that is set up, with this in its environment."""
    folder = Path(tempfile.mkdtemp(prefix="dovtab-pg-", dir="/tmp"))
    try:
        # Where multicorn2 looks.
        path = {"PYTHONPATH": str(folder / "site")} if foreign_tables else {}
        server = _made(folder, {**environment, **path})
        try:
            server.start()
            folders = [str(folder / "site")]
            server.rows(setup_sql(folders, VERSION, foreign_tables=foreign_tables))
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _made(folder: Path, environment: Mapping[str, str]) -> Server:
    site(folder / "site")
    rights: dict[str, Any] = {}
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "postgres:postgres", folder], check=True)
        rights = {"user": "postgres", "group": "postgres", "extra_groups": []}
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    subprocess.run(
        [
            *(SERVERS / newest() / "bin/initdb", "-D", folder / "data", "-U", "postgres"),
            *("-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"),
        ],
        env=own,
        stdout=subprocess.DEVNULL,
        check=True,
        **rights,
    )
    return Server(folder, own, rights=rights)


def site(folder: Path) -> None:
    """dovtab and what it needs, as copies."""
    package = Path(dovtab.__file__).parent
    shutil.copytree(
        package, folder / "dovtab", ignore=shutil.ignore_patterns("__pycache__", "*.c")
    )
    wanted, found = ["httpx", "httpcore", "orjson", "PyYAML"], set()
    while wanted:
        name = wanted.pop()
        if name.lower() in found:
            continue
        found.add(name.lower())
        needed = distribution(name)
        unconditional = (n for n in needed.requires or () if "extra ==" not in n)
        for requirement in unconditional:
            with contextlib.suppress(ModuleNotFoundError):
                other = re.split(r"[^\w.-]", requirement)[0]
                wanted.append(distribution(other).name)
        for file in needed.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), folder / file)


def needs_server() -> None:
    """For a fixture: no server, no test, and why."""
    reason = lacking()
    if INSTALLED and not newest():
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
