"""The log of actions: what is in the file, when, for whom to read, and when nothing is sent."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sqlite3
import stat
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
from dovtab.simulator import Fault, ManualClock, Rules, Simulator

Connect = Callable[..., apsw.Connection]
TOKEN = "dop_v1_" + "5ec7e7" * 10
INSERT = "INSERT INTO droplet_actions(droplet_id, type, attributes) "
CALL = "SELECT droplet_actions_post(1, 'enable_ipv6')"
COLUMNS = [
    *("seq", "asked_at", "user", "host", "pid", "token", "api_url", "context", "sql"),
    *("droplet_id", "tag_name", "type", "attributes", "outcome", "action_id", "request_id"),
    *("error", "ended_at"),
]


@pytest.fixture(autouse=True)
def with_a_log(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have none."""
    monkeypatch.delenv("DOVTAB_LOG")


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    simulator.account.add_token(TOKEN, label="ours")
    simulator.account.rules.durations["rename"] = 0.0
    for id in range(1, 9):
        simulator.account.add_droplet(droplet_id=id, tags=("web",) if id <= 3 else ())
    return simulator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "actions.db"


@pytest.fixture
def db(fleet: Simulator, connect: Connect, path: Path) -> apsw.Connection:
    return connect(log=path, token=TOKEN)


def posts(simulator: Simulator) -> int:
    return sum(r.method == "POST" for r in simulator.requests)


def in_file(path: Path, sql: str) -> list[Any]:
    """As somebody else reads it, or writes to it."""
    with closing(sqlite3.connect(path)) as file, file:
        return file.execute(sql).fetchall()


def rows(db: apsw.Connection) -> list[dict[str, Any]]:
    """All of the log, by column."""
    cursor = db.execute("SELECT * FROM dovtab_log")
    return [dict(zip(COLUMNS, row, strict=True)) for row in cursor]


def test_every_post_is_in_it_with_who_asked_for_it_and_what_came_of_it(
    fleet: Simulator, db: apsw.Connection, path: Path, clock: ManualClock
) -> None:
    by_tag = "SELECT droplet_actions_post_by_tag('web', 'enable_backups')"
    inserts = INSERT + "VALUES (4, 'snapshot', '{\"name\": \"a\"}'), (99, 'reboot', NULL)"
    list(db.execute(by_tag))
    clock.advance(60)  # Droplet 1 is free again.
    list(db.execute(CALL))
    with pytest.raises(dovtab.ActionsError):
        db.execute(inserts)
    list(db.execute("SELECT droplet_actions_post(5, 'reboot')"))
    names = [name for _, name, *_ in db.execute("PRAGMA table_xinfo(dovtab_log)")]
    assert names == COLUMNS
    found = rows(db)
    for row in found:
        now = f"2026-11-18T11:0{6 if row['tag_name'] else 7}:40.000Z"
        same = {
            "asked_at": now,
            "user": getpass.getuser(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "token": Token(TOKEN, "a test").fingerprint(),
            "api_url": fleet.url,
            "context": None,
            "ended_at": now,
        }
        assert {name: row[name] for name in same} == same
    assert {(row["type"], row["sql"]) for row in found} == {
        ("enable_ipv6", CALL),
        ("enable_backups", by_tag),
        ("snapshot", inserts),
        ("reboot", inserts),
        ("reboot", "SELECT droplet_actions_post(5, 'reboot')"),
    }
    both = (
        "SELECT droplet_id, tag_name, type, attributes, outcome, action_id, request_id, error"
        " FROM {} ORDER BY type, droplet_id"
    )
    told = list(db.execute(both.format("dovtab_posts")))
    assert list(db.execute(both.format("dovtab_log"))) == told
    made = {a.resource_id: a.id for a in fleet.account.actions.values()}
    outcomes = [(r["droplet_id"], r["tag_name"], r["outcome"]) for r in found]
    assert len(outcomes) == 7
    assert set(outcomes) == {
        (1, None, "sent"),
        (1, "web", "sent"),
        (2, "web", "sent"),
        (3, "web", "sent"),
        (4, None, "sent"),
        (5, None, "sent"),
        (99, None, "refused"),
    }
    assert {r["action_id"] for r in found if r["droplet_id"] == 5} == {made[5]}
    assert all(r["request_id"] for r in found)
    assert "404" in next(r["error"] for r in found if r["droplet_id"] == 99)
    # It outlives the connection.
    assert in_file(path, "SELECT count(*) FROM post") == [(5,)]


def test_it_is_in_the_file_before_the_post_arrives(
    fleet: Simulator, db: apsw.Connection, path: Path
) -> None:
    """Whatever happens to the process then, somebody can look for what came of it."""
    seen: list[Any] = []

    def arrived(answer: Any) -> Any:
        seen.extend(in_file(path, "SELECT parent, type FROM post"))
        seen.extend(in_file(path, "SELECT count(*) FROM booking"))
        return answer

    fleet.fault(Fault(kind="answer", method="POST", mutate=arrived))
    list(db.execute(CALL))
    assert seen == [(1, "enable_ipv6"), (0,)]
    assert in_file(path, "SELECT count(*) FROM booking") == [(1,)]


def test_the_token_is_nowhere_in_its_files(
    fleet: Simulator, db: apsw.Connection, path: Path
) -> None:
    """People write it where it does not belong: into the SQL, a name, a tag."""
    named = json.dumps({"name": TOKEN})
    list(db.execute(CALL))
    reader = sqlite3.connect(path)  # As long as somebody reads, the journal stays.
    assert reader.execute("SELECT count(*) FROM post").fetchone() == (1,)
    db.execute(INSERT + f"VALUES (5, 'snapshot', '{named}') -- {TOKEN}")
    db.execute(INSERT + "VALUES (2, 'snapshot', ?)", (named,))
    list(db.execute(f"SELECT droplet_actions_post_by_tag('{TOKEN}', 'enable_ipv6')"))
    for kind in ("status", "close"):
        fleet.fault(Fault(kind=kind, status=422, method="POST"))
        with pytest.raises(dovtab.DovtabError):
            list(db.execute(f"SELECT droplet_actions_post_by_tag('{TOKEN}', 'enable_ipv6')"))
    assert posts(fleet) == 6
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["actions.db", "actions.db-shm", "actions.db-wal"]
    for file in files:
        assert TOKEN.encode() not in file.read_bytes(), file.name
    assert b"[token]" in b"".join(file.read_bytes() for file in files)
    reader.close()


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_nobody_else_may_read_it(fleet: Simulator, db: apsw.Connection, path: Path) -> None:
    seen: dict[str, str] = {}

    def arrived(answer: Any) -> Any:
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("SELECT count(*) FROM post").fetchone()
            seen.update({file.name: mode(file) for file in path.parent.iterdir()})
        return answer

    fleet.fault(Fault(kind="answer", method="POST", mutate=arrived))
    old = os.umask(0)
    try:
        list(db.execute(CALL))
    finally:
        os.umask(old)
    assert mode(path.parent) == "0o700"
    assert seen == {f"actions.db{end}": "0o600" for end in ("", "-shm", "-wal")}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "home/.local/state/dovtab/actions.db"),
        ({"XDG_STATE_HOME": "{}/xdg"}, "xdg/dovtab/actions.db"),
        ({"XDG_STATE_HOME": "relative"}, "home/.local/state/dovtab/actions.db"),
        ({"XDG_STATE_HOME": "{}/xdg", "DOVTAB_LOG": "{}/a/b/c.db"}, "a/b/c.db"),
        ({"DOVTAB_LOG": "~/my.db"}, "home/my.db"),
    ],
)
def test_it_is_where_the_environment_says(
    fleet: Simulator,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    expected: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    list(connect().execute(CALL))
    assert in_file(tmp_path / expected, "SELECT count(*) FROM post") == [(1,)]


def test_a_setting_comes_before_the_environment(
    fleet: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOVTAB_LOG", str(tmp_path / "other.db"))
    list(connect(log=str(tmp_path / "ours.db")).execute(CALL))
    assert {file.name for file in tmp_path.glob("*.db")} == {"ours.db"}


def a_directory(path: Path) -> None:
    path.mkdir(parents=True)


def another_database(path: Path) -> None:
    path.parent.mkdir()
    in_file(path, "CREATE TABLE t(x)")


def no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary,\n" * 1000)


def a_file_in_the_way(path: Path) -> None:
    path.parent.write_text("")


@pytest.mark.parametrize(
    "broken", [a_directory, another_database, no_database, a_file_in_the_way]
)
def test_nothing_is_sent_that_cannot_be_written_down(
    fleet: Simulator, db: apsw.Connection, path: Path, broken: Callable[[Path], None]
) -> None:
    broken(path)
    with pytest.raises(dovtab.LogError) as caught:
        list(db.execute(CALL))
    assert str(caught.value).startswith(f"the log of actions ({path}) cannot be used: ")
    assert "\n" not in str(caught.value)
    with pytest.raises(dovtab.ActionsError, match=r"^3 actions: 0 sent, 3 refused, 0 unknown"):
        db.execute(INSERT + "SELECT value, 'enable_ipv6', NULL FROM json_each('[1, 2, 3]')")
    assert fleet.requests == []
    told = list(db.execute("SELECT outcome, error FROM dovtab_posts"))
    assert told == [("refused", str(caught.value))] * 4


def test_another_database_is_left_as_it_is(
    fleet: Simulator, db: apsw.Connection, path: Path
) -> None:
    another_database(path)
    before = path.read_bytes()
    with pytest.raises(dovtab.LogError, match="it is another database"):
        list(db.execute(CALL))
    with pytest.raises(dovtab.LogError, match="it is another database"):
        rows(db)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["actions.db"]


@pytest.mark.parametrize("name", ["~nobody-here/actions.db", "a\0b"])
def test_a_name_that_no_file_can_have_is_told_too(
    fleet: Simulator, connect: Connect, name: str
) -> None:
    with pytest.raises(dovtab.LogError, match="cannot be used"):
        list(connect(log=name).execute(CALL))
    assert fleet.requests == []


@pytest.mark.parametrize("off", ["setting", "DOVTAB_LOG"])
def test_without_a_log_actions_work_and_nothing_is_written(
    fleet: Simulator,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    off: str,
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("DOVTAB_QUOTA_FOLDER", "off")
    if off == "DOVTAB_LOG":
        monkeypatch.setenv("DOVTAB_LOG", "off")
    db = connect(**({"log": None} if off == "setting" else {}))
    list(db.execute(CALL))
    assert db.execute("SELECT outcome, error FROM dovtab_posts").get == ("sent", None)
    assert list(tmp_path.rglob("*")) == []
    with pytest.raises(dovtab.LogError, match="there is no log of actions: the setting log is"):
        rows(db)


@pytest.mark.parametrize("table", ["post", "booking", "told"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid + 10"])
def test_what_is_written_stays_as_it_is(
    fleet: Simulator, db: apsw.Connection, path: Path, table: str, change: str
) -> None:
    list(db.execute(CALL))
    in_file(path, "INSERT INTO told VALUES (1)")
    before = rows(db)
    with pytest.raises(sqlite3.IntegrityError, match="the log of actions is only added to"):
        in_file(path, change.format(table))
    assert rows(db) == before != []


def test_an_outcome_that_cannot_be_written_is_told_where_the_others_are(
    fleet: Simulator, db: apsw.Connection, path: Path
) -> None:
    """It was sent, and that has to be told first."""
    list(db.execute(CALL))
    full = "CREATE TRIGGER full BEFORE INSERT ON booking"
    in_file(path, f"{full} BEGIN SELECT RAISE(ABORT, 'no room is left'); END")
    action = json.loads(db.execute("SELECT droplet_actions_post(2, 'enable_ipv6')").get)
    db.execute(INSERT + "VALUES (3, 'enable_ipv6', NULL)")
    assert posts(fleet) == 3
    told = list(db.execute("SELECT outcome, action_id, error FROM dovtab_posts"))
    why = f"the log of actions ({path}) cannot be used: no room is left (DOVTAB_LOG names another file, or is off)"
    assert told[1] == ("sent", action["id"], why)
    assert told[2][0::2] == ("sent", why)
    assert [row["outcome"] for row in rows(db)] == ["sent", None, None]


def test_what_was_not_sent_is_not_in_it(
    fleet: Simulator, db: apsw.Connection, connect: Connect, path: Path
) -> None:
    rehearsal = connect(log=path, dry_run=True)
    list(rehearsal.execute(CALL))
    rehearsal.execute(INSERT + "VALUES (1, 'reboot', NULL)")
    with pytest.raises(dovtab.ArgumentError):
        db.execute(INSERT + "VALUES (1, 'explode', NULL)")
    with pytest.raises(dovtab.NotAllowedError):
        connect(log=path, allow_actions=False).execute(INSERT + "VALUES (1, 'reboot', NULL)")
    assert not path.exists()
    with pytest.raises(dovtab.ActionsError, match="2 actions: 0 sent, 2 refused"):
        db.execute(INSERT + "VALUES (99, 'reboot', NULL), (99, 'power_off', NULL)")
    assert [(r["type"], r["outcome"]) for r in rows(db)] == [("reboot", "refused")]


def test_before_anything_was_written_it_has_no_rows_and_makes_no_file(
    fleet: Simulator, db: apsw.Connection, path: Path
) -> None:
    assert rows(db) == []
    assert not path.parent.exists()
    path.parent.mkdir()
    path.touch()
    assert rows(db) == []
    assert path.stat().st_size == 0


def test_whoever_reads_half_of_it_is_in_nobody_s_way(
    fleet: Simulator, db: apsw.Connection
) -> None:
    db.execute(INSERT + "SELECT value, 'enable_ipv6', NULL FROM json_each('[1, 2, 3]')")
    half = db.execute("SELECT * FROM dovtab_log")
    assert next(half)
    list(db.execute("SELECT droplet_actions_post(4, 'enable_ipv6')"))
    half.close()
    assert len(rows(db)) == 4


WRITER = """
import sys, threading
import dovtab
url, log, first = sys.argv[1], sys.argv[2], int(sys.argv[3])

def act(droplets):
    db = dovtab.connect(token="simulator", api_url=url, log=log)
    db.execute(
        "INSERT INTO droplet_actions(droplet_id, type) SELECT value, 'enable_ipv6'"
        " FROM json_each(?)", (repr(droplets),)
    )
    db.close()

print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=act, args=([*range(n, n + 10)],)) for n in (first, first + 10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_two_processes_with_two_threads_write_at_once_and_nothing_is_lost(
    path: Path,
) -> None:
    """To a log that none of them has made yet."""
    with Simulator(rules=Rules(minute_limit=None)) as simulator:
        for id in range(1, 41):
            simulator.account.add_droplet(droplet_id=id)
        command = [sys.executable, "-c", WRITER, simulator.url, str(path)]
        writers = [
            subprocess.Popen(
                [*command, first],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for first in ("1", "21")
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        said = [writer.communicate(timeout=20) for writer in writers]
        assert [writer.returncode for writer in writers] == [0, 0], said
        assert said == [("", ""), ("", "")]
        made = {(a.resource_id, a.id) for a in simulator.account.actions.values()}
    assert len(made) == 40
    booked = in_file(path, "SELECT outcomes FROM booking JOIN post ON post.id = post")
    found = [outcome for (text,) in booked for outcome in json.loads(text)]
    assert len(found) == 40
    assert {(droplet, id) for droplet, id, *_ in found} == made
    assert {outcome for _, _, outcome, _ in found} == {"sent"}


OTHER = """
import sys
from dovtab.engine.acting.log import ActionLog
log = ActionLog(sys.argv[1])
log.told([])
print(len(list(log.entries())))
"""


def other_process(path: Path) -> int:
    """Another process writes to the log, and ends; gives how many POSTs it has seen."""
    command = [sys.executable, "-c", OTHER, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=20)
    return int(done.stdout)


def test_a_second_connection_does_not_take_the_lock_of_the_first(
    fleet: Simulator, connect: Connect, path: Path
) -> None:
    """A process that closes a file loses its locks on it, whoever else in it has it open.

    Without them another process takes itself for the last one, and the journal away.
    See https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    first, second = connect(log=path), connect(log=path)
    list(first.execute(CALL))
    list(second.execute("SELECT droplet_actions_post(2, 'enable_ipv6')"))
    assert other_process(path) == 2
    list(first.execute("SELECT droplet_actions_post(3, 'enable_ipv6')"))
    assert other_process(path) == 3


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_log_that_somebody_took_away_is_made_again(
    fleet: Simulator, db: apsw.Connection, path: Path, what: str
) -> None:
    """What is written to a file without a name, nobody will find."""
    list(db.execute(CALL))
    for file in path.parent.iterdir():
        file.unlink()
    if what == "folder":
        path.parent.rmdir()
    list(db.execute("SELECT droplet_actions_post(2, 'enable_ipv6')"))
    assert in_file(path, "SELECT parent FROM post") == [(2,)]
    assert [row["outcome"] for row in rows(db)] == ["sent"]


FORK = """
import os, sys, time
import dovtab
url, log = sys.argv[1:]

def act(db, droplet):
    db.execute("INSERT INTO droplet_actions(droplet_id, type) VALUES (?, 'enable_ipv6')", (droplet,))

db = dovtab.connect(token="simulator", api_url=url, log=log)
act(db, 1)
parent, (told, tell) = os.getpid(), os.pipe()
if os.fork() == 0:
    mine = dovtab.connect(token="simulator", api_url=url, log=log)
    act(mine, 2)
    os.write(tell, b"x")
    while os.getppid() == parent:
        time.sleep(0.001)
    act(mine, 3)
    os._exit(0)
os.read(told, 1)
"""


def test_a_child_still_writes_to_it_when_its_parent_is_gone(path: Path) -> None:
    """SQLite's own idea of its locks is of no use after a fork.

    See https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_file_across_a_fork_
    """
    with Simulator() as simulator:
        for id in (1, 2, 3):
            simulator.account.add_droplet(droplet_id=id)
        command = [sys.executable, "-c", FORK, simulator.url, str(path)]
        # Its output comes to an end when the child's does.
        done = subprocess.run(command, capture_output=True, timeout=20)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert in_file(path, "SELECT parent FROM post ORDER BY 1") == [(1,), (2,), (3,)]
    assert in_file(path, "SELECT count(*) FROM booking") == [(3,)]
