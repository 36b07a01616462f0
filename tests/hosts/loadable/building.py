"""Builds the extension, and programs in C that load it, for tests that need them built apart."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted((ROOT / "dovtab" / "hosts" / "pipe" / "extension").glob("*.c"))
PROGRAMS = Path(__file__).parent / "programs"
GCC = ("gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compile_c(sources: Iterable[Path], *flags: str, folder: Path) -> Path:
    """Compile, warnings being errors, once for all the tests of a run; gives what was made.

    Args:
        folder: of a test's own.
    """
    base = folder.parent
    shared = (base.parent if base.name.startswith("popen-") else base) / "compiled"
    shared.mkdir(exist_ok=True)
    command = [*GCC, *map(str, sources), *flags, "-lpthread", "-ldl"]
    made = shared / hashlib.sha256(repr(command).encode()).hexdigest()[:16]
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            done = subprocess.run([*command, "-o", made], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    return made


def build_extension(folder: Path, *flags: str) -> Path:
    """The extension, whose helper is run by the Python that runs the tests."""
    library = ("-shared", "-fPIC", "-fvisibility=hidden")
    built = folder / "dovtab" / "dovtab.so"
    built.parent.mkdir()
    shutil.copy(compile_c(SOURCES, *library, *flags, folder=folder), built)
    built.with_suffix(".python").write_text(f"{sys.executable}\n", encoding="utf-8")
    return built


def build_program(folder: Path, name: str, *flags: str) -> Path:
    """One of the programs, linked with the system's SQLite."""
    return compile_c([PROGRAMS / f"{name}.c"], *flags, "-lsqlite3", folder=folder)


def executable(path: Path, text: str) -> Path:
    """A script that can be run."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def environment(**more: str) -> dict[str, str]:
    """Of a program that is started by a test."""
    return os.environ | {"DOVTAB_LOG": "off"} | more


@cache
def lacking(*flags: str) -> str:
    """Why programs with SQLite in them cannot be built with these flags; "": they can."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        return "it takes Linux and gcc"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "program.c"
        source.write_text(
            "#include <sqlite3.h>\n#include <sqlite3ext.h>\nint main(void) { return sqlite3_initialize(); }\n"
        )
        built = source.with_suffix("")
        command = ["gcc", *flags, "-o", str(built), str(source), "-lsqlite3"]
        done = subprocess.run(command, capture_output=True)
        if done.returncode != 0 or subprocess.run([built], capture_output=True).returncode != 0:
            return (
                f"gcc {' '.join(flags)} makes no program with SQLite: libsqlite3-dev is needed"
            )
    return ""


needs_gcc = pytest.mark.skipif(bool(lacking()), reason=lacking())


def helpers_of(extension: Path) -> set[int]:
    """The helper processes that programs with this copy of the extension have started."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if arguments[1:3] == [b"-I", b"-c"] and arguments[-2] == bytes(
                extension.parents[1]
            ):
                found.add(int(process.name))
    return found
