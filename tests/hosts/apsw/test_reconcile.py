"""Looking for what became of POSTs of which the log has no outcome, and telling of them."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.token import Token
from dovtab.engine.acting.log import ActionLog
from dovtab.engine.acting.processes import identity
from dovtab.engine.journal import rfc3339
from dovtab.hosts.command import main
from dovtab.simulator import Colleague, Fault, ManualClock, Simulator

Connect = Callable[..., apsw.Connection]
RECONCILE = "SELECT droplet_actions_reconcile()"
CALL = "SELECT droplet_actions_post(1, 'enable_ipv6')"
GONE = "a boot of long ago/1"


@pytest.fixture(autouse=True)
def with_a_log(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have none."""
    monkeypatch.delenv("DOVTAB_LOG")


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in range(1, 6):
        simulator.account.add_droplet(droplet_id=id, tags=("web",) if id <= 3 else ())
    return simulator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "actions.db"


@pytest.fixture
def db(fleet: Simulator, connect: Connect, path: Path) -> apsw.Connection:
    return connect(log=path)


def insert(path: Path, table: str, **cells: Any) -> int:
    """Write into the log as dovtab does."""
    ActionLog(str(path)).told([])
    with closing(sqlite3.connect(path)) as file, file:
        marks = ", ".join("?" * len(cells))
        sql = f"INSERT INTO {table}({', '.join(cells)}) VALUES ({marks})"
        id = file.execute(sql, list(cells.values())).lastrowid
    assert id is not None
    return id


Left = Callable[..., int]


@pytest.fixture
def left(fleet: Simulator, path: Path) -> Left:
    """Writes a POST down as a process that is gone by now; gives its number."""

    def write(droplet: int | None = 1, *, ago: float = 600.0, **cells: Any) -> int:
        usual = {
            "asked_at": rfc3339(fleet.clock.time() - ago),
            "user": "me",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process": GONE,
            "token": Token(fleet.token, "a test").fingerprint(),
            "api_url": fleet.url,
            "sql": "INSERT ...",
            "table_name": "droplet_actions",
            "parent": droplet,
            "type": "enable_ipv6",
        }
        return insert(path, "post", **usual | cells)

    return write


def booked(path: Path, id: int, *outcomes: tuple[int | None, int | None, str]) -> None:
    """Write down what became of it."""
    text = json.dumps([[*one, None] for one in outcomes])
    insert(path, "booking", post=id, booked_at="2026-11-18T11:00:00.000Z", outcomes=text)


def made(simulator: Simulator, droplet: int = 1, *, ago: float = 600.0, **more: Any) -> int:
    """An action that was started then."""
    at = simulator.clock.time() - ago
    cells = {"type": "enable_ipv6", "started_at": at} | more
    return simulator.account.add_action(droplet, **cells).id


def reconciled(db: apsw.Connection) -> tuple[int, int, int]:
    """How many are inferred now, stay unknown, and are elsewhere."""
    counts = json.loads(db.execute(RECONCILE).get)
    assert list(counts) == ["inferred", "unknown", "elsewhere"]
    inferred, unknown, elsewhere = counts.values()
    return inferred, unknown, elsewhere


def outcomes(db: apsw.Connection) -> list[Any]:
    return list(db.execute("SELECT seq, droplet_id, outcome, action_id FROM dovtab_log"))


def errors(db: apsw.Connection) -> list[Any]:
    return [error for (error,) in db.execute("SELECT error FROM dovtab_log")]


def nothing_was_acted(simulator: Simulator) -> bool:
    return all(r.method == "GET" for r in simulator.requests)


def test_what_is_found_is_inferred_and_what_is_not_is_unknown(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(1)
    left(2)
    action = made(fleet, 1, ago=598)
    assert reconciled(db) == (1, 1, 0)
    assert outcomes(db) == [(1, 1, "inferred", action), (2, 2, "unknown", None)]
    assert errors(db)[0] is None
    assert "no such action was found" in errors(db)[1]
    assert nothing_was_acted(fleet)


def test_a_second_time_changes_nothing_more(
    fleet: Simulator, db: apsw.Connection, connect: Connect, left: Left, path: Path
) -> None:
    for droplet in (1, 2):
        left(droplet)
    made(fleet, 1)
    assert reconciled(db) == (1, 1, 0)
    before = list(db.execute("SELECT * FROM dovtab_log"))
    fleet.clock.advance(60)
    assert reconciled(db) == (0, 1, 0)
    assert reconciled(connect(log=path)) == (0, 1, 0)
    assert list(db.execute("SELECT * FROM dovtab_log")) == before


def test_what_shows_later_is_found_later(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left()
    assert reconciled(db) == (0, 1, 0)
    action = made(fleet)
    assert reconciled(db) == (1, 0, 0)
    assert outcomes(db) == [(1, 1, "inferred", action)]


def test_an_unknown_outcome_of_before_is_looked_for_again(
    fleet: Simulator, db: apsw.Connection, connect: Connect, path: Path
) -> None:
    """Also one of this very process: it is over."""
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(CALL))
    action = made(fleet, ago=-3.0)
    fleet.clock.advance(60)
    assert reconciled(connect(log=path)) == (1, 0, 0)
    assert outcomes(db) == [(1, 1, "inferred", action)]


@pytest.mark.parametrize("other", [{"token": "another"}, {"api_url": "https://example.com"}])
def test_another_account_s_are_counted_and_left_alone(
    fleet: Simulator, db: apsw.Connection, left: Left, other: dict[str, str]
) -> None:
    left(**other)
    made(fleet)
    assert reconciled(db) == (0, 0, 1)
    assert outcomes(db) == [(1, 1, None, None)]
    assert fleet.requests == []


def test_another_account_of_the_connection_s_is_looked_at(
    fleet: Simulator,
    db: apsw.Connection,
    left: Left,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth-contexts:\n  prod: token-of-prod\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    fleet.account.add_token("token-of-prod", label="prod")
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    left(token=Token("token-of-prod", "a test").fingerprint(), context="prod")
    action = made(fleet)
    assert reconciled(db) == (1, 0, 0)
    assert outcomes(db) == [(1, 1, "inferred", action)]
    assert {r.authorized_as for r in fleet.requests} == {"prod"}


RUNNING = {
    "here": {"process": identity(os.getpid())},
    "elsewhere": {"host": "another", "ago": 3000.0},
}


@pytest.mark.parametrize("running", RUNNING.values(), ids=RUNNING.keys())
def test_one_that_may_still_be_answered_is_left_alone(
    fleet: Simulator, db: apsw.Connection, left: Left, running: dict[str, Any]
) -> None:
    left(**running)
    made(fleet, ago=running.get("ago", 600.0))
    assert reconciled(db) == (0, 0, 0)
    assert outcomes(db) == [(1, 1, None, None)]


def test_after_an_hour_a_post_of_another_host_is_over(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(host="another", ago=3700.0)
    made(fleet, ago=3700.0)
    assert reconciled(db) == (1, 0, 0)


def test_an_action_of_another_entry_is_no_candidate(
    fleet: Simulator, db: apsw.Connection, left: Left, path: Path
) -> None:
    action = made(fleet)
    booked(path, left(), (1, action, "sent"))
    left()
    assert reconciled(db) == (0, 1, 0)
    assert outcomes(db) == [(1, 1, "sent", action), (2, 1, "unknown", None)]
    own = made(fleet)
    assert reconciled(db) == (1, 0, 0)
    assert outcomes(db) == [(1, 1, "sent", action), (2, 1, "inferred", own)]


@pytest.mark.parametrize("apart", [10.0, 150.0])
def test_of_two_that_could_be_each_other_s_neither_is(
    fleet: Simulator, db: apsw.Connection, left: Left, apart: float
) -> None:
    """How long a POST was held up before it was sent, its entry does not say."""
    left(ago=600.0)
    left(ago=600.0 - apart)
    made(fleet, ago=600.0 - apart - 1)
    assert reconciled(db) == (0, 2, 0)
    assert {action for *_, action in outcomes(db)} == {None}
    assert "another request for the same may have been the one that ran" in errors(db)[0]
    assert fleet.requests == []


def test_one_of_another_api_is_no_rival(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left()
    left(api_url="https://example.com")
    action = made(fleet)
    assert reconciled(db) == (1, 0, 1)
    assert outcomes(db) == [(1, 1, "inferred", action), (2, 1, None, None)]


def test_two_that_are_far_apart_have_each_their_own(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(ago=3000.0)
    left(ago=1000.0)
    actions = [made(fleet, ago=ago) for ago in (3000.0, 1000.0)]
    assert reconciled(db) == (2, 0, 0)
    assert [action for *_, action in outcomes(db)] == actions


def test_of_one_that_still_runs_nothing_is_taken_away(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    """It has not been told the answer yet; what is there may be what it has started."""
    left(ago=30.0)
    left(ago=10.0, process=identity(os.getpid()))
    made(fleet, ago=10.0)
    assert reconciled(db) == (0, 1, 0)
    assert outcomes(db) == [(1, 1, "unknown", None), (2, 1, None, None)]


@pytest.mark.parametrize("answered", [True, False])
def test_of_one_that_is_written_down_meanwhile_nothing_is_taken_away(
    fleet: Simulator, db: apsw.Connection, left: Left, path: Path, *, answered: bool
) -> None:
    """Another process acts while we look."""
    left(ago=30.0)

    def before_page(number: int) -> None:
        fleet.before_page(None)
        other, action = left(ago=5.0, process=identity(os.getpid())), made(fleet, ago=5.0)
        if answered:
            booked(path, other, (1, action, "sent"))

    fleet.before_page(before_page)
    assert reconciled(db) == (0, 1, 0)
    assert [one[2] for one in outcomes(db)] == ["unknown", "sent" if answered else None]


def test_of_two_that_look_at_once_each_finds_the_same(
    fleet: Simulator, db: apsw.Connection, left: Left, path: Path
) -> None:
    id, action = left(), made(fleet)

    def before_page(number: int) -> None:
        booked(path, id, (1, action, "inferred"))

    fleet.before_page(before_page)
    assert reconciled(db) == (1, 0, 0)
    assert outcomes(db) == [(1, 1, "inferred", action)]


def test_what_was_found_is_not_taken_for_what_is_sent_later(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(ago=1.0)
    action = made(fleet, ago=0.0)
    assert reconciled(db) == (1, 0, 0)
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(CALL))
    assert outcomes(db) == [(1, 1, "inferred", action), (2, 1, "unknown", None)]


@pytest.mark.parametrize("ago", [610.0, 300.0])
def test_an_action_of_another_time_is_no_candidate(
    fleet: Simulator, db: apsw.Connection, left: Left, ago: float
) -> None:
    left()
    made(fleet, ago=ago)
    assert reconciled(db) == (0, 1, 0)


@pytest.mark.parametrize("other", [{"type": "reboot"}, {"droplet": 2}])
def test_an_action_of_another_kind_is_no_candidate(
    fleet: Simulator, db: apsw.Connection, left: Left, other: dict[str, Any]
) -> None:
    left()
    made(fleet, **other)
    assert reconciled(db) == (0, 1, 0)


def test_of_two_actions_that_could_be_it_neither_is(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left()
    for _ in range(2):
        made(fleet)
    assert reconciled(db) == (0, 1, 0)
    assert "more than one action looks like it" in errors(db)[0]


def test_by_tag_each_droplet_is_looked_at(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(None, tag_name="web")
    actions = {droplet: made(fleet, droplet) for droplet in (1, 3)}
    made(fleet, 4)
    assert reconciled(db) == (2, 1, 0)
    assert outcomes(db) == [
        (1, 1, "inferred", actions[1]),
        (1, 2, "unknown", None),
        (1, 3, "inferred", actions[3]),
    ]


def test_by_tag_it_is_told_that_nothing_has_the_tag_any_more(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(None, tag_name="nobody")
    assert reconciled(db) == (0, 1, 0)
    assert outcomes(db) == [(1, None, "unknown", None)]
    assert errors(db) == ["no Droplet was found that has the tag"]


def test_by_tag_those_that_were_counted_before_are_looked_at(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    """Others may have the tag by now."""
    left(None, tag_name="web", targets="[1, 4]")
    actions = [made(fleet, droplet) for droplet in (1, 4)]
    assert reconciled(db) == (2, 0, 0)
    assert [action for *_, action in outcomes(db)] == actions


@pytest.mark.parametrize("first", ["an error", "another entry", None])
@pytest.mark.parametrize("targets", [None, "[1, 2, 3]"])
def test_by_tag_only_what_is_missing_is_looked_for(
    fleet: Simulator,
    db: apsw.Connection,
    left: Left,
    path: Path,
    first: str | None,
    targets: str | None,
) -> None:
    """Whatever has kept an earlier look from finding it."""
    one, two = made(fleet, 1), made(fleet, 2)
    id = left(None, tag_name="web", targets=targets)
    booked(path, id, (1, one, "sent"), (2, None, "unknown"), (3, None, "unknown"))
    rival = None
    if first == "an error":
        fleet.fault(Fault(kind="status", status=500, times=None))
    elif first == "another entry":
        rival = left(2)
    if first is not None:
        assert reconciled(db)[0] == 0
        assert [row for row in outcomes(db) if row[0] == id] == [
            (id, 1, "sent", one),
            (id, 2, "unknown", None),
            (id, 3, "unknown", None),
        ]
    fleet.clear_faults()
    if rival is not None:
        booked(path, rival, (2, None, "refused"))
    requests = len(fleet.requests)
    assert reconciled(db) == (1, 1, 0)
    assert [row for row in outcomes(db) if row[0] == id] == [
        (id, 1, "sent", one),
        (id, 2, "inferred", two),
        (id, 3, "unknown", None),
    ]
    paths = {r.path for r in fleet.requests[requests:]}
    assert paths == {"/v2/droplets/2/actions", "/v2/droplets/3/actions"}


def test_an_error_while_looking_is_told_and_keeps_no_other_from_being_looked_for(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(1)
    left(2)
    action = made(fleet, 2)
    fleet.fault(Fault(kind="status", status=500, path="/1/", times=None))
    assert reconciled(db) == (1, 1, 0)
    assert outcomes(db) == [(1, 1, "unknown", None), (2, 2, "inferred", action)]
    assert "looking for it failed: GET /v2/droplets/1/actions" in errors(db)[0]
    assert nothing_was_acted(fleet)


def test_a_droplet_that_is_gone_is_told(
    fleet: Simulator, db: apsw.Connection, left: Left
) -> None:
    left(99)
    assert reconciled(db) == (0, 1, 0)
    assert "404" in errors(db)[0]


def test_without_entries_nothing_is_asked(fleet: Simulator, db: apsw.Connection) -> None:
    assert reconciled(db) == (0, 0, 0)
    assert fleet.requests == []


def test_what_is_known_is_not_looked_for(fleet: Simulator, db: apsw.Connection) -> None:
    list(db.execute(CALL))
    requests = len(fleet.requests)
    assert reconciled(db) == (0, 0, 0)
    assert len(fleet.requests) == requests


def test_without_a_log_it_says_so(fleet: Simulator, connect: Connect) -> None:
    with pytest.raises(dovtab.LogError, match="there is no log of actions"):
        list(connect(log=None).execute(RECONCILE))


def test_a_booking_that_fails_is_an_error_and_the_next_time_finds_the_same(
    fleet: Simulator, db: apsw.Connection, left: Left, path: Path
) -> None:
    left()
    action = made(fleet)
    with closing(sqlite3.connect(path)) as file:
        full = "CREATE TRIGGER full BEFORE INSERT ON booking"
        file.execute(f"{full} BEGIN SELECT RAISE(ABORT, 'no room is left'); END")
        with pytest.raises(dovtab.LogError, match="no room is left"):
            list(db.execute(RECONCILE))
        file.execute("DROP TRIGGER full")
    assert reconciled(db) == (1, 0, 0)
    assert outcomes(db) == [(1, 1, "inferred", action)]


def test_a_colleague_s_action_is_told_as_inferred_and_never_as_known(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """Nobody can tell it from ours: that is what the word is for."""
    fleet.colleague(Colleague(when="instead"))
    list(db.execute(CALL))
    assert reconciled(db) == (0, 0, 0)
    assert [one[2] for one in outcomes(db)] == ["inferred"]


# What the command tells of them.

AT = "2026-11-24T07:00:00.000Z"


@pytest.fixture
def shell(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], str]:
    """Starts the command; gives what it says on stderr."""

    def start() -> str:
        assert main([":memory:", "SELECT 7"]) == 0
        said = capsys.readouterr()
        assert said.out == "7\n"
        return said.err

    monkeypatch.setenv("DOVTAB_LOG", str(path))
    return start


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (
            1,
            "1 action of 2026-11-24T07:00:00Z has no outcome: see dovtab_log, and SELECT droplet_actions_reconcile()\n",
        ),
        (
            3,
            "3 actions of 2026-11-24T07:00:00Z have no outcome: see dovtab_log, and SELECT droplet_actions_reconcile()\n",
        ),
    ],
)
def test_the_command_tells_of_those_without_an_outcome_once(
    left: Left, shell: Callable[[], str], count: int, told: str
) -> None:
    for _ in range(count):
        left(asked_at=AT)
    assert shell() == told
    assert shell() == ""
    left(asked_at="2026-11-24T08:00:00.000Z")
    assert (
        shell()
        == "1 action of 2026-11-24T08:00:00Z has no outcome: see dovtab_log, and SELECT droplet_actions_reconcile()\n"
    )


def test_a_process_of_its_own_tells_it_too(left: Left, shell: object) -> None:
    left(asked_at=AT)
    command = [sys.executable, "-m", "dovtab", ":memory:", "SELECT 7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    told = "1 action of 2026-11-24T07:00:00Z has no outcome: see dovtab_log, and SELECT droplet_actions_reconcile()\n"
    assert (done.stdout, done.stderr, done.returncode) == ("7\n", told, 0)


def test_one_that_runs_or_has_an_outcome_is_not_told_of(
    left: Left, path: Path, shell: Callable[[], str]
) -> None:
    left(asked_at=AT, process=identity(os.getpid()))
    booked(path, left(asked_at=AT), (1, None, "unknown"))
    booked(path, left(asked_at=AT), (1, None, "refused"))
    assert shell() == ""


def test_one_that_ran_when_the_command_looked_is_told_of_when_it_is_gone(
    left: Left, shell: Callable[[], str], path: Path
) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left(asked_at=AT, pid=sleeper.pid, process=identity(sleeper.pid))
    assert shell() == ""
    sleeper.kill()
    sleeper.communicate()
    assert shell().startswith("1 action ")


def not_there(path: Path) -> None:
    path.unlink(missing_ok=True)


def a_folder(path: Path) -> None:
    not_there(path)
    path.mkdir()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def a_text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1000)


def without_rows_that_can_be_read(path: Path) -> None:
    insert(path, "post", asked_at=AT, targets="no JSON", table_name="droplet_actions")


def of_somebody_else(path: Path) -> None:
    not_there(path)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE post(id INTEGER PRIMARY KEY)")
        file.execute("CREATE TABLE booking(post)")
        file.execute("CREATE TABLE told(post)")
        file.execute("INSERT INTO post VALUES (1)")


BROKEN = [not_there, a_folder, cut_off, a_text, without_rows_that_can_be_read, of_somebody_else]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_log_that_cannot_be_read_keeps_nobody_from_starting(
    left: Left, path: Path, shell: Callable[[], str], broken: Callable[[Path], None]
) -> None:
    left(asked_at=AT)
    broken(path)
    assert shell() == ""
    if broken is not_there:
        assert not path.exists()


def test_without_a_log_nothing_is_told(
    left: Left, shell: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left(asked_at=AT)
    monkeypatch.setenv("DOVTAB_LOG", "off")
    assert shell() == ""


def test_the_clock_of_the_log_is_the_account_s(
    fleet: Simulator, db: apsw.Connection, left: Left, clock: ManualClock
) -> None:
    left()
    made(fleet)
    clock.advance(60)
    assert reconciled(db) == (1, 0, 0)
    assert db.execute("SELECT ended_at FROM dovtab_log").get == rfc3339(clock.time())
