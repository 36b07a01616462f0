"""Copies of SQLite, old and new, as libraries that a program can be run with.

They are compiled from a module of Go's that has SQLite's source in it, into the folder
that the variable DOVTAB_HOSTS names, once. Two of them and one that is too old are
enough for every run; DOVTAB_SQLITES=all takes the others, too.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODULE = "github.com/mattn/go-sqlite3"
# SQLite's version, and the module's that has it.
VERSIONS = {
    "3.25.2": "v1.10.0",
    "3.31.1": "v2.0.3+incompatible",
    "3.35.4": "v1.14.7",
    "3.38.0": "v1.14.12",
    "3.46.1": "v1.14.24",
    "3.54.1": "v1.14.53",
}
TOO_OLD, OLDEST, *BETWEEN, NEWEST = VERSIONS
CACHE = os.environ.get("DOVTAB_HOSTS")
RUN = [OLDEST, *(BETWEEN if os.environ.get("DOVTAB_SQLITES") == "all" else []), NEWEST]
FEATURES = ("FTS5", "JSON1", "COLUMN_METADATA", "DESERIALIZE")
# Not optimized: that would take three times as long.
FLAGS = ("-shared", "-fPIC", "-O0", "-DSQLITE_THREADSAFE=1")


def library(version: str) -> Path:
    """The folder of the library of a version, or the test is skipped with the reason."""
    if CACHE is None:
        pytest.skip("DOVTAB_HOSTS names no folder for other versions of SQLite")
    made = Path(CACHE) / f"sqlite-{version}"
    if not (made / "libsqlite3.so.0").exists():
        if shutil.which("go") is None:
            pytest.skip("SQLite's source comes by way of Go, and go is not there")
        make(version, made)
    return made


def make(version: str, made: Path) -> None:
    """Compile it, unless another process is just doing so: then wait."""
    made.mkdir(parents=True, exist_ok=True)
    finished = made / "libsqlite3.so.0"
    with (made / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if finished.exists():
            return
        source = download(VERSIONS[version]) / "sqlite3-binding.c"
        defined = [f"-DSQLITE_ENABLE_{feature}" for feature in FEATURES]
        output = finished.with_suffix(".part")
        subprocess.run(
            ["gcc", *FLAGS, *defined, "-o", output, source, "-lm", "-lpthread", "-ldl"],
            check=True,
        )
        output.rename(finished)


def download(version: str) -> Path:
    """The module's folder."""
    modules = {"GOMODCACHE": f"{CACHE}/go", "GOFLAGS": "-modcacherw", "GOPATH": f"{CACHE}/go"}
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{MODULE}@{version}"],
        env=os.environ | modules,
        capture_output=True,
        cwd=CACHE,
    )
    answer = json.loads(done.stdout)
    assert "Dir" in answer, answer.get("Error")
    return Path(answer["Dir"])
