"""Whether a process that wrote something down still runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dovtab.engine.acting.processes import identity


@contextmanager
def running(name: str) -> Iterator[subprocess.Popen[str]]:
    """A process of that name, until it is told to end."""
    program = f"import sys; open('/proc/self/comm', 'w').write({name!r}); print(); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", program], text=True, **pipes)
    assert process.stdout is not None
    assert process.stdin is not None
    with process.stdout, process.stdin:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_process_is_the_same_as_long_as_it_runs() -> None:
    assert identity(os.getpid()) == identity(os.getpid()) is not None


def test_two_processes_are_two() -> None:
    with running("plain") as process:
        assert identity(process.pid) != identity(os.getpid())


@pytest.mark.parametrize("name", ["plain", ") Z 1 (", "a b) S 3"])
def test_a_name_with_brackets_and_blanks_says_nothing(name: str) -> None:
    """It stands in the midst of what is read, as it is."""
    with running(name) as process:
        known = identity(process.pid)
        assert known is not None
        assert identity(process.pid) == known
        # The same start, by what stands after the last bracket.
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        assert known.endswith("/" + stat.rpartition(") ")[2].split()[19])
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        # A zombie has its number still, until somebody asks how it ended.
        assert Path(f"/proc/{process.pid}/stat").exists()
        assert identity(process.pid) is None
    assert identity(process.pid) is None


def test_the_start_of_the_system_is_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container begins to count anew, and so does the system's clock of starts."""
    read, boots = Path.read_text, iter(["a\n", "b\n"])

    def another(path: Path, *args: str, **options: str) -> str:
        return next(boots) if path.name == "boot_id" else read(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", another)
    first, second = identity(os.getpid()), identity(os.getpid())
    assert (first or "").partition("/")[2] == (second or "").partition("/")[2] != ""
    assert ((first or "")[:2], (second or "")[:2]) == ("a/", "b/")


def test_a_system_that_does_not_say_when_it_started_still_tells_who_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some sandboxes have /proc and not this; who was there and is gone must not seem to run."""
    read = Path.read_text

    def without(path: Path, *args: str, **options: str) -> str:
        if path.name == "boot_id":
            raise FileNotFoundError(path)
        return read(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", without)
    assert identity(os.getpid()) is not None
    with running("plain") as process:
        assert identity(process.pid) is not None
    assert identity(process.pid) is None


def test_without_proc_it_is_only_whether_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    exists = Path.exists

    def nothing(path: Path, *args: str, **options: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", nothing)
    monkeypatch.setattr(Path, "exists", lambda path: "proc" not in str(path) and exists(path))
    assert identity(os.getpid()) == "running"
    with running("plain") as process:
        assert identity(process.pid) == "running"
    assert identity(process.pid) is None
