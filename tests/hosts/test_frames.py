"""What needs Dask, where Dask is; see install_hosts.sh.

It is not installed where the other tests run, and its threads stay as long as its process
does, so these are a run of their own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("DOVTAB_HOSTS", "")) / "frames" / "bin" / "python"
HAS_DASK = os.environ.get("DOVTAB_HOSTS") and (PYTHON.parent / "dask").exists()

pytestmark = pytest.mark.skipif(
    not HAS_DASK, reason="Dask is not installed: DOVTAB_HOSTS names no folder that has it"
)
FILES = sorted((Path(__file__).parent / "frames").glob("test_*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_with_dask(file: Path) -> None:
    ran = subprocess.run(
        [PYTHON, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", str(file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout
