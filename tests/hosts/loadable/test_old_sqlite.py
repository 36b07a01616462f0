"""One extension for every SQLite since 3.31: rows, plans, actions and interrupts are the same."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting_cases import CASES
from building import build_extension, build_program, environment, needs_gcc
from old_sqlite import RUN, TOO_OLD, library
from scripted import Script, interrupting, play, quick_account, scripted, settings

from dovtab.simulator import Fault, Simulator

pytestmark = needs_gcc
Built = tuple[Path, Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("versions")
    return build_program(folder, "script"), build_extension(folder)


@pytest.fixture(params=RUN)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def variables(version: str) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": str(library(version))}


@pytest.fixture
def account() -> Iterator[Simulator]:
    with quick_account() as running:
        yield running


@pytest.fixture
def script(
    variables: dict[str, str], built: Built, account: Simulator, version: str
) -> Iterator[Script]:
    with scripted(*built, settings(account, **variables)) as running:
        assert running.run("SELECT sqlite_version()") == [version]
        yield running


def asked(account: Simulator) -> list[str]:
    return [f"{request.method} {request.path}" for request in account.requests]


def test_rows_and_what_is_asked_for_them(script: Script, account: Simulator) -> None:
    """IN asks for each once, LIMIT for no page too many."""
    one, two, three = sorted(account.account.droplets)
    found = "SELECT group_concat(id) FROM (SELECT id FROM droplet_actions WHERE {} ORDER BY id)"
    ids = {
        droplet: sorted(action.id for action in account.account.history(droplet))
        for droplet in (one, two, three)
    }
    expected = {droplet: ",".join(map(str, numbers)) for droplet, numbers in ids.items()}
    assert script.run(found.format(f"droplet_id = {one}")) == [expected[one]]
    assert script.run(found.format(f"droplet_id IN ({one}, {one}, 7)")) == [expected[one]]
    before = len(asked(account))
    both = sorted(ids[one] + ids[two])
    assert script.run(found.format(f"droplet_id IN ({one}, {two}, {one})")) == [
        ",".join(map(str, both))
    ]
    assert len(asked(account)) == before + 2
    limited = f"SELECT id FROM droplet_actions WHERE droplet_id = {one} LIMIT 1 OFFSET 1"
    assert script.run(limited) == [str(ids[one][-2])]
    joined = (
        "SELECT count(*), max(a.droplet_id) FROM json_each('[{}, {}]') AS v"
        " JOIN droplet_actions AS a ON a.droplet_id = v.value"
    )
    assert script.run(joined.format(one, three)) == [f"{len(ids[one] + ids[three])}|{three}"]
    assert script.run("SELECT count(*) FROM droplet_actions WHERE type = 'none'") == ["0"]


def test_a_time_compares_or_is_refused(script: Script, account: Simulator) -> None:
    """The values of an IN come one by one where they cannot come at once."""
    actions = [a for a in account.account.actions.values() if a.resource_type == "droplet"]
    times, every = sorted({action.started_at for action in actions}), len(actions)
    some = ", ".join(f"'{time}'" for time in times)
    count = "SELECT count(*), count(DISTINCT id) FROM droplet_actions WHERE started_at {}"
    whole = f"IN ({some}, '2026', NULL)", f"BETWEEN '{times[0]}' AND '{times[-1]}'", "LIKE '2%'"
    for term in whole:
        assert script.run(count.format(term)) == [f"{every}|{every}"], term
    for term in (f"IN ({some}, 7)", "> datetime('now')", "<> '2026-11-24 10:00'"):
        (error,) = script.run(count.format(term))
        assert " does not compare with it: write strftime" in error


def test_it_acts_as_often_as_it_is_told(
    variables: dict[str, str], built: Built, account: Simulator, version: str
) -> None:
    """Functions, INSERT, ROLLBACK, savepoints, triggers: all the scripts that are hard to tell."""
    number = tuple(map(int, version.split(".")))[:2]
    for case in CASES:
        if number >= case.least:
            actions, errors = play(case, built, account, **variables)
            assert (actions, len(errors)) == (case.actions, len(case.errors)), (case, errors)
            for error, piece in zip(errors, case.errors, strict=True):
                assert piece in error, case


def test_an_interrupt_ends_a_query(script: Script, account: Simulator) -> None:
    account.fault(Fault("delay", seconds=5))
    started = time.monotonic()
    with interrupting(script):
        (error,) = script.run("SELECT count(*) FROM droplet_actions")
    assert error.startswith("error 9 ")
    assert time.monotonic() - started < 2.5
    account.clear_faults()
    assert script.run("SELECT count(*) > 0 FROM droplet_actions") == ["1"]


def test_one_that_is_too_old_is_refused_with_the_reason(built: Built) -> None:
    program, extension = built
    done = subprocess.run(
        [program, extension],
        input="o 0 :memory:\nl 0\n",
        env=environment(LD_LIBRARY_PATH=str(library(TOO_OLD))),
        capture_output=True,
        text=True,
    )
    assert done.stdout == (
        "ok\nerror 1 error during initialization: dovtab needs SQLite 3.31 or newer,"
        f" and this program has {TOO_OLD}\n"
    )
