"""Plain joins are fetched side by side, and nobody notices but by the clock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import apsw.ext
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw import speculative_run
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

pytestmark = pytest.mark.usefixtures("one_by_one")

Connect = Callable[..., apsw.Connection]
COUNT = 100


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """A hundred Droplets with three actions each, far enough away to see two at once."""
    simulator.latency = 0.003
    for id in range(1, COUNT + 1):
        simulator.account.add_droplet(droplet_id=id)
        for n in range(3):
            simulator.account.add_action(id, id=1000 * id + n)
    return simulator


def with_inventory(db: apsw.Connection, declared: str = "id INTEGER PRIMARY KEY, name") -> None:
    db.execute(f"CREATE TABLE inventory({declared})")
    db.executemany(
        "INSERT INTO inventory VALUES (?, ?)", [(n, f"web-{n}") for n in range(1, COUNT + 1)]
    )


def rounds(simulator: Simulator) -> int:
    """How many times somebody had to wait: requests that found no other under way."""
    return sum(1 for request in simulator.requests if request.at_once == 1)


JOIN = "SELECT i.name, a.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id"
SHAPES = [
    (JOIN, 300, 100),
    (JOIN.replace("JOIN", "LEFT JOIN"), 300, 100),
    (JOIN + " WHERE i.name LIKE 'web-1%'", 36, 12),
    (JOIN + " ORDER BY a.started_at DESC, a.id LIMIT 4", 4, 100),
    ("SELECT name, (SELECT max(a.id) FROM droplet_actions a WHERE a.droplet_id = i.id) FROM inventory i", 100, 100),
    ("SELECT name FROM inventory i WHERE EXISTS (SELECT 1 FROM droplet_actions a WHERE a.droplet_id = i.id AND a.type = 'reboot')", 100, 100),
    ("WITH x AS (SELECT id FROM inventory WHERE id % 2) SELECT * FROM x JOIN droplet_actions a ON a.droplet_id = x.id", 150, 50),
    (JOIN + " JOIN droplet_actions b ON b.droplet_id = a.droplet_id", 900, 100),
    (JOIN + " AND a.id = 1000 * i.id + 1", 100, 100),
]  # fmt: skip


@pytest.mark.parametrize(("query", "rows", "requests"), SHAPES)
def test_a_join_waits_only_a_few_times(
    fleet: Simulator, connect: Connect, query: str, rows: int, requests: int
) -> None:
    fleet.latency = 0.02
    db = connect()
    with_inventory(db)
    found = list(db.execute(query))
    assert len(found) == rows
    assert len(fleet.requests) == requests
    # One, then 8, 32 and 59 of them, sixteen at a time.
    assert rounds(fleet) <= 10
    off = connect(look_ahead=False, cache_seconds=60)
    with_inventory(off)
    assert list(off.execute(query)) == found


def test_bound_values_are_bound_again(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock
) -> None:
    fleet.latency = 0.02
    with_inventory(db)
    for bindings in ((20,), {"least": 20}, [20]):
        before = len(fleet.requests)
        clock.advance(60)
        query = JOIN + (
            " WHERE i.id > :least" if isinstance(bindings, dict) else " WHERE i.id > ?"
        )
        assert len(list(db.execute(query, bindings))) == 240
        assert len(fleet.requests) == before + 80
    assert rounds(fleet) <= 3 * 10


def test_a_statement_that_stops_soon_has_asked_for_little(
    fleet: Simulator, db: apsw.Connection
) -> None:
    with_inventory(db)
    assert len(list(db.execute(JOIN + " LIMIT 4"))) == 4
    assert len(fleet.requests) <= 12


def test_what_is_on_its_way_is_not_given_up_by_another_look(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """The second table's Droplets come to light as the first one's do."""
    with_inventory(db)
    query = JOIN + " JOIN droplet_actions b ON b.droplet_id = a.droplet_id + 100"
    for id in range(101, 151):
        fleet.account.add_droplet(droplet_id=id)
        fleet.account.add_action(id)
    assert len(list(db.execute(query))) == 150
    assert len(fleet.requests) == 200
    # One by one it would be two hundred; how few it is depends on who else is at work.
    assert rounds(fleet) < 120


def test_a_set_beside_the_join_says_what_comes(fleet: Simulator, connect: Connect) -> None:
    """No speculative run is needed to find out what the statement itself says."""
    db = connect(look_ahead=False)
    with_inventory(db)
    fleet.latency = 0.02
    for join in (JOIN, JOIN.replace("JOIN", "LEFT JOIN")):
        query = join + " AND a.droplet_id IN (SELECT id FROM inventory)"
        before = len(fleet.requests)
        assert len(list(db.execute(query))) == 300
        assert len(fleet.requests) == before + 100
    assert rounds(fleet) <= 2 * 10


def test_two_statements_at_once_do_not_mix(fleet: Simulator, db: apsw.Connection) -> None:
    with_inventory(db)
    up = db.execute(JOIN + " ORDER BY i.id")
    down = db.execute(JOIN + " ORDER BY i.id DESC")
    pairs = list(zip(up, down, strict=True))
    assert [first for first, _ in pairs][::3] == [
        (f"web-{n}", 1000 * n + 2) for n in range(1, 101)
    ]
    assert [second for _, second in pairs][::3] == [
        (f"web-{n}", 1000 * n + 2) for n in range(100, 0, -1)
    ]


def one_by_one(simulator: Simulator) -> bool:
    return max(request.at_once for request in simulator.requests) == 1


def test_a_function_of_the_user_s_is_not_called_twice(
    fleet: Simulator, db: apsw.Connection
) -> None:
    with_inventory(db)
    calls: list[int] = []

    def mine(n: int) -> int:
        calls.append(n)
        return n

    db.create_scalar_function("mine", mine, 1)
    assert len(list(db.execute(JOIN.replace("= i.id", "= mine(i.id)")))) == 300
    assert len(calls) == len(set(calls)) == 100
    calls.clear()
    # Also if it has taken the place of one of SQLite's own.
    db.create_scalar_function("upper", lambda text: calls.append(1) or text, 1)
    assert len(list(db.execute(JOIN.replace("i.name", "upper(i.name)")))) == 300
    assert len(calls) == 300
    assert one_by_one(fleet)


class Calls:
    """Something of the user's that counts how often it is called."""

    def __init__(self, gives: object) -> None:
        self.gives = gives
        self.count = 0

    def __call__(self, *arguments: object) -> Any:
        self.count += 1
        return self.gives


def hang_progress(db: apsw.Connection, mine: Calls) -> str:
    db.set_progress_handler(mine, 1)
    return JOIN


def hang_trace(db: apsw.Connection, mine: Calls) -> str:
    db.trace_v2(apsw.SQLITE_TRACE_STMT, mine, id="mine")
    return JOIN


def hang_authorizer(db: apsw.Connection, mine: Calls) -> str:
    db.authorizer = mine
    return JOIN


def hang_jsonb(db: apsw.Connection, mine: Calls) -> str:
    db.convert_jsonb = mine
    return JOIN.replace("i.name", "jsonb('[1]')")


def hang_exec_trace(db: apsw.Connection, mine: Calls) -> str:
    db.exec_trace = mine
    return JOIN


def hang_collation(db: apsw.Connection, mine: Calls) -> str:
    db.create_collation("mine", mine)
    return JOIN + " WHERE i.name <> 'x' COLLATE mine"


def hang_generated(db: apsw.Connection, mine: Calls) -> str:
    db.create_scalar_function("mine", mine, 1, deterministic=True)
    db.execute("CREATE TABLE computed(id, more AS (mine(id)))")
    db.execute("INSERT INTO computed SELECT id FROM inventory")
    mine.count = 0
    return JOIN.replace("inventory", "computed").replace("i.name", "i.more")


HOOKS = [
    (hang_progress, False),
    (hang_trace, None),
    (hang_authorizer, apsw.SQLITE_OK),
    (hang_jsonb, "json"),
    (hang_exec_trace, True),
    (hang_collation, 1),
    (hang_generated, 7),
]


@pytest.mark.parametrize(
    ("hang", "gives"), HOOKS, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_the_user_has_hung_on_the_connection_is_called_as_without(
    fleet: Simulator, connect: Connect, hang: Callable[..., str], gives: object
) -> None:
    counts = []
    for look_ahead in (True, False):
        db, mine = connect(look_ahead=look_ahead), Calls(gives)
        with_inventory(db)
        query = hang(db, mine)
        mine.count = 0
        assert len(list(db.execute(query))) == 300
        counts.append(mine.count)
    assert counts[0] == counts[1] > 0
    assert one_by_one(fleet)


def with_numbers(
    db: apsw.Connection, name: str = "numbers", reads: list[int] | None = None
) -> list[int]:
    """A table of somebody else's, and a list of the times it was read."""
    noted: list[int] = [] if reads is None else reads

    def numbers(last: int = 20) -> Any:
        noted.append(last)
        return ({"n": n} for n in range(1, last + 1))

    numbers.columns, numbers.column_access = ("n",), apsw.ext.VTColumnAccess.By_Name  # type: ignore[attr-defined]
    apsw.ext.make_virtual_module(db, name, numbers, eponymous=True)
    return noted


def test_a_user_s_own_table_is_not_read_twice(fleet: Simulator, db: apsw.Connection) -> None:
    reads = with_numbers(db)
    query = "SELECT count(*) FROM numbers JOIN droplet_actions ON droplet_id = n"
    assert db.execute(query).get == 60
    assert len(reads) == 1


def test_a_speculative_run_acts_on_nothing(fleet: Simulator, db: apsw.Connection) -> None:
    with_inventory(db)
    query = (
        "SELECT i.id, droplet_actions_post(i.id, 'reboot') ->> 'status' FROM inventory i"
        " JOIN droplet_actions a ON a.droplet_id = i.id AND a.id % 1000 = 0 WHERE i.id <= 40"
    )
    assert len(list(db.execute(query))) == 40
    posts = [r.path for r in fleet.requests if r.method == "POST"]
    assert len(posts) == len(set(posts)) == 40


def test_a_statement_that_writes_is_not_run_again(
    fleet: Simulator, db: apsw.Connection
) -> None:
    with_inventory(db)
    db.execute("CREATE TABLE log(name, id)")
    db.execute("INSERT INTO log " + JOIN)
    assert db.execute("SELECT count(*) FROM log").get == 300
    assert rounds(fleet) >= 90


def test_looking_ahead_breaks_no_limit_that_the_statement_keeps(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(max_requests=COUNT)
    with_inventory(db)
    assert len(list(db.execute(JOIN))) == 300
    db = connect(max_requests=30)
    with_inventory(db)
    before = len(fleet.requests)
    rows = db.execute(JOIN)
    assert len([next(rows) for _ in range(90)]) == 90
    with pytest.raises(dovtab.TooManyRequestsError, match="this statement: 30 and"):
        next(rows)
    # Nor has anything been sent that the statement could not have used.
    assert len(fleet.requests) - before == 30


def test_what_fails_fails_where_it_would_have(fleet: Simulator, db: apsw.Connection) -> None:
    with_inventory(db)
    fleet.fault(Fault(kind="status", path="droplets/50/", times=None))
    rows = db.execute(JOIN)
    assert len([next(rows) for _ in range(147)]) == 147
    with pytest.raises(dovtab.APIError, match="droplets/50/"):
        next(rows)


def test_it_can_be_turned_off(fleet: Simulator, connect: Connect) -> None:
    db = connect(look_ahead=False)
    with_inventory(db)
    assert len(list(db.execute(JOIN))) == 300
    assert one_by_one(fleet)


def test_what_is_not_wanted_does_no_harm(fleet: Simulator, db: apsw.Connection) -> None:
    """Droplets that a look finds and the statement never comes to."""
    with_inventory(db)
    fleet.fault(Fault(kind="status", path=r"droplets/[3-9]/", times=None))
    fleet.fault(Fault(kind="status", status=403, path=r"droplets/1\d/", times=None))
    assert len(list(db.execute(JOIN + " LIMIT 6"))) == 6
    assert len(fleet.requests) <= 12


@pytest.mark.parametrize("kind", ["status", "close", "truncated", "lost_after_effect"])
def test_a_guess_that_fails_is_asked_for_again(
    fleet: Simulator, db: apsw.Connection, kind: str
) -> None:
    with_inventory(db)
    fleet.fault(Fault(kind=kind, path=r"droplets/[3-9]\d/", times=15))
    assert len(list(db.execute(JOIN))) == 300
    assert len(fleet.requests) == 115


NUMBERS = "WITH RECURSIVE n(x) AS (SELECT {} UNION ALL SELECT {} FROM n) SELECT n.x FROM n "
JOINED = "JOIN droplet_actions a ON a.droplet_id = n.x"


@pytest.mark.parametrize(
    "query",
    [
        # The LIMIT is reached, but not by a look that gives no rows for what is unknown.
        NUMBERS.format("1", "x + 1") + JOINED + " LIMIT 30",
        NUMBERS.format("1", "x % 3 + 1") + JOINED + " LIMIT 30",
        NUMBERS.format("1", "x + 1") + JOINED + " AND x % 7 = 1 LIMIT 10",
        NUMBERS.format("1", "x + 1") + "WHERE x IN (SELECT droplet_id FROM droplet_actions(1)"
        " UNION SELECT droplet_id FROM droplet_actions(2)) LIMIT 2",
    ],
)
def test_a_look_comes_to_an_end(fleet: Simulator, db: apsw.Connection, query: str) -> None:
    assert len(list(db.execute(query))) == int(query.rpartition(" ")[2])
    assert len(fleet.requests) <= 60


def test_a_guess_by_chance_is_not_made(fleet: Simulator, db: apsw.Connection) -> None:
    with_inventory(db)
    list(db.execute(JOIN + " AND i.id > abs(random() % 2)"))
    assert one_by_one(fleet)


def test_two_accounts_do_not_mix(
    fleet: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth-contexts:\n  prod: token-of-prod\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    fleet.account.add_token("token-of-prod", label="prod")
    fleet.latency = 0.01
    db = connect()
    with_inventory(db)
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    query = JOIN + " JOIN temp.prod b ON b.droplet_id = i.id AND b.id = a.id"
    assert len(list(db.execute(query))) == 300
    asked = Counter(r.authorized_as for r in fleet.requests)
    assert asked == {"simulator": 100, "prod": 300}
    assert not one_by_one(fleet)


def test_an_own_table_that_is_gone_is_forgotten(fleet: Simulator, db: apsw.Connection) -> None:
    """Its name may be somebody else's table next time."""
    reads = with_numbers(db)
    db.execute("CREATE VIRTUAL TABLE temp.n USING droplet_actions()")
    db.execute("DROP TABLE temp.n")
    db.execute("CREATE VIRTUAL TABLE temp.n USING numbers()")
    reads.clear()
    query = "SELECT count(*) FROM temp.n JOIN droplet_actions a ON droplet_id = n.n"
    assert db.execute(query).get == 60
    assert len(reads) == 1


@pytest.mark.parametrize("cache_seconds", [0, 60])
def test_what_was_started_in_between_is_seen(
    fleet: Simulator, connect: Connect, clock: ManualClock, cache_seconds: int
) -> None:
    """A guess from before the POST does not know of it."""
    found = []
    for look_ahead in (True, False):
        db = connect(max_requests=COUNT, cache_seconds=cache_seconds, look_ahead=look_ahead)
        with_inventory(db)
        rows = db.execute(JOIN + " ORDER BY i.id")
        first = [next(rows) for _ in range(30)]
        while fleet_is_busy(fleet):
            pass
        for id in range(11, 21):
            db.execute("SELECT droplet_actions_post(?, 'rename', '{\"name\": \"x\"}')", (id,))
        clock.advance(120)
        found.append(len(first) + len(list(rows)))
    assert found == [310, 320]


def fleet_is_busy(simulator: Simulator) -> bool:
    return any(request.status is None for request in simulator.requests)


def test_a_failed_guess_is_paid_for_once(fleet: Simulator, connect: Connect) -> None:
    db = connect(max_requests=COUNT)
    with_inventory(db)
    fleet.fault(Fault(kind="close", path=r"droplets/[3-9]\d/", times=10))
    assert len(list(db.execute(JOIN))) == 300


def test_guesses_leave_room_in_the_quota(clock: ManualClock, shared_clock: SharedClock) -> None:
    """One that was wrong must not be what another statement lacks."""
    with Simulator(clock=clock, rules=Rules(minute_limit=60, hour_limit=60)) as simulator:
        for id in range(1, 51):
            simulator.account.add_droplet(droplet_id=id)
        db = apsw.Connection(":memory:")
        settings = {"token": simulator.token, "api_url": simulator.url, "max_wait_seconds": 1}
        attach(db, resolve(settings, os.getenv), shared_clock)
        with_inventory(db)
        query = (
            "SELECT i.id FROM inventory i WHERE i.id <= 50 AND"
            " (EXISTS (SELECT 1 FROM droplet_actions a WHERE a.droplet_id = i.id)"
            " OR EXISTS (SELECT 1 FROM droplet_actions b WHERE b.droplet_id = i.id + 500)"
            " OR i.id)"
        )
        db.execute("SELECT 1 FROM droplet_actions(1) LIMIT 1").fetchall()
        for id in range(1, 51):
            simulator.account.add_action(id)
        assert len(list(db.execute(query))) == 50
        db.close(True)


def test_a_transaction_has_the_connection_to_itself(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """An error such as a lack of memory would roll it back."""
    with_inventory(db)
    with db:
        assert len(list(db.execute(JOIN))) == 300
    assert one_by_one(fleet)


def test_values_too_long_for_a_look_end_it(fleet: Simulator, db: apsw.Connection) -> None:
    with_inventory(db)
    query = JOIN + (
        " AND length(hex(zeroblob(CASE WHEN i.id < 20 THEN 1 ELSE 100000 END))) > 0 LIMIT 30"
    )
    assert len(list(db.execute(query))) == 30
    assert len(fleet.requests) <= 30
    assert db.limit(apsw.SQLITE_LIMIT_LENGTH) >= 1_000_000_000


def test_a_database_that_is_not_used_is_left_alone(
    fleet: Simulator, db: apsw.Connection, tmp_path: Path
) -> None:
    """It may be locked, or others may wait for it."""
    with_inventory(db)
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute("CREATE TABLE t(x)")
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    assert db.execute("SELECT count(*) FROM other.t").get == 0
    fleet.latency = 0.01
    with other:
        other.execute("INSERT INTO t VALUES (1)")
        assert len(list(db.execute(JOIN))) == 300
    assert not one_by_one(fleet)
    rows = db.execute(JOIN)
    next(rows)
    other.execute("INSERT INTO t VALUES (2)")
    other.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.id FROM (SELECT count(*) FROM n) CROSS JOIN inventory i, droplet_actions(i.id) a",
        "SELECT a.id FROM temp.n, droplet_actions(n.n) a",
        'SELECT a.id FROM "\N{LATIN CAPITAL LETTER E WITH ACUTE}" n, droplet_actions(n.n) a',
        "SELECT a.id FROM json_each j, droplet_actions(j.n) a",
    ],
)
def test_a_table_of_the_user_s_is_read_once_whatever_its_name(
    fleet: Simulator, db: apsw.Connection, query: str
) -> None:
    with_inventory(db)
    reads = with_numbers(db)
    with_numbers(db, "json_each", reads)
    db.execute("CREATE VIRTUAL TABLE temp.n USING numbers()")
    db.execute(
        'CREATE VIRTUAL TABLE temp."\N{LATIN CAPITAL LETTER E WITH ACUTE}" USING numbers()'
    )
    db.execute(
        'CREATE VIRTUAL TABLE temp."\N{LATIN SMALL LETTER E WITH ACUTE}" USING droplet_actions()'
    )
    reads.clear()
    assert len(list(db.execute(query))) > 0
    assert len(reads) == 1


def test_a_signal_handler_may_use_the_connection(fleet: Simulator, db: apsw.Connection) -> None:
    """What it runs is neither authorized by us nor taken for the speculative run."""
    with_inventory(db)
    db.execute("CREATE TABLE log(x)")
    failed: list[BaseException] = []

    def handler(*signal_and_frame: object) -> None:
        try:
            db.execute("INSERT INTO log VALUES (1)")
        except BaseException as error:
            failed.append(error)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        for _ in range(5):
            assert len(list(db.execute(JOIN))) == 300
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not [error for error in failed if isinstance(error, apsw.AuthError)]


QUIET = f"""
import apsw, os
said = []
apsw.config(apsw.SQLITE_CONFIG_LOG, lambda *message: said.append(message))
import dovtab
db = dovtab.connect(":memory:", cache_seconds=0, token="simulator", api_url=os.environ["URL"])
db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY, name)")
db.executemany("INSERT INTO inventory VALUES (?, ?)", [(n, n) for n in range(1, 101)])
db.create_scalar_function("mine", lambda n: n, 1)
assert len(list(db.execute("{JOIN}"))) == 300
assert len(list(db.execute("{JOIN} WHERE mine(i.id) < 20"))) == 57
assert len(list(db.execute("{JOIN} LIMIT 4"))) == 4
print(said)
"""


def test_sqlite_s_own_log_stays_silent(fleet: Simulator) -> None:
    """People see it on their screens, and would look for what has failed."""
    fleet.latency = 0.01
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        env={**os.environ, "URL": fleet.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert not one_by_one(fleet)


def test_only_the_speculative_run_itself_is_authorized_by_us() -> None:
    """A signal handler's statement may be prepared in the midst of it."""
    authorizer = speculative_run.Authorizer(set(), read=True)
    assert authorizer(apsw.SQLITE_INSERT, "log", None, "main", None) == apsw.SQLITE_OK
    assert authorizer(apsw.SQLITE_READ, "log", "x", "main", None) == apsw.SQLITE_OK
    assert authorizer.used == set()
