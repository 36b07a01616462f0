"""Where no helper can be started, loading fails and says why; and the program goes on."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from building import (
    build_extension,
    build_program,
    environment,
    executable,
    helpers_of,
    needs_gcc,
)
from scripted import scripted, settings

from dovtab.simulator import Simulator

pytestmark = needs_gcc


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("start")
    return build_program(folder, "script"), build_extension(folder, "-DDOVTAB_START_SECONDS=1")


def loaded(built: tuple[Path, Path], **variables: str) -> str:
    """What loading says; twice the same, and a statement of nobody's still runs."""
    done = subprocess.run(
        built,
        input="o 0 :memory:\nl 0\nl 0\nx 0 SELECT 1\nc 0\n",
        env=environment(**variables),
        capture_output=True,
        text=True,
    )
    opened, first, second, *rest = done.stdout.splitlines()
    assert (done.returncode, done.stderr, opened, rest) == (0, "", "ok", ["row 1", "ok", "ok"])
    assert first == second
    return first.removeprefix("error 1 error during initialization: ")


@pytest.mark.parametrize(
    ("python", "error"),
    [
        ("/nowhere/python", "dovtab: /nowhere/python cannot be run: No such file or directory"),
        ("nowhere", "dovtab: nowhere cannot be run: No such file or directory"),
        (
            "false",
            "dovtab: its helper did not start with {} (DOVTAB_PYTHON can name another Python): it said nothing",
        ),
        (
            "cat",
            "dovtab: its helper did not start with {0} (DOVTAB_PYTHON can name another Python): Try '{0} --help' for more",
        ),
        ("/etc/passwd", "dovtab: /etc/passwd cannot be run: Permission denied"),
        ("/", "dovtab: / cannot be run: Permission denied"),
    ],
)
def test_what_is_no_python(built: tuple[Path, Path], python: str, error: str) -> None:
    where = next(
        (
            str(path)
            for path in (Path("/usr/bin", python), Path("/bin", python))
            if path.is_file()
        ),
        python,
    )
    said = loaded(built, DOVTAB_PYTHON=python, PATH="/usr/bin:/bin")
    assert said.startswith(error.format(where))


def test_a_python_without_the_package(built: tuple[Path, Path], tmp_path: Path) -> None:
    python = executable(tmp_path / "python", '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
    if not Path("/usr/bin/python3").exists():
        pytest.skip("there is no /usr/bin/python3")
    said = loaded(built, DOVTAB_PYTHON=str(python))
    assert said.startswith(
        f"dovtab: its helper did not start with {python} (DOVTAB_PYTHON can name another Python):"
        " ModuleNotFoundError: No module named 'dovtab"
    )


def test_one_that_hangs(built: tuple[Path, Path], tmp_path: Path) -> None:
    """It is not waited for, and nothing is left of it."""
    note = tmp_path / "processes"
    hanging = executable(tmp_path / "python", f"#!/bin/sh\necho $$ >> {note}\nexec sleep 60\n")
    started = time.monotonic()
    said = loaded(built, DOVTAB_PYTHON=str(hanging))
    assert (
        said
        == f"dovtab: its helper did not start with {hanging} (DOVTAB_PYTHON can name another Python): it said nothing"
    )
    assert 2 <= time.monotonic() - started < 5
    processes = [int(line) for line in note.read_text().split()]
    assert len(processes) == 2
    assert not any(Path(f"/proc/{process}").exists() for process in processes)


def test_settings_that_are_wrong(built: tuple[Path, Path]) -> None:
    """A helper is there then, and is no more with the program."""
    said = loaded(built, DOVTAB_MAX_REQUESTS="many")
    assert said.startswith("DOVTAB_MAX_REQUESTS")
    deadline = time.monotonic() + 10
    while helpers_of(built[1]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_half_a_load_is_none(built: tuple[Path, Path], simulator: Simulator) -> None:
    """What was refused because of one table is not there for the other tables either."""
    with scripted(*built, settings(simulator)) as script:
        lines = "o 1 :memory:", "x 1 CREATE TABLE dovtab_plan(a)", "l 1", "l 1"
        opened, created, first, second = script.say(*lines)
        assert (opened, created) == ("ok", "ok")
        assert "the database main has a table dovtab_plan of its own" in first
        assert second == first
        assert script.say("x 1 DROP TABLE dovtab_plan", "l 1") == ["ok", "ok"]
        assert script.run("SELECT count(*) FROM dovtab_plan", on=1) == ["0"]
        (error,) = script.run("SELECT droplet_actions_wait()", on=1)
        assert "it is called as droplet_actions_wait" in error
