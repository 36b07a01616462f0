"""A helper that is killed, stopped or hangs: an error, the truth about what was sent, another helper."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from building import build_extension, build_program, executable, helpers_of, needs_gcc
from scripted import Script, interrupting, posts, quick_account, scripted, settings

from dovtab.simulator import Fault, Simulator

pytestmark = needs_gcc
COUNT = "SELECT count(*) > 0 FROM droplet_actions"
INSERT = "INSERT INTO droplet_actions(droplet_id, type) VALUES ({}, 'reboot')"
UNKNOWN = (
    "error 1 dovtab: its helper has ended; whether it started actions is not known: dovtab_log has"
    " what was asked, and droplet_actions_reconcile() looks for it"
)
# Shorter than any patience of the extension's.
SOON = 2.5


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(tmp_path_factory.mktemp("program"), "script")


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is not patient."""
    flags = ("-DDOVTAB_SILENCE_SECONDS=2", "-DDOVTAB_GRACE_SECONDS=1")
    return build_extension(tmp_path_factory.mktemp("lost"), *flags)


@pytest.fixture
def account() -> Iterator[Simulator]:
    with quick_account() as running:
        yield running


@pytest.fixture
def script(program: Path, extension: Path, account: Simulator) -> Iterator[Script]:
    with scripted(program, extension, settings(account)) as running:
        yield running
    until(lambda: not helpers_of(extension))


@pytest.fixture
def insert(account: Simulator) -> str:
    return INSERT.format(min(account.account.droplets))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def send(extension: Path, number: int) -> int:
    """A signal to the helper; gives its process."""
    (helper,) = helpers_of(extension)
    os.kill(helper, number)
    # It takes a moment. One that is killed may stay until somebody asks for its status.
    until(lambda: state(helper) in ("T" if number == signal.SIGSTOP else ("Z", "X")))
    return helper


def state(process: int) -> str:
    """A letter; X for one that is gone, with all its threads."""
    here = Path(f"/proc/{process}")
    try:
        letter = (here / "stat").read_text().rpartition(")")[2].split()[0]
        others = len(list((here / "task").iterdir())) - 1
    except OSError:
        return "X"
    # What one thread does not close any more another may still have open.
    return "dying" if letter == "Z" and others else letter


def kill_when(holds: Callable[[], bool], extension: Path) -> threading.Thread:
    def wait_and_kill() -> None:
        until(holds)
        send(extension, signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    return thread


def test_killed_between_statements(script: Script, extension: Path) -> None:
    """Nobody notices."""
    assert script.run(COUNT) == ["1"]
    killed = send(extension, signal.SIGKILL)
    assert script.run(COUNT) == ["1"]
    assert helpers_of(extension) - {killed}


NEWER = """#!/bin/sh
exec {python} -I -c "
import sys
sys.path.append(sys.argv[1])
import dovtab.version
dovtab.version.VERSION = 'newer'
from dovtab.hosts.pipe.helper import main
main()" "$4"
"""


def test_one_of_another_version_is_not_taken_for_it(
    script: Script, extension: Path, tmp_path: Path
) -> None:
    """What it calls as before could mean something else."""
    assert script.run(COUNT) == ["1"]
    note = extension.with_suffix(".python")
    before = note.read_text(encoding="utf-8")
    newer = executable(tmp_path / "python", NEWER.format(python=sys.executable))
    note.write_text(f"{newer}\n", encoding="utf-8")
    try:
        send(extension, signal.SIGKILL)
        said = "error 1 dovtab has been upgraded since this connection loaded it: open another"
        assert script.run(COUNT) == [said]
    finally:
        note.write_text(before, encoding="utf-8")


def test_killed_in_a_query(script: Script, extension: Path, account: Simulator) -> None:
    account.fault(Fault("delay", seconds=5))
    killer = kill_when(lambda: bool(account.requests), extension)
    started = time.monotonic()
    assert script.run(COUNT) == ["error 1 dovtab: its helper has ended"]
    assert time.monotonic() - started < SOON
    killer.join()
    assert script.run(COUNT) == ["1"]


def test_killed_while_its_rows_are_half_read(
    script: Script, extension: Path, account: Simulator
) -> None:
    droplet = min(account.account.droplets)
    for _ in range(300):
        account.account.add_action(droplet, "reboot")
    script.say("p 0 SELECT id FROM droplet_actions", "s 0")
    send(extension, signal.SIGKILL)
    said = script.say(*["s 0"] * 250)
    assert "error 1 dovtab: its helper has ended" in said
    assert script.run(COUNT) == ["1"]
    # And if another one was started meanwhile.
    script.say("r 0", "s 0")
    send(extension, signal.SIGKILL)
    assert script.run(COUNT) == ["1"]
    said = script.say(*["s 0"] * 250, "f 0")
    assert "error 1 dovtab: its helper ended, and was started anew while this query ran" in said


@pytest.mark.parametrize("way", ["function", "insert"])
def test_killed_while_it_acts(
    way: str, script: Script, extension: Path, account: Simulator, insert: str
) -> None:
    """What came of it is not known, and nothing is sent twice."""
    account.fault(Fault("delay", method="POST", seconds=5))
    call = f"SELECT droplet_actions_post({min(account.account.droplets)}, 'reboot')"
    killer = kill_when(lambda: posts(account) == 1, extension)
    assert script.run(call if way == "function" else insert) == [UNKNOWN]
    killer.join()
    assert script.run(COUNT) == ["1"]
    assert posts(account) == 1


def test_killed_between_two_rows_that_act(
    script: Script, extension: Path, account: Simulator
) -> None:
    """The next one does not know what the statement has asked for already."""
    call = f"droplet_actions_post({min(account.account.droplets)}, 'reboot') IS NOT NULL"
    prepared = f"p 0 SELECT {call} FROM json_each('[1, 2]')"
    assert script.say(prepared, "s 0")[-1] == "row 1"
    send(extension, signal.SIGKILL)
    (said,) = script.say("s 0")
    assert said.endswith("started anew while this statement ran")
    assert posts(account) == 1
    script.say("f 0")


@pytest.mark.parametrize("used", [False, True])
def test_killed_before_commit(
    used: bool, script: Script, extension: Path, account: Simulator, insert: str
) -> None:
    """COMMIT says that nothing was sent, also if another helper was started meanwhile."""
    assert script.run("BEGIN", insert) == []
    send(extension, signal.SIGKILL)
    between = [COUNT, insert] if used else []
    said = script.run(*between, "COMMIT", insert)
    if used:
        assert said.pop(0) == "1"
        assert said.pop(0) == (
            "error 1 dovtab: its helper ended, and was started anew within this transaction:"
            " nothing was sent; ROLLBACK, and begin it again"
        )
    (error,) = said
    assert error == (
        "error 1 dovtab: its helper ended, and was started anew, and what this transaction asked"
        " for is lost: nothing of it was sent"
    )
    # The last INSERT, when the transaction was over.
    assert posts(account) == 1


def test_stopped_and_interrupted(script: Script, extension: Path) -> None:
    """The helper cannot say what became of it, and is not waited for."""
    script.say("p 0 SELECT id FROM droplet_actions")
    stopped = send(extension, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with interrupting(script):
            assert script.say("s 0", "f 0") == ["error 9 interrupted"]
        assert time.monotonic() - started < SOON
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert script.run(COUNT) == ["1"]
    assert helpers_of(extension) == {stopped}


def test_stopped_for_long(script: Script, extension: Path) -> None:
    """The silence is noticed, the next statement has another helper, and this one ends."""
    script.say("p 0 SELECT id FROM droplet_actions")
    stopped = send(extension, signal.SIGSTOP)
    try:
        assert script.say("s 0", "f 0") == [
            "error 1 dovtab: its helper has not answered for 2 seconds: it was stopped, or hangs"
        ]
        assert script.run(COUNT) == ["1"]
        assert len(helpers_of(extension)) == 2
    finally:
        os.kill(stopped, signal.SIGCONT)
    until(lambda: stopped not in helpers_of(extension))


def test_what_takes_long_is_not_silence(script: Script, account: Simulator) -> None:
    """A helper says that it is still at work."""
    account.fault(Fault("delay", seconds=2.5))
    assert script.run(COUNT) == ["1"]


def test_each_connection_has_the_token_of_its_load(
    script: Script, extension: Path, account: Simulator
) -> None:
    """Also with another helper: none has another's token, though they share the process."""
    account.account.add_token("other", label="other")
    assert script.say("t 0 other", "o 1 :memory:", "l 1", "t 0 wrong") == ["ok", "ok"]

    def users() -> list[str | None]:
        seen = len(account.requests)
        for connection in (0, 1, 0, 1):
            assert script.run("SELECT count(*) > 0 FROM droplet_actions", on=connection) == [
                "1"
            ]
        return [request.authorized_as for request in account.requests[seen:]]

    assert users() == [account.token, "other"] * 2
    send(extension, signal.SIGKILL)
    assert users() == [account.token, "other"] * 2
