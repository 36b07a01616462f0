"""Plain joins are fetched side by side, and nobody notices but by the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.simulator import Fault, Simulator

Connect = Callable[..., apsw.Connection]
COUNT = 100


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """A hundred Droplets with three actions each."""
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


def test_bound_values_are_bound_again(fleet: Simulator, db: apsw.Connection) -> None:
    fleet.latency = 0.02
    with_inventory(db)
    for bindings in ((20,), {"least": 20}, [20]):
        before = len(fleet.requests)
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


def test_nothing_of_the_user_s_runs_twice(fleet: Simulator, db: apsw.Connection) -> None:
    with_inventory(db)
    calls: list[int] = []

    def mine(n: int) -> int:
        calls.append(n)
        return n

    db.create_scalar_function("mine", mine, 1)
    assert len(list(db.execute(JOIN.replace("= i.id", "= mine(i.id)")))) == 300
    assert len(calls) == len(set(calls)) == 100
    calls.clear()
    db.create_scalar_function("upper", lambda text: calls.append(1) or text, 1)
    assert len(list(db.execute(JOIN.replace("i.name", "upper(i.name)")))) == 300
    assert len(calls) == 300


def test_a_user_s_own_table_is_not_read_twice(fleet: Simulator, db: apsw.Connection) -> None:
    import apsw.ext

    reads: list[int] = []

    def numbers(last: int = 20) -> Any:
        reads.append(last)
        return ({"n": n} for n in range(1, last + 1))

    numbers.columns, numbers.column_access = ("n",), apsw.ext.VTColumnAccess.By_Name  # type: ignore[attr-defined]
    apsw.ext.make_virtual_module(db, "numbers", numbers)
    query = "SELECT count(*) FROM numbers JOIN droplet_actions ON droplet_id = n"
    assert db.execute(query).get == 60
    assert len(reads) == 1


def test_tracers_and_authorizers_of_the_user_s_stay(fleet: Simulator, connect: Connect) -> None:
    db = connect()
    with_inventory(db)
    seen: list[str] = []
    db.exec_trace = lambda cursor, sql, bindings: seen.append(sql) is None
    db.row_trace = lambda cursor, row: seen.append("row") or row
    assert len(list(db.execute(JOIN))) == 300
    assert seen == [JOIN] + ["row"] * 300
    tracer = db.exec_trace
    db.authorizer = authorizer = lambda *what: apsw.SQLITE_OK
    assert len(list(db.execute(JOIN))) == 300
    assert (db.exec_trace, db.authorizer) == (tracer, authorizer)


def test_a_second_run_acts_on_nothing(fleet: Simulator, db: apsw.Connection) -> None:
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
    rows = db.execute(JOIN)
    assert len([next(rows) for _ in range(90)]) == 90
    with pytest.raises(dovtab.TooManyRequestsError, match="this statement: 30 and"):
        next(rows)


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
    assert max(r.at_once for r in fleet.requests) == 1
