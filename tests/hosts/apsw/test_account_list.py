"""The account's list in place of many: the same rows, whatever happens, in fewer requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import START, SharedClock

Connect = Callable[..., apsw.Connection]
COUNT, EACH = 40, 6
# Six actions each, 10 Droplets that are gone, and 5 of which nobody has heard.
GONE = range(COUNT + 1, COUNT + 11)
UNKNOWN = range(1000, 1005)
JOIN = (
    "SELECT i.id, a.id, a.type FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id"
)
SET = "SELECT droplet_id, id, type FROM droplet_actions WHERE droplet_id IN (SELECT id FROM inventory)"
SCALAR = "SELECT id, (SELECT max(a.id) FROM droplet_actions a WHERE a.droplet_id = i.id), '' FROM inventory i"
LEFT = JOIN.replace("JOIN", "LEFT JOIN")
SINCE = JOIN + " AND since = '2026-11-16T11:06:40Z'"
QUERIES = [JOIN, SET, SCALAR, LEFT, SINCE, f"{SET} AND type = 'snapshot'"]
ACCOUNT, OWN, DROPLETS = "/v2/actions", "/actions", "/v2/droplets"


@pytest.fixture
def simulator(clock: Any) -> Iterator[Simulator]:
    with Simulator(clock=clock, rules=Rules(minute_limit=None, hour_limit=None)) as running:
        fill(running)
        yield running


def fill(simulator: Simulator) -> None:
    account = simulator.account
    now = account.clock.time()
    for n in (*range(1, COUNT + 1), *GONE):
        account.add_droplet(n, gpu=n == 7, tags=["web"] if n % 2 else [])
    for i in range(EACH):
        for n in (*range(1, COUNT + 1), *GONE):
            age = 43_200 * (EACH - i) - 60 * n
            account.add_action(n, ("reboot", "snapshot", "backup")[i % 3], started_at=now - age)
    for n in range(5):
        account.add_foreign_action("image", n + 1)
    for n in GONE:
        account.destroy(n)


def with_inventory(db: apsw.Connection) -> None:
    db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY)")
    ids = [*range(1, COUNT + 1), *GONE, *UNKNOWN]
    db.executemany("INSERT INTO inventory VALUES (?)", [(n,) for n in ids])


@pytest.fixture
def fleet(connect: Connect) -> Connect:
    def connected(**settings: Any) -> apsw.Connection:
        db = connect(**settings)
        with_inventory(db)
        return db

    return connected


class Asked:
    """How many requests of which kind were made since anybody asked."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.seen = 0

    def __call__(self) -> dict[str, int]:
        kinds = {"account": 0, "own": 0, "droplets": 0}
        for request in self.simulator.requests[self.seen :]:
            kind = "account" if request.path == ACCOUNT else "own"
            kinds["droplets" if request.path == DROPLETS else kind] += 1
        self.seen = len(self.simulator.requests)
        return kinds


@pytest.fixture
def asked(simulator: Simulator) -> Asked:
    return Asked(simulator)


def rows(db: apsw.Connection, query: str) -> list[Any]:
    return sorted(db.execute(query), key=str)


@pytest.fixture(scope="module")
def right() -> dict[str, list[Any]]:
    """What the Droplets' own lists give, in an account that is filled like every other here."""
    clock = ManualClock(start=START)
    with Simulator(clock=clock, rules=Rules(minute_limit=None, hour_limit=None)) as own:
        fill(own)
        db = apsw.Connection(":memory:")
        given = {"token": own.token, "api_url": own.url, "account_list": False, "log": None}
        attach(db, resolve(given, lambda _: None), SharedClock(clock))
        with_inventory(db)
        found = {query: rows(db, query) for query in QUERIES}
        assert ACCOUNT not in {request.path for request in own.requests}
        db.close()
        return found


@pytest.mark.parametrize("query", QUERIES)
def test_it_gives_the_rows_of_the_droplets_own_lists(
    simulator: Simulator, fleet: Connect, right: dict[str, list[Any]], query: str, asked: Asked
) -> None:
    assert rows(fleet(), query) == right[query]
    found = asked()
    assert found["account"] == 2
    # Of those that are gone, one is asked for its own list, too.
    assert found["own"] <= 3
    # One list has all but the GPU Droplet and those that are gone: so both are read.
    assert found["droplets"] == 2


def test_nobody_who_is_there_is_looked_for_in_two_lists(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    db = fleet()
    db.execute("DELETE FROM inventory WHERE id > ? OR id = 7", (COUNT,))
    list(db.execute(JOIN))
    assert asked() == {"account": 2, "own": 2, "droplets": 1}


def test_what_the_statement_has_read_is_not_asked_for_again(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    """A join with droplets has their list."""
    query = "SELECT d.name, a.id FROM droplets d JOIN droplet_actions a USING (droplet_id)"
    assert len(list(fleet().execute(query))) == EACH * COUNT
    assert asked() == {"account": 2, "own": 2, "droplets": 2}


def test_few_are_asked_for_at_once(simulator: Simulator, fleet: Connect, asked: Asked) -> None:
    """They take one round trip, and to see that the list is short takes one more."""
    db = fleet()
    db.execute("DELETE FROM inventory WHERE id > 16")
    assert len(rows(db, SET)) == 16 * EACH
    assert asked() == {"account": 0, "own": 16, "droplets": 0}


def test_a_long_list_of_the_account_costs_one_request(
    simulator: Simulator, fleet: Connect, right: dict[str, list[Any]], asked: Asked
) -> None:
    """And the next statement knows."""
    for n in range(20_000):
        simulator.account.add_foreign_action("image", n + 1)
    db = fleet()
    assert rows(db, JOIN) == right[JOIN]
    assert asked() == {"account": 1, "own": 55, "droplets": 0}
    asked()
    assert rows(db, SET) == right[SET]
    assert asked() == {"account": 0, "own": 55, "droplets": 0}


FAULTS = [
    *(Fault("status", path=r"/v2/actions\?", status=code) for code in (403, 404, 429, 500)),
    *(Fault(kind, path=r"/v2/actions\?", skip=1) for kind in ("close", "truncated", "html")),
    Fault("malformed_json", path=r"/v2/actions\?.*page=1&"),
    Fault("status", path=r"/v2/droplets\?", status=500, times=None),
    Fault("status", path=r"/v2/droplets\?", skip=1, status=403),
    Fault("reset", path=r"/v2/droplets\?", skip=1),
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda f: f"{f.kind}-{f.status}-{f.path}-{f.skip}"
)
@pytest.mark.parametrize("query", [JOIN, SET, SINCE])
def test_whatever_keeps_it_away_the_own_lists_are_read(
    simulator: Simulator,
    fleet: Connect,
    right: dict[str, list[Any]],
    query: str,
    fault: Fault,
    asked: Asked,
) -> None:
    simulator.fault(fault)
    assert rows(fleet(), query) == right[query]
    assert asked()["own"] == 55


def test_a_token_that_may_not_is_not_asked_twice(
    simulator: Simulator,
    connect: Connect,
    fleet: Connect,
    right: dict[str, list[Any]],
    asked: Asked,
) -> None:
    simulator.account.add_token("narrow", {"droplet:read"})
    for _ in range(2):
        assert rows(fleet(token="narrow"), JOIN) == right[JOIN]
    assert asked()["account"] == 1


@pytest.mark.parametrize("order", ["asc", "shuffled"])
@pytest.mark.parametrize("query", QUERIES)
def test_the_order_of_the_list_does_not_matter(
    simulator: Simulator,
    fleet: Connect,
    right: dict[str, list[Any]],
    query: str,
    order: Any,
    asked: Asked,
) -> None:
    simulator.account.rules = Rules(order=order, minute_limit=None, hour_limit=None)
    assert rows(fleet(), query) == right[query]
    assert asked()["account"] == 2


def without_droplet_1(answer: Any) -> Any:
    kept = [action for action in answer["actions"] if action["resource_id"] != 1]
    total = answer["meta"]["total"] - EACH
    return {**answer, "actions": kept, "meta": {"total": total}}


@pytest.mark.parametrize("query", [JOIN, SET])
def test_a_list_that_has_other_rows_than_a_droplet_s_own_is_not_believed(
    simulator: Simulator, fleet: Connect, right: dict[str, list[Any]], query: str, asked: Asked
) -> None:
    simulator.fault(
        Fault("answer", path=r"/v2/actions\?", times=None, mutate=without_droplet_1)
    )
    assert rows(fleet(), query) == right[query]
    assert asked()["own"] == 55


def test_each_table_of_a_join_is_compared_with_what_is_its_own(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    """Both lists are found to be shorter when the first name is asked for."""
    query = """
        SELECT (SELECT count(*) FROM droplet_actions a WHERE a.droplet_id = i.id),
            (SELECT name FROM droplets d WHERE d.id = i.id)
        FROM inventory i"""

    def without_the_first_round(answer: Any) -> Any:
        kept = [action for action in answer["actions"] if action["type"] != "reboot"]
        return {**answer, "actions": kept, "meta": {"total": len(kept)}, "links": {}}

    right = rows(fleet(account_list=False), query)
    simulator.fault(
        Fault("answer", path=r"/v2/actions\?", times=None, mutate=without_the_first_round)
    )
    asked()
    assert rows(fleet(), query) == right
    assert asked()["account"] == 1


@pytest.mark.parametrize("member", ["resource_id", "resource_type"])
@pytest.mark.parametrize("query", [JOIN, SET])
def test_rows_that_do_not_say_whose_they_are_are_looked_for_in_the_own_lists(
    simulator: Simulator, fleet: Connect, query: str, member: str, asked: Asked
) -> None:
    """The API documents that resource_id may be null."""

    def without(answer: Any) -> Any:
        for action in answer.get("actions", []):
            if action["resource_id"] == 9:
                action[member] = None
        return answer

    simulator.fault(Fault("answer", path=r"/actions\?", times=None, mutate=without))
    wanted = rows(fleet(account_list=False), query)
    asked()
    assert rows(fleet(), query) == wanted
    assert asked()["own"] == 55


@pytest.mark.parametrize("query", [JOIN, SET])
def test_that_a_droplet_has_no_list_is_seen_before_it_is_believed(
    simulator: Simulator, fleet: Connect, query: str, asked: Asked
) -> None:
    """It may be listed nowhere, and yet have its list."""
    simulator.account.rules = Rules(
        destroyed_droplet_actions="list", minute_limit=None, hour_limit=None
    )
    wanted = rows(fleet(account_list=False), query)
    asked()
    assert rows(fleet(), query) == wanted
    assert {row[0] for row in wanted}.issuperset(GONE)


def nobody(answer: Any) -> Any:
    return {**answer, "droplets": [], "meta": {"total": 0}, "links": {}}


@pytest.mark.parametrize(
    "query", [JOIN, SET, "SELECT id, name FROM droplets WHERE id IN (SELECT id FROM inventory)"]
)
def test_a_droplet_that_is_missing_from_a_list_is_not_taken_for_gone(
    simulator: Simulator, fleet: Connect, query: str
) -> None:
    db, cautious = fleet(), fleet(account_list=False)
    for one in (db, cautious):
        one.execute("DELETE FROM inventory WHERE id > ?", (COUNT,))
        if query in (JOIN, SET):
            # One that is gone, and not the one that was used last.
            one.execute("INSERT INTO inventory VALUES (45)")
    simulator.account.add_action(7, "reboot")
    wanted = rows(cautious, query)
    simulator.fault(Fault("answer", path="type=gpus", times=None, mutate=nobody))
    assert rows(db, query) == wanted


def test_a_list_that_grows_while_it_is_read_has_what_was_there(
    simulator: Simulator, fleet: Connect, right: dict[str, list[Any]], asked: Asked
) -> None:
    """A row that comes meanwhile may be there or not; none may be lost."""
    for when in range(1, 6):
        before = {row[1] for row in rows(fleet(account_list=False), JOIN)}
        pages = iter(range(1, 100))

        def grow(page: int, pages: Iterator[int] = pages, when: int = when) -> None:
            if next(pages) == when:
                for n in range(1, COUNT + 1):
                    simulator.account.add_action(n, "reboot")

        simulator.before_page(grow)
        found = [row[1] for row in rows(fleet(), JOIN)]
        simulator.before_page(None)
        assert len(found) == len(set(found))
        assert before <= set(found)


def test_what_is_started_while_it_is_read_is_seen(simulator: Simulator, fleet: Connect) -> None:
    """By the statement itself: what it reads then comes after what it did."""
    query = """
        SELECT i.id, droplet_actions_post(i.id, 'reboot') ->> 'id' AS posted,
            (SELECT max(a.id) FROM droplet_actions a WHERE a.droplet_id = i.id) AS newest
        FROM inventory i WHERE id <= 40"""
    for _, posted, newest in fleet().execute(query):
        assert posted == newest


def test_another_connection_that_starts_something_is_seen_by_what_is_read_after(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    reader, other = fleet(), fleet()
    query = f"{JOIN} WHERE i.id <= {COUNT} ORDER BY i.id"
    cursor = reader.cursor().execute(query.replace(" ORDER BY i.id", ""))
    seen = [next(cursor) for _ in range(3 * EACH + 1)]
    assert asked()["account"] == 2
    posted = other.execute("SELECT droplet_actions_post(30, 'reboot') ->> 'id'").get
    assert posted in {row[1] for row in [*seen, *cursor]}


@pytest.mark.parametrize("limit", [1, 5, 50, 100])
def test_a_statement_that_may_stop_asks_for_few_that_it_does_not_need(
    simulator: Simulator, fleet: Connect, limit: int, asked: Asked
) -> None:
    assert len(rows(fleet(), f"{JOIN} LIMIT {limit}")) == limit
    needed = -(-limit // EACH)
    assert sum(asked().values()) <= needed + 30


def test_a_limit_keeps_it_away_and_nothing_fails_for_it(
    simulator: Simulator, fleet: Connect, right: dict[str, list[Any]], asked: Asked
) -> None:
    """What may be of no use counts for nothing: the own lists take 55."""
    simulator.fault(Fault("status", path=r"/v2/droplets\?", status=500, times=None))
    assert rows(fleet(max_requests=56), JOIN) == right[JOIN]
    simulator.clear_faults()
    asked()
    assert rows(fleet(max_requests=7), JOIN) == right[JOIN]
    assert sum(asked().values()) == 7
    with pytest.raises(dovtab.TooManyRequestsError, match="max_requests=6"):
        rows(fleet(max_requests=6), JOIN)


@pytest.mark.parametrize("acting", ["", ", droplet_actions_post(droplet_id, 'snapshot')"])
def test_nothing_fails_that_would_not_have_failed_without_it(
    simulator: Simulator, fleet: Connect, acting: str
) -> None:
    """What is started makes the list worthless that has been read by then."""
    first = simulator.account.history(1)[0].id
    query = f"{SET.replace(' FROM', acting + ' FROM', 1)} AND id < {first + COUNT}"
    least = 55 + (COUNT if acting else 0)
    found = rows(fleet(max_requests=least, concurrency=1), query)
    assert len(found) == COUNT


def test_what_went_wrong_once_is_tried_again(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    simulator.fault(Fault("status", path=r"/v2/actions\?", status=500))
    rows(fleet(), SET)
    assert asked()["own"] == 55
    rows(fleet(), SET)
    assert asked()["own"] <= 2


def test_a_long_list_is_read_as_far_as_since_goes(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    """However long it was found to be."""
    for n in range(20_000):
        simulator.account.add_foreign_action("image", n + 1, id=n + 1, started_at=1e9 + n)
    rows(fleet(), SET)
    assert asked()["own"] == 55
    for _ in range(2):
        rows(fleet(), f"{SET} AND since = '2026-11-16T11:06:40Z'")
        assert asked()["own"] <= 2


def test_what_was_read_since_one_moment_has_what_is_sought_since_a_later_one(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    """So few are left for the later one that they would be asked for one by one."""
    query = f"{SET.replace('inventory', 'inventory WHERE id <= 17')} AND since IN ('2026-11-16', '2026-11-17')"
    wanted = rows(fleet(account_list=False), query)
    assert asked()["own"] == 17
    assert rows(fleet(max_requests=17), query) == wanted
    assert asked()["own"] == 1


def test_a_page_of_a_list_is_of_the_droplet_s_own(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    simulator.account.rules = Rules(order="shuffled", minute_limit=None, hour_limit=None)
    query = f"{SET} AND page = 2 AND per_page = 2"
    assert rows(fleet(), query) == rows(fleet(account_list=False), query)
    assert asked()["account"] == 0


def test_droplets_that_are_asked_for_by_id_come_out_of_their_lists(
    simulator: Simulator, fleet: Connect, asked: Asked
) -> None:
    for query in (
        "SELECT i.id, d.name FROM inventory i LEFT JOIN droplets d ON d.droplet_id = i.id",
        "SELECT id, name FROM droplets WHERE id IN (SELECT id FROM inventory)",
    ):
        wanted = rows(fleet(account_list=False), query)
        asked()
        assert rows(fleet(), query) == wanted
        assert asked()["droplets"] == 2
        assert asked()["own"] <= 2


def test_it_may_be_turned_off(simulator: Simulator, fleet: Connect, asked: Asked) -> None:
    rows(fleet(account_list=False), SET)
    assert asked() == {"account": 0, "own": 55, "droplets": 0}


def test_a_list_that_was_read_in_part_is_counted_whole(
    simulator: Simulator, connect: Connect, asked: Asked
) -> None:
    """What can be foreseen of a join with droplets are the 200 of their first page."""
    for n in range(1, 451):
        simulator.account.add_droplet(10_000 + n)
    for n in range(45_000):
        simulator.account.add_foreign_action("image", n + 1)
    query = "SELECT count(a.id) FROM droplets d LEFT JOIN droplet_actions a USING (droplet_id)"
    assert connect().execute(query).get == COUNT * EACH
    found = asked()
    assert found["account"] > 200
    assert found["own"] <= 4
