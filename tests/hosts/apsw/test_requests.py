"""The fewest requests: what a query asks of the API, on the simulator's own log."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """Droplets 1 to 4 with 0, 3, 200 and 450 actions; action ids from 1000."""
    next_id = 1000
    for n, count in enumerate((0, 3, 200, 450), start=1):
        simulator.account.add_droplet(droplet_id=n)
        for _ in range(count):
            simulator.account.add_action(n, id=next_id)
            next_id += 1
    simulator.account.add_foreign_action(resource_type="image", resource_id=5)
    return simulator


def asked(fleet: Simulator) -> list[str]:
    return [
        r.path.removeprefix("/v2")
        + (f"?{r.query['page']}x{r.query['per_page']}" if r.query else "")
        for r in fleet.requests
    ]


GET_1000 = "/droplets/2/actions/1000"


@pytest.mark.parametrize(
    ("where", "requests", "rows"),
    [
        ("droplet_id = 2 AND action_id = 1000", [GET_1000], 1),
        ("id = 1000 AND droplet_id = '2'", [GET_1000], 1),
        ("resource_id = 2 AND rowid = 1000.0", [GET_1000], 1),
        ("action_id = 1000", ["/actions/1000"], 1),
        ("id IN (1000, 1001, 7)", ["/actions/7", "/actions/1000", "/actions/1001"], 2),
        ("droplet_id IN (2, 3) AND id = 1000", ["/actions/1000"], 1),
        ("droplet_id IN (1, 3) AND id = 1000", ["/actions/1000"], 0),
        ("droplet_id = 1", ["/droplets/1/actions?1x200"], 0),
        ("droplet_id = 3", ["/droplets/3/actions?1x200"], 200),
        ("droplet_id = 4", [f"/droplets/4/actions?{n}x200" for n in (1, 2, 3)], 450),
        ("droplet_id = 99", ["/droplets/99/actions?1x200"], 0),
        ("droplet_id IN (3, 2, 3)", [f"/droplets/{n}/actions?1x200" for n in (2, 3)], 203),
        ("droplet_id = 2 AND type = 'reboot'", ["/droplets/2/actions?1x200"], 3),
        ("droplet_id = 4 AND per_page = 150", [f"/droplets/4/actions?{n}x150" for n in (1, 2, 3)], 450),
        ("droplet_id = 4 AND page = 2", ["/droplets/4/actions?2x200"], 200),
        ("droplet_id = 4 AND page IN (1, 3)", [f"/droplets/4/actions?{n}x200" for n in (1, 3)], 250),
        ("page = 2 AND per_page = 10", ["/actions?2x10"], 10),
        ("1", [f"/actions?{n}x200" for n in (1, 2, 3, 4)], 653),
    ],
)  # fmt: skip
def test_a_query_makes_exactly_these_requests(
    fleet: Simulator, db: apsw.Connection, where: str, requests: list[str], rows: int
) -> None:
    assert len(list(db.execute(f"SELECT id FROM droplet_actions WHERE {where}"))) == rows
    assert sorted(asked(fleet)) == sorted(requests)


@pytest.mark.parametrize(
    "where",
    [
        "droplet_id = NULL",
        "droplet_id = 'abc'",
        "droplet_id = 1.5",
        "droplet_id = x'32'",
        "droplet_id = 0",
        "droplet_id = -4",
        "droplet_id = 9e99",
        "droplet_id IN ()",
        "droplet_id IN (SELECT 1 WHERE 0)",
        "droplet_id IN (SELECT value FROM json_each('[]'))",
        "droplet_id IN (NULL, 'x', 0)",
        "id = 'abc'",
        "id IN (NULL)",
        "droplet_id = 2 AND id = NULL",
        "droplet_id = 2 AND resource_id = 3",
        "droplet_id IN (2, 3) AND droplet_id IN (4, 5)",
        "id = 1000 AND action_id = 1001",
        "droplet_id = 2 AND page = NULL",
        "0",
    ],
)
def test_a_key_that_cannot_match_costs_no_request(
    fleet: Simulator, db: apsw.Connection, where: str
) -> None:
    assert list(db.execute(f"SELECT id FROM droplet_actions WHERE {where}")) == []
    assert asked(fleet) == []


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ("droplet_actions(4) LIMIT 5", ["/droplets/4/actions?1x5"]),
        ("droplet_actions(4) LIMIT 5 OFFSET 10", ["/droplets/4/actions?1x15"]),
        ("droplet_actions(4) LIMIT 0", []),
        ("droplet_actions(4) LIMIT 201", [f"/droplets/4/actions?{n}x200" for n in (1, 2)]),
        ("droplet_actions(4) WHERE type <> 'x' LIMIT 5", ["/droplets/4/actions?1x200"]),
        ("droplet_actions(2) ORDER BY started_at LIMIT 1", ["/droplets/2/actions?1x200"]),
        ("droplet_actions(2, 1000)", ["/droplets/2/actions/1000"]),
        ("droplet_actions LIMIT 100", ["/actions?1x200"]),
        ("droplet_actions WHERE droplet_id IN (2, 4) LIMIT 2", ["/droplets/2/actions?1x2"]),
    ],
)  # fmt: skip
def test_a_limit_stops_early(
    fleet: Simulator, db: apsw.Connection, query: str, requests: list[str]
) -> None:
    list(db.execute(f"SELECT 1 FROM {query}"))
    assert sorted(asked(fleet)) == sorted(requests)


def test_rows_not_taken_are_not_asked_for(fleet: Simulator, db: apsw.Connection) -> None:
    cursor = db.execute("SELECT id FROM droplet_actions WHERE droplet_id = 4")
    next(cursor)
    cursor.close()
    assert asked(fleet) == ["/droplets/4/actions?1x200"]


def test_a_join_asks_for_each_droplet_of_the_inventory_once(
    fleet: Simulator, db: apsw.Connection
) -> None:
    db.execute("CREATE TABLE inventory(droplet_id, name)")
    db.execute("INSERT INTO inventory VALUES (1, 'a'), ('2', 'b'), (NULL, 'c'), (99, 'd')")
    joined = (
        "SELECT name, count(id) FROM inventory LEFT JOIN droplet_actions USING (droplet_id)"
    )
    assert dict(db.execute(joined + " GROUP BY name")) == {"a": 0, "b": 3, "c": 0, "d": 0}
    assert sorted(asked(fleet)) == [f"/droplets/{n}/actions?1x200" for n in (1, 2, 99)]


def test_the_plan_shows_the_request(db: apsw.Connection) -> None:
    plans = {
        "droplet_id = 1 AND action_id = 2": "GET /v2/droplets/{droplet_id}/actions/{action_id}",
        "droplet_id = 1": "GET /v2/droplets/{droplet_id}/actions",
        "droplet_id IN (1, 2)": "GET /v2/droplets/{droplet_id}/actions",
        "id = 1": "GET /v2/actions/{action_id}",
        "droplet_id IN (1, 2) AND id = 3": "GET /v2/actions/{action_id}",
        "1": "GET /v2/actions",
    }
    for where, request in plans.items():
        (plan,) = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM droplet_actions WHERE {where}")
        assert request in plan[3].split(" ? ")[0]


def test_a_statement_stops_at_max_requests(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(max_requests=2)
    with pytest.raises(dovtab.TooManyRequestsError) as caught:
        list(db.execute("SELECT * FROM droplet_actions WHERE droplet_id = 4"))
    assert "made by this statement: 2 and it needs" in str(caught.value)
    assert "WHERE droplet_id" in str(caught.value)
    assert "DOVTAB_MAX_REQUESTS" in str(caught.value)
    assert len(fleet.requests) == 2


def test_each_statement_has_its_own_requests(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """Also while another statement is half read, as in a loop over its rows."""
    db = connect(max_requests=2)
    outer = db.execute("SELECT id FROM droplet_actions WHERE droplet_id = 2")
    for (id,) in outer:
        inner = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 2 AND id = ?"
        assert db.execute(inner, (id,)).get == 1
        assert db.execute(inner, (id,)).get == 1


def test_a_join_shares_its_requests(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(max_requests=3)
    query = (
        "WITH ids(n) AS (VALUES (2), (3), (99), (98))"
        " SELECT count(*) FROM ids JOIN droplet_actions ON droplet_id = n"
    )
    with pytest.raises(dovtab.TooManyRequestsError, match="by this statement: 3 and"):
        list(db.execute(query))


def test_a_statement_s_parts_share_its_requests(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """The arms of a UNION are different cursors, a trigger is no statement of its own."""
    db = connect(max_requests=2)
    with pytest.raises(dovtab.TooManyRequestsError, match="by this statement: 2 and"):
        list(
            db.execute(
                "SELECT id FROM droplet_actions(1) UNION ALL SELECT id FROM droplet_actions(2)"
                " UNION ALL SELECT id FROM droplet_actions(3)"
            )
        )
    db.execute("CREATE TABLE log(n); CREATE TABLE t(a)")
    db.execute(
        "CREATE TEMP TRIGGER after_t AFTER INSERT ON t BEGIN"
        " INSERT INTO log SELECT count(*) FROM droplet_actions WHERE droplet_id = new.a; END"
    )
    with pytest.raises(dovtab.TooManyRequestsError, match="by this statement: 2 and"):
        db.execute("INSERT INTO t VALUES (1), (2), (3)")


def test_the_requests_are_on_record(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(concurrency=1)
    list(db.execute("SELECT count(*) FROM droplet_actions WHERE droplet_id IN (2, 99)"))
    columns = "seq, method, path, status, attempts, ratelimit_remaining, error"
    assert list(db.execute(f"SELECT {columns} FROM dovtab_requests")) == [
        (1, "GET", "/v2/droplets/2/actions?page=1&per_page=200", 200, 1, 4999, None),
        (2, "GET", "/v2/droplets/99/actions?page=1&per_page=200", 404, 1, 4998, None),
    ]
    more = "SELECT started_at, duration_ms, length(request_id) FROM dovtab_requests"
    started_at, duration_ms, length = next(db.execute(more))
    assert started_at == "2026-11-18T11:06:40.000Z"
    assert duration_ms == 0  # the clock stands still
    assert length == 36


def test_importing_dovtab_is_light(db: apsw.Connection) -> None:
    """An HTTP library, a YAML parser and a simulator are for those who use them."""
    import subprocess
    import sys

    program = (
        "import dovtab, sys; dovtab.connect().execute('SELECT 1').get;"
        "print([m for m in ('httpx', 'yaml', 'dovtab.simulator') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert printed.stdout.strip() == "[]"
