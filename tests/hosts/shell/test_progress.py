"""A line while a statement waits, and nothing left of it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import apsw
import pexpect
import pytest

from dovtab.api.settings import resolve
from dovtab.engine.statement import Statement, now
from dovtab.hosts.apsw.connection import attach
from dovtab.hosts.shell.progress import Progress
from dovtab.simulator import Simulator
from shared_clock import SharedClock

SECOND = 1_000_000_000
COMMAND = [
    sys.executable,
    "-m",
    "dovtab",
    ":memory:",
    "SELECT count(*) FROM droplet_actions(1)",
]


def shown(stream: io.StringIO) -> str:
    """What is on the line now."""
    line = ""
    for piece in stream.getvalue().split("\r"):
        line = piece + line[len(piece) :]
    return line.rstrip()


class LaterEachTime:
    """A clock that is a second further whenever somebody looks."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        self.ahead_ns += SECOND
        return now() + self.ahead_ns


def old_statement(seconds: int) -> Statement:
    statement = Statement()
    statement.started_ns -= seconds * SECOND
    statement.requests, statement.outstanding = 3, 7
    return statement


def test_a_statement_is_left_a_second() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.waiting(old_statement(0), 0)
    progress.wait_over()
    progress.ended(Counter())
    assert stream.getvalue() == ""


def test_it_says_how_many_were_made_how_many_are_expected_and_what_it_waits_for() -> None:
    stream = io.StringIO()
    # The first look adds a second, and tqdm looks at its own clock from then on.
    progress, statement = Progress(stream, clock=LaterEachTime()), old_statement(74)
    progress.waiting(statement, 0)
    assert shown(stream) == "requests: 3 of 10 [01:15]"
    statement.requests, statement.outstanding = 4, 6
    progress.waiting(statement, 58.4)
    assert shown(stream) == "requests: 4 of 10 [01:15, waiting 58 s for the quota]"
    progress.wait_over()
    assert shown(stream) == ""
    progress.waiting(statement, 0)
    assert shown(stream) == "requests: 4 of 10 [01:15]"
    progress.ended(Counter())
    assert shown(stream) == ""
    progress.wait_over()


@pytest.fixture
def far_away(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """An account that a statement needs more than a second to read."""
    simulator.account.add_droplet(droplet_id=1)
    for _ in range(2000):
        simulator.account.add_action(1)
    simulator.latency = 0.16
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DOVTAB_CONCURRENCY", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    return simulator


def test_it_is_drawn_four_times_a_second_at_most() -> None:
    stream, at = io.StringIO(), now()
    times = iter([at, at + SECOND // 5, at + SECOND // 4, at + SECOND // 3])
    progress = Progress(stream, clock=lambda: next(times))
    statement = old_statement(75)
    for statement.requests in (3, 4, 5, 6):
        progress.waiting(statement, 0)
    assert re.findall(r"requests: (\d)", stream.getvalue()) == ["3", "5"]
    progress.ended(Counter())


@pytest.mark.parametrize("columns", [24, 40])
def test_what_is_wider_than_the_terminal_is_cut_off(columns: int) -> None:
    """A line that goes on below is wiped only in part."""
    code = f"""
import sys, time
from dovtab.engine.statement import Statement
from dovtab.hosts.shell.progress import Progress
statement = Statement()
statement.started_ns -= {75 * SECOND}
statement.requests, statement.outstanding = 3, 7
progress = Progress(sys.stderr)
progress.waiting(statement, 58)
progress.wait_over()
"""
    program = pexpect.spawn(sys.executable, ["-c", code], dimensions=(24, columns))
    program.expect(pexpect.EOF)
    assert program.wait() == 0
    drawn, *_ = [piece for piece in program.before.decode().split("\r") if piece.strip()]
    assert drawn.startswith("requests: 3 of 10")
    assert len(drawn) <= columns


def test_on_a_terminal_it_is_seen_and_gone(far_away: Simulator) -> None:
    said = pexpect.run(" ".join([*COMMAND[:4], f"'{COMMAND[4]}'"]), env=dict(os.environ))
    text = said.decode()
    counts = [int(n) for n in re.findall(r"requests: (\d+) of 10 ", text)]
    assert counts == sorted(counts)
    assert counts[-1] >= 8
    # The last thing drawn on the line is nothing, and then comes the answer.
    _, _, after = text.rpartition("requests: ")
    assert re.match(r"\d+ of 10 \[00:0\d\]\r +\r", after)
    assert "2000" in after


def test_what_is_piped_has_none_of_it(far_away: Simulator) -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2000\n", "")


class Impatient(Progress):
    """To whom every statement has taken its time already; keeps what it has drawn."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream, clock=LaterEachTime())
        self.told: list[str] = []

    def waiting(self, statement: Statement, quota_seconds: float) -> None:
        super().waiting(statement, quota_seconds)
        told = shown(self.stream).partition(" [")[0]
        if self.told[-1:] != [told]:
            self.told.append(told)


@pytest.fixture
def watched(
    simulator: Simulator, shared_clock: SharedClock
) -> Iterator[Callable[..., tuple[apsw.Connection, Impatient]]]:
    """Opens connections of somebody who looks."""
    opened: list[apsw.Connection] = []
    for id in range(1, 11):
        simulator.account.add_droplet(id)

    def open_connection(**settings: object) -> tuple[apsw.Connection, Impatient]:
        given = {"token": simulator.token, "api_url": simulator.url} | settings
        opened.append(apsw.Connection(":memory:"))
        observer = Impatient()
        attach(opened[-1], resolve(given, os.getenv), shared_clock, observer)
        return opened[-1], observer

    yield open_connection
    for connection in opened:
        connection.close(True)


def test_of_a_wait_it_says_how_many_have_ended_which_is_slowest_and_how_long_is_left(
    simulator: Simulator, watched: Callable[..., tuple[apsw.Connection, Impatient]]
) -> None:
    db, observer = watched(concurrency=16)
    with db:
        db.executemany(
            "INSERT INTO droplet_actions(droplet_id, type) VALUES (?, ?)",
            [(id, "power_off" if id > 7 else "snapshot") for id in range(1, 11)],
        )
    first = db.execute("SELECT action_id FROM dovtab_posts WHERE droplet_id = 1").get
    observer.told.clear()
    assert db.execute("SELECT droplet_actions_outcome(1, ?)", (first,)).get == "completed"
    pattern = re.compile(
        r"actions ended: (\d+) of 10; (\d+) s left(?:; slowest: droplet_id=(\d+) action_id=\d+)?"
    )
    found = [pattern.fullmatch(told) for told in observer.told if told]
    assert all(found), [told for told in observer.told if not pattern.fullmatch(told)]
    # Until it ends there is none that has been under way for longer.
    assert [match[3] for match in found if match and int(match[1]) <= 3].count("1") > 3
    ended = [int(match[1]) for match in found if match]
    left = [int(match[2]) for match in found if match]
    assert (ended[0], left[0]) == (0, 600)
    # The three that are switched off have ended long before.
    assert ended == sorted(ended)
    assert 3 in ended
    assert left == sorted(left, reverse=True)
    assert 600 - 60 - 19 < left[-1] < 600 - 30
    observer.told.clear()
    query = "SELECT droplet_actions_outcome(droplet_id, action_id) FROM dovtab_posts"
    assert set(db.execute(query)) == {("completed",)}
    assert shown(observer.stream) == ""


def test_an_action_of_somebody_else_s_counts_while_it_is_waited_for(
    simulator: Simulator, watched: Callable[..., tuple[apsw.Connection, Impatient]]
) -> None:
    db, observer = watched()
    theirs = simulator.account.add_action(1, "snapshot", "in-progress", seconds=20)
    query = "SELECT droplet_actions_outcome(1, ?, 300)"
    assert db.execute(query, (theirs.id,)).get == "completed"
    told = f"actions ended: 0 of 1; 300 s left; slowest: droplet_id=1 action_id={theirs.id}"
    assert observer.told[0] == told


def test_of_a_commit_it_says_how_many_actions_are_done(
    simulator: Simulator, watched: Callable[..., tuple[apsw.Connection, Impatient]]
) -> None:
    db, observer = watched(concurrency=1)
    simulator.latency = 0.08
    insert = "INSERT INTO droplet_actions(droplet_id, type) VALUES (?, 'reboot')"
    with db:
        db.executemany(insert, [(id,) for id in range(1, 9)])
        observer.told.clear()
    found = [re.fullmatch(r"actions: (\d) of 8", told) for told in observer.told if told]
    counts = [int(match[1]) for match in found if match]
    assert len(counts) == len(found)
    assert counts == sorted(counts)
    assert {2, 3, 4} <= set(counts)
    assert "actions: 8 sent; see dovtab_posts" in observer.stream.getvalue()


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [
        *(("y\n", True), ("Yes\n", True), (" y \n", True), ("y", True)),
        *(("n\n", False), ("\n", False), ("", False), ("yes please\n", False)),
    ],
)
def test_only_a_yes_is_one(monkeypatch: pytest.MonkeyPatch, answer: str, is_yes: bool) -> None:
    stream = io.StringIO()
    progress = Progress(stream, asks=True)
    progress.waiting(old_statement(75), 0)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert progress.confirm("Go on? [y/N] ") is is_yes
    # The line that was there is gone before the question comes.
    assert shown(stream) == "Go on? [y/N]"
    progress.ended(Counter())
