"""The quota as a table, and the word about a wait for it."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.api.clock import SystemClock
from dovtab.api.quota import Usage
from dovtab.api.settings import resolve
from dovtab.api.shared_quota import SharedQuota, file_of
from dovtab.api.token import Token
from dovtab.engine.quota_waits import QuotaWait, QuotaWaits
from dovtab.hosts.apsw.connection import attach
from dovtab.hosts.shell.progress import Progress
from dovtab.simulator import Fault, ManualClock, Simulator
from shared_clock import SharedClock

pytestmark = pytest.mark.usefixtures("one_by_one")

Connect = Callable[..., apsw.Connection]
QUOTA = 'SELECT account, window, "limit", used, remaining, frees_at, waited_seconds FROM dovtab_quota'


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in range(1, 301):
        simulator.account.add_droplet(droplet_id=id)
    return simulator


def in_list(count: int) -> str:
    ids = ", ".join(map(str, range(1, count + 1)))
    return f"SELECT count(*) FROM droplet_actions WHERE droplet_id IN ({ids})"


def fingerprint(simulator: Simulator) -> str:
    return Token(simulator.token, "a test").fingerprint()


def test_both_windows_are_seen_with_what_is_used_of_them(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect()
    assert db.execute(in_list(7)).get == 0
    account = fingerprint(fleet)
    assert list(db.execute(QUOTA)) == [
        (account, "minute", 250, 7, 243, None, 0.0),
        (account, "hour", 5000, 7, 4993, None, 0.0),
    ]
    assert len(fleet.requests) == 7


def test_one_that_is_used_up_says_when_the_next_request_can_be_sent(
    fleet: Simulator, connect: Connect, clock: ManualClock
) -> None:
    db = connect()
    list(db.execute(in_list(250)))
    clock.advance(20)
    minute, hour = db.execute(QUOTA)
    assert minute[3:] == (250, 0, "2026-11-18T11:07:40.001Z", 0.0)
    assert hour[3:] == (250, 4750, None, 0.0)
    assert db.execute("SELECT count(*) FROM droplet_actions(1)").get == 0
    assert [row[3:] for row in db.execute(QUOTA)] == [
        (1, 249, None, 40.001),
        (251, 4749, None, 0),
    ]


def test_a_wait_after_a_refusal_is_a_wait_for_the_minute(
    fleet: Simulator, connect: Connect
) -> None:
    fleet.fault(Fault(kind="status", status=429, retry_after=17))
    db = connect()
    list(db.execute("SELECT count(*) FROM droplet_actions(1)"))
    waited = [row[-1] for row in db.execute(QUOTA)]
    assert waited == [pytest.approx(17, abs=1), 0]


def test_it_asks_for_nothing_and_needs_no_token(
    fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = dovtab.connect(api_url=fleet.url)
    assert list(db.execute(QUOTA)) == []
    # With one, what other processes have used is seen before anything is asked.
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", fleet.token)
    assert [row[3] for row in db.execute(QUOTA)] == [0, 0]
    assert fleet.requests == []
    db.close()


def test_another_connection_s_use_is_used_but_not_its_waiting(
    fleet: Simulator, connect: Connect
) -> None:
    first, second = connect(), connect()
    list(first.execute(in_list(251)))
    assert [row[3:] for row in second.execute(QUOTA)] == [
        (1, 249, None, 0),
        (251, 4749, None, 0),
    ]


def test_an_account_of_a_context_is_there_once_it_is_used(
    fleet: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth-contexts:\n  prod: token-of-prod\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    fleet.account.add_token("token-of-prod", label="prod")
    db = connect()
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    accounts = "SELECT account, used FROM dovtab_quota WHERE window = 'minute'"
    own = fingerprint(fleet)
    assert list(db.execute(accounts)) == [(own, 0)]
    list(db.execute("SELECT count(*) FROM prod WHERE droplet_id = 1"))
    assert list(db.execute(accounts)) == [(own, 0), ("prod", 1)]
    assert list(connect(token=None, context="prod").execute(accounts)) == [("prod", 1)]


Watched = Callable[..., tuple[apsw.Connection, io.StringIO]]


@pytest.fixture
def watched(fleet: Simulator, shared_clock: SharedClock) -> Iterator[Watched]:
    """Opens connections of a shell, with what it says."""
    opened: list[apsw.Connection] = []

    def open_connection(*, draws: bool) -> tuple[apsw.Connection, io.StringIO]:
        said = io.StringIO()
        opened.append(apsw.Connection(":memory:"))
        given = {"token": fleet.token, "api_url": fleet.url, "cache_seconds": 0}
        observer = Progress(said, draws=draws)
        attach(opened[-1], resolve(given, os.getenv), shared_clock, observer)
        return opened[-1], said

    yield open_connection
    for connection in opened:
        connection.close(True)


WAITING = "waiting 60 s for the quota (250 requests a minute); see dovtab_quota"


def test_without_a_terminal_a_wait_is_told_once_of_each_statement(watched: Watched) -> None:
    db, said = watched(draws=False)
    list(db.execute(in_list(250)))
    assert said.getvalue() == ""
    list(db.execute(in_list(300)))
    list(db.execute(in_list(300)))
    lines = said.getvalue().splitlines()
    assert lines[0] == WAITING
    assert [line[:8] + line[-16:] for line in lines] == ["waiting see dovtab_quota"] * 2


def test_a_short_wait_is_not_told(
    watched: Watched, fleet: Simulator, clock: ManualClock, shared_clock: SharedClock
) -> None:
    db, said = watched(draws=False)
    list(db.execute(in_list(250)))
    clock.advance(59.1)
    list(db.execute(in_list(10)))
    assert shared_clock.waits
    assert said.getvalue() == ""


def test_on_a_terminal_the_line_shows_it(watched: Watched) -> None:
    db, said = watched(draws=True)
    list(db.execute(in_list(300)))
    assert "see dovtab_quota" not in said.getvalue()


def test_a_wait_for_the_quota_of_a_context_is_told_too(
    watched: Watched, fleet: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth-contexts:\n  prod: token-of-prod\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    fleet.account.add_token("token-of-prod", label="prod")
    db, said = watched(draws=False)
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    list(db.execute(in_list(300).replace("droplet_actions", "prod")))
    assert said.getvalue() == WAITING + "\n"


def test_a_wait_for_the_hour_says_so(
    watched: Watched, fleet: Simulator, clock: ManualClock
) -> None:
    folder = os.environ["XDG_RUNTIME_DIR"] + "/dovtab/quota"
    others = SharedQuota(file_of(folder, fleet.url, Token(fleet.token, "a test")))
    for _ in range(20):
        for _ in range(250):
            assert others.take(clock.time()) == 0
            others.answered(clock.time())
        clock.advance(61)
    # The first of them leave the hour in half a minute.
    clock.advance(3570 - 20 * 61)
    db, said = watched(draws=False)
    list(db.execute("SELECT count(*) FROM droplet_actions(1)"))
    assert "s for the quota (5000 requests an hour); see dovtab_quota" in said.getvalue()
    minute, hour = db.execute(QUOTA)
    assert (minute[-1], hour[-1]) == (0, pytest.approx(30, abs=0.01))


def test_waits_at_the_same_time_are_one_wait(
    clock: ManualClock, shared_clock: SharedClock
) -> None:
    waits = QuotaWaits(shared_clock)
    first, second = QuotaWait(30, "minute"), QuotaWait(20, "minute")
    with waits.during(first):
        clock.advance(10)
        with waits.during(second):
            assert waits.current == second
            clock.advance(20)
        assert waits.current == first
        clock.advance(1)
    with waits.during(QuotaWait(7, "hour")):
        clock.advance(7)
    assert waits.current is None
    usage = Usage("minute", 250, 0, 0), Usage("hour", 5000, 0, 0)
    assert [row[-1] for row in waits.rows("mine", usage)] == [31, 7]


def test_a_library_logs_it(
    fleet: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    list(connect().execute(in_list(300)))
    assert caplog.record_tuples == [("dovtab", logging.WARNING, WAITING)]


def test_waits_at_the_same_time_are_logged_once(
    shared_clock: SharedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And not those that are short, or of what was refused, which is logged with the request."""
    waits = QuotaWaits(shared_clock)
    with waits.during(QuotaWait(0.9, "minute")):
        pass
    with waits.during(QuotaWait(30, "refused")):
        pass
    with waits.during(QuotaWait(60, "minute")), waits.during(QuotaWait(59, "minute")):
        pass
    with waits.during(QuotaWait(7, "hour")):
        pass
    assert caplog.messages == [
        WAITING,
        "waiting 7 s for the quota (5000 requests an hour); see dovtab_quota",
    ]


LIBRARY = """
import dovtab
from dovtab.api.clock import SystemClock
SystemClock.wait = lambda self, event, seconds: event.wait(0.2)
db = dovtab.connect()
try:
    list(db.execute("SELECT count(*) FROM droplet_actions(1)"))
except dovtab.RateLimitError:
    print("waited")
"""


def test_a_library_prints_nothing(fleet: Simulator, tmp_path: Path) -> None:
    """Python prints what is logged and nobody wants to hear, if nothing is done about it."""
    token = Token(fleet.token, "a test")
    folder = str(tmp_path / "quota")
    file = file_of(folder, fleet.url, token)
    others, now = SharedQuota(file), SystemClock().monotonic
    while others.take(now()) == 0:
        others.answered(now())
    environment = os.environ | {
        "DIGITALOCEAN_TOKEN": fleet.token,
        "DIGITALOCEAN_API_URL": fleet.url,
        "DOVTAB_QUOTA_FOLDER": folder,
    }
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY], env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("waited\n", "")
    assert fleet.requests == []
