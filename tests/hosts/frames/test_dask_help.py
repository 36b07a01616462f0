"""What the help says of Dask works as it stands, and who does not ask for it gets none of it."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dovtab
import dovtab.hosts.dask
import dovtab.hosts.parquet
from dovtab.simulator import Simulator

ROOT = Path(dovtab.__file__).parents[1]
PAGE = (ROOT / "dovtab" / "help" / "dask.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```dask\n(.*?)^```$", PAGE, re.M | re.S)
HOSTS = (dovtab.hosts.dask, dovtab.hosts.parquet)
MODULES = [
    module.name
    for package in HOSTS
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def run(program: str, folder: Path, **environment: str) -> str:
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(file)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    # Dask tells of its own shuffles, as a warning.
    said = [line for line in ran.stderr.splitlines() if "distributed.shuffle" not in line]
    assert (ran.returncode, said) == (0, [])
    return ran.stdout


def test_every_block_works(tmp_path: Path) -> None:
    """One after the other, in one folder; each prints what it finds."""
    assert len(BLOCKS) == 3
    with Simulator() as simulator:
        tokens = {}
        for first, name in ((1, "prod"), (101, "staging")):
            account = simulator.add_account(f"token-of-{name}")
            for id in range(first, first + 3):
                account.add_droplet(id, f"{name}-{id}")
                account.add_action(id, "reboot")
                account.add_action(id, "snapshot", "errored")
            tokens[f"DIGITALOCEAN_TOKEN_{name.upper()}"] = f"token-of-{name}"
        url = {"DIGITALOCEAN_API_URL": simulator.url}
        counted, kept, asked = (run(block, tmp_path, **url, **tokens) for block in BLOCKS)
    assert len(re.findall(r"(?:reboot|snapshot) +3$", counted, re.M)) == 4
    assert len(re.findall(r"(?:prod|staging)-\d+ +(?:reboot|snapshot)", counted)) == 12
    assert re.search(r"prod +6 +0 +6 +0 +1 ", kept)
    assert re.search(r"staging .* snapshot .* 3 ", asked)


PLAIN = """
import sys
import dovtab, dovtab.dbapi, dovtab.hosts.command, dovtab.hosts.history, dovtab.hosts.plugin
db = dovtab.connect()
assert len(list(db.execute("SELECT * FROM droplet_actions"))) == 2
dovtab.refresh("history.db")
heavy = {"dask", "distributed", "pandas", "pyarrow", "numpy", "duckdb"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_nobody_imports_it_who_does_not_ask(tmp_path: Path) -> None:
    with Simulator() as simulator:
        for id in (1, 2):
            simulator.account.add_action(id, "reboot")
        environment = {
            "DIGITALOCEAN_API_URL": simulator.url,
            "DIGITALOCEAN_TOKEN": simulator.token,
        }
        assert run(PLAIN, tmp_path, **environment) == "[]\n"


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_of_theirs_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_nothing_of_it_can_act() -> None:
    assert dovtab.hosts.dask.__all__ == [
        "local_cluster",
        "read_actions",
        "read_droplets",
        "to_parquet",
    ]
