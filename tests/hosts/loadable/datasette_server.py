"""Datasette with dovtab's plugin, as if both were installed in one environment."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import IO

import httpx
from host_programs import HOSTS

import dovtab
from dovtab.simulator import Simulator

PACKAGE = Path(dovtab.__file__).parent
INSTALLED = os.environ.get("DOVTAB_HOSTS")
FOLDER = Path(INSTALLED or "/nowhere")
PYTHON = FOLDER / "python" / "bin" / "python"
MISSING = "; ".join(
    filter(
        None,
        (host.missing(FOLDER) for host in HOSTS if host.name in ("datasette", "sqlite-utils")),
    )
)


def of(account: Simulator) -> dict[str, str]:
    """The account, and an administrator who thought of something else."""
    return {
        "DIGITALOCEAN_TOKEN": account.token,
        "DIGITALOCEAN_API_URL": account.url,
        "DOVTAB_ALLOW_ACTIONS": "1",
    }


def site(folder: Path, package: Path = PACKAGE) -> Path:
    """A folder for PYTHONPATH that has the package and the metadata it is installed with."""
    metadata = folder / f"dovtab-{dovtab.__version__}.dist-info"
    metadata.mkdir(parents=True)
    for name in ("METADATA", "entry_points.txt"):
        (metadata / name).write_text(distribution("dovtab").read_text(name) or "")
    (folder / "dovtab").symlink_to(package)
    return folder


@dataclass(frozen=True)
class Server:
    """A running Datasette."""

    url: str
    log: IO[str]

    def get(self, path: str, **query: str) -> httpx.Response:
        """A page of it."""
        return httpx.get(self.url + path, params=query or None, trust_env=False, timeout=60)

    def said(self) -> str:
        """What it has written so far."""
        self.log.seek(0)
        return self.log.read()


@contextmanager
def serving(*arguments: str, site: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Datasette on a port that the system chooses; raises RuntimeError if it does not start."""
    command = [str(PYTHON), "-m", "datasette", "serve", "--port", "0", *arguments]
    given = os.environ | {"PYTHONPATH": str(site), "DOVTAB_QUOTA_FOLDER": "off"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            env=given | dict(environment),
            # Python looks in the current folder first, and this project's is another.
            cwd=site,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            found, ends_at = None, time.monotonic() + 60
            while not found and process.poll() is None and time.monotonic() < ends_at:
                time.sleep(0.05)
                log.seek(0)
                found = re.search(r"running on (http://\S+)", log.read())
            if not found:
                log.seek(0)
                raise RuntimeError(log.read())
            yield Server(found[1], log)
        finally:
            process.terminate()
            process.wait()
