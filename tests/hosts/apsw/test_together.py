"""Requests side by side, and none of them twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

pytestmark = pytest.mark.usefixtures("one_by_one")

LATENCY = 0.2
Connect = Callable[..., apsw.Connection]


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """Thirty Droplets with three actions each, and one with 2,050."""
    for id in range(1, 31):
        simulator.account.add_droplet(droplet_id=id)
        for n in range(3):
            simulator.account.add_action(id, id=100 * id + n)
    simulator.account.add_droplet(droplet_id=99)
    for n in range(2050):
        simulator.account.add_action(99, id=100_000 + n)
    return simulator


def at_once(simulator: Simulator) -> int:
    return max(request.at_once for request in simulator.requests)


IN_20 = (
    f"SELECT id FROM droplet_actions WHERE droplet_id IN ({', '.join(map(str, range(1, 21)))})"
)


@pytest.mark.parametrize(
    ("query", "rows", "requests", "side_by_side"),
    [
        (IN_20, 60, 20, 16),
        ("SELECT id FROM droplet_actions(99)", 2050, 11, 10),
        (IN_20.replace("droplet_id IN", "droplet_id = 1 AND droplet_id IN"), 3, 1, 1),
        ("SELECT id FROM droplet_actions WHERE id IN (100, 200, 300, 400, 5)", 4, 5, 5),
        ("SELECT id FROM droplet_actions", 2140, 11, 10),
    ],
)
def test_what_does_not_depend_on_each_other_is_asked_for_at_once(
    fleet: Simulator, connect: Connect, query: str, rows: int, requests: int, side_by_side: int
) -> None:
    fleet.latency = LATENCY
    db = connect()
    found = [id for (id,) in db.execute(query)]
    assert len(found) == len(set(found)) == rows
    assert len(fleet.requests) == requests
    assert at_once(fleet) == side_by_side


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_no_more_than_the_setting_are_under_way(
    fleet: Simulator, connect: Connect, concurrency: int
) -> None:
    fleet.latency = 0.01
    assert len(list(connect(concurrency=concurrency).execute(IN_20))) == 60
    assert at_once(fleet) == concurrency


def test_rows_come_in_the_order_of_the_api(fleet: Simulator, db: apsw.Connection) -> None:
    fleet.latency = 0.002
    ids = [id for (id,) in db.execute("SELECT id FROM droplet_actions(99)")]
    assert ids == sorted(ids, reverse=True)


def test_a_statement_that_stops_has_asked_for_little(
    fleet: Simulator, db: apsw.Connection
) -> None:
    ids = ", ".join(map(str, range(1, 31)))
    rows = db.execute(f"SELECT id FROM droplet_actions WHERE droplet_id IN ({ids})")
    for _ in range(5):
        next(rows)
    rows.close()
    assert len(fleet.requests) <= 16 + 1


def test_what_was_asked_ahead_of_a_failure_does_no_harm(
    fleet: Simulator, db: apsw.Connection
) -> None:
    fleet.fault(Fault(kind="status", path="droplets/7/", times=None))
    with pytest.raises(dovtab.APIError, match="droplets/7/"):
        list(db.execute(IN_20))
    fleet.clear_faults()
    assert len(list(db.execute(IN_20))) == 60


def test_reading_ahead_breaks_no_limit_that_the_statement_keeps(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(max_requests=3)
    rows = db.execute(IN_20)
    assert len([next(rows) for _ in range(9)]) == 9
    with pytest.raises(dovtab.TooManyRequestsError):
        next(rows)
    assert len(fleet.requests) == 3


def paths(simulator: Simulator) -> list[str]:
    return [request.path for request in simulator.requests]


def test_a_statement_does_not_ask_twice_for_the_same_thing(
    fleet: Simulator, db: apsw.Connection
) -> None:
    query = "SELECT count(*) FROM droplet_actions a JOIN droplet_actions b USING (droplet_id)"
    assert db.execute(query + " WHERE a.droplet_id = 1").get == 9
    assert len(fleet.requests) == 1


def test_the_next_statement_asks_again_when_nothing_is_kept(
    fleet: Simulator, db: apsw.Connection
) -> None:
    for _ in range(2):
        list(db.execute("SELECT id FROM droplet_actions(1)"))
    assert len(fleet.requests) == 2


def test_an_answer_is_good_for_a_while_and_for_every_connection(
    fleet: Simulator, connect: Connect, clock: ManualClock
) -> None:
    """A page of a SQL web application is 28 scans of the same thing."""
    first, second = connect(cache_seconds=5), connect(cache_seconds=60)
    query = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 1"
    for db in [first, second] * 14:
        assert db.execute(query).get == 3
    assert len(fleet.requests) == 1
    clock.advance(5)
    assert (first.execute(query).get, second.execute(query).get) == (3, 3)
    assert len(fleet.requests) == 2


def test_another_token_knows_nothing_of_it(fleet: Simulator, connect: Connect) -> None:
    fleet.account.add_token("other")
    for token in ("simulator", "other"):
        list(
            connect(cache_seconds=60, token=token).execute("SELECT id FROM droplet_actions(1)")
        )
    assert len(fleet.requests) == 2


def test_an_action_that_has_ended_is_kept(
    fleet: Simulator, connect: Connect, clock: ManualClock
) -> None:
    db = connect()
    running = fleet.account.add_action(1, status="in-progress", id=7)
    for id in (running.id, 100, running.id, 100):
        list(
            db.execute(
                "SELECT status FROM droplet_actions WHERE droplet_id = 1 AND id = ?", (id,)
            )
        )
        clock.advance(3600)
    assert [int(path.rsplit("/")[-1]) for path in paths(fleet)] == [7, 100, 7]


def test_an_action_of_ours_drops_what_is_known_of_its_droplet(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(cache_seconds=3600)
    count = "SELECT count(*) FROM droplet_actions WHERE droplet_id = ?"
    known = [db.execute(count, (id,)).get for id in (1, 2)]
    everything = db.execute("SELECT count(*) FROM droplet_actions").get
    list(db.execute("SELECT droplet_actions_post(1, 'reboot')"))
    before = len(fleet.requests)
    assert [db.execute(count, (id,)).get for id in (1, 2)] == [known[0] + 1, known[1]]
    assert len(fleet.requests) == before + 1
    assert db.execute("SELECT count(*) FROM droplet_actions").get == everything + 1


def test_also_within_one_statement(fleet: Simulator, db: apsw.Connection) -> None:
    query = (
        "WITH before AS MATERIALIZED (SELECT count(*) n FROM droplet_actions(1)),"
        " act AS MATERIALIZED (SELECT droplet_actions_post(1, 'reboot') AS action, n FROM before)"
        " SELECT n, (SELECT count(*) FROM droplet_actions(1) WHERE act.action IS NOT NULL) FROM act"
    )
    assert list(db.execute(query)) == [(3, 4)]


def test_two_threads_that_want_the_same_ask_once(clock: ManualClock) -> None:
    with Simulator(clock=clock, latency=0.2) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        simulator.account.add_action(1)
        given = {"token": simulator.token, "api_url": simulator.url, "cache_seconds": 0}
        barrier, counts = threading.Barrier(4), []

        def ask() -> None:
            db = apsw.Connection(":memory:")
            attach(db, resolve(dict(given), lambda _: None))
            barrier.wait()
            counts.append(db.execute("SELECT count(*) FROM droplet_actions(1)").get)
            db.close()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [1] * 4
        assert len(simulator.requests) == 1


def test_one_who_leaves_does_not_take_the_answer_from_another(clock: ManualClock) -> None:
    with Simulator(clock=clock, latency=0.5) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        given = {"token": simulator.token, "api_url": simulator.url, "cache_seconds": 0}
        connections = []
        for _ in range(2):
            db = apsw.Connection(":memory:")
            attach(db, resolve(dict(given), lambda _: None))
            connections.append(db)
        first, second = connections
        outcome: list[Any] = []

        def ask(db: apsw.Connection) -> None:
            try:
                outcome.append(db.execute("SELECT count(*) FROM droplet_actions(1)").get)
            except apsw.InterruptError:
                outcome.append("interrupted")

        threads = [threading.Thread(target=ask, args=(db,)) for db in connections]
        for thread in threads:
            thread.start()
        while not simulator.requests:
            pass
        first.interrupt()
        for thread in threads:
            thread.join()
        assert sorted(map(str, outcome)) == ["0", "interrupted"]
        assert len(simulator.requests) <= 2
        for db in connections:
            db.close()
        assert second is not first


def test_a_thousand_droplets_are_read_without_a_refusal(clock: ManualClock) -> None:
    """In three minutes, which the limit of 250 a minute forces."""
    with Simulator(rules=Rules(), clock=clock) as simulator:
        for id in range(1, 1001):
            simulator.account.add_droplet(droplet_id=id)
        db = apsw.Connection(":memory:")
        given = {
            "token": simulator.token,
            "api_url": simulator.url,
            "max_requests": 2000,
            "account_list": False,
        }
        attach(db, resolve(given, lambda _: None), SharedClock(clock))
        began = clock.time()
        db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY)")
        db.execute(
            "WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 1000)"
            " INSERT INTO inventory SELECT n FROM c"
        )
        query = "SELECT count(*) FROM droplet_actions WHERE droplet_id IN (SELECT id FROM inventory)"
        assert db.execute(query).get == 0
        assert {r.status for r in simulator.requests} == {200}
        assert len(simulator.requests) == 1000
        assert 180 <= clock.time() - began < 181
        db.close()


def test_a_wait_for_the_quota_that_is_too_long_says_until_when(clock: ManualClock) -> None:
    with Simulator(rules=Rules(), clock=clock) as simulator:
        db = apsw.Connection(":memory:")
        given = {
            "token": simulator.token,
            "api_url": simulator.url,
            "max_wait_seconds": 30,
            "account_list": False,
        }
        attach(db, resolve(given, lambda _: None), SharedClock(clock))
        ids = ", ".join(map(str, range(1, 400)))
        with pytest.raises(
            dovtab.RateLimitError, match=r"used up until about 2026-11-18 11:07:40"
        ):
            list(db.execute(f"SELECT id FROM droplet_actions WHERE droplet_id IN ({ids})"))
        assert len(simulator.requests) == 250
        db.close()


def test_an_action_that_was_waited_for_is_seen_to_have_ended(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    db = connect(cache_seconds=3600)
    status = "SELECT status FROM droplet_actions WHERE droplet_id = 1"
    id = db.execute("SELECT droplet_actions_post(1, 'reboot') ->> 'id'").get
    assert db.execute(status).get == "in-progress"
    list(db.execute("SELECT droplet_actions_wait(1, ?)", (id,)))
    assert db.execute(status).get == "completed"


def test_an_action_whose_answer_nobody_waited_for_is_seen(clock: ManualClock) -> None:
    with Simulator(clock=clock) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        db = apsw.Connection(":memory:")
        given = {"token": simulator.token, "api_url": simulator.url, "cache_seconds": 3600}
        attach(db, resolve(given, lambda _: None))
        simulator.latency = 0.5

        def interrupt() -> None:
            while not simulator.requests:
                time.sleep(0.001)
            simulator.latency = 0
            db.interrupt()

        helper = threading.Thread(target=interrupt)
        helper.start()
        with pytest.raises(apsw.InterruptError):
            list(db.execute("SELECT droplet_actions_post(1, 'reboot')"))
        helper.join()
        list(db.execute("SELECT id FROM droplet_actions(1)"))
        while any(thread.name == "dovtab request" for thread in threading.enumerate()):
            time.sleep(0.001)
        assert db.execute("SELECT count(*) FROM droplet_actions(1)").get == 1
        db.close()


def test_the_patience_of_another_connection_is_not_ours(clock: ManualClock) -> None:
    with Simulator(clock=clock) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        simulator.fault(Fault(kind="delay", seconds=1.0, times=None))
        counts: list[Any] = []

        def ask(timeout_seconds: float) -> None:
            db = apsw.Connection(":memory:")
            given = {"token": simulator.token, "api_url": simulator.url}
            attach(db, resolve({**given, "timeout_seconds": timeout_seconds}, lambda _: None))
            try:
                counts.append(db.execute("SELECT count(*) FROM droplet_actions(1)").get)
            except dovtab.NetworkError:
                counts.append("lost")
            db.close()

        threads = [threading.Thread(target=ask, args=(seconds,)) for seconds in (0.2, 20)]
        for thread in threads:
            thread.start()
            while not simulator.requests:
                time.sleep(0.001)
        for thread in threads:
            thread.join()
        assert counts[-1] == 0
