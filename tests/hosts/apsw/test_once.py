"""However often SQLite evaluates a call, it is sent once in a statement."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator

POST = "droplet_actions_post(id, 'rename', '{\"name\": \"x\"}') ->> 'resource_id'"
P = f"SELECT id, {POST} r FROM inventory"

# The shape, and how many Droplets it acts on.
SHAPES = [
    (f"SELECT {POST} FROM inventory", 3),
    (f"SELECT id, {POST} r FROM inventory ORDER BY r", 3),
    (f"SELECT {POST} FROM inventory ORDER BY id LIMIT 1", 1),
    (f"SELECT {POST} FROM inventory LIMIT 1 OFFSET 2", 1),
    (f"SELECT r, r FROM ({P})", 3),
    (f"SELECT r, r + 1 FROM ({P})", 3),
    (f"SELECT r FROM ({P}) WHERE r > 0", 3),
    (f"SELECT r, r FROM ({P}) WHERE r > 0", 3),
    (f"SELECT {POST}, {POST} FROM inventory", 3),
    (f"SELECT {POST} FROM inventory WHERE {POST} > 0", 3),
    (f"SELECT id FROM inventory WHERE {POST} > 0 AND name = 'b'", 3),
    (f"SELECT id FROM inventory WHERE name = 'b' AND {POST} > 0", 1),
    (f"WITH p AS ({P}) SELECT r, r FROM p", 3),
    (f"WITH p AS MATERIALIZED ({P}) SELECT r, r FROM p WHERE r > 0 ORDER BY r", 3),
    (f"WITH p AS NOT MATERIALIZED ({P}) SELECT r, r FROM p", 3),
    (f"WITH p AS ({P}) SELECT * FROM p UNION ALL SELECT * FROM p", 3),
    (f"WITH p AS MATERIALIZED ({P}) SELECT a.r, b.r FROM p a JOIN p b USING (id)", 3),
    (f"SELECT id FROM ({P})", 0),
    (f"SELECT count(*) FROM ({P})", 0),
    (f"SELECT count(r) FROM ({P})", 3),
    (f"SELECT r, r FROM ({P} LIMIT -1 OFFSET 0) WHERE r > 0", 3),
    (f"SELECT r, count(*) FROM ({P}) GROUP BY r", 3),
    (f"SELECT DISTINCT {POST} FROM inventory", 3),
    (f"SELECT CASE WHEN {POST} > 1 THEN 'x' ELSE {POST} END FROM inventory", 3),
    (f"SELECT coalesce({POST}, 0) FROM inventory", 3),
    (f"SELECT max(r), min(r) FROM ({P})", 3),
    (f"SELECT r, sum(r) OVER () FROM ({P})", 3),
    (f"CREATE TABLE made AS {P}", 3),
    (f"INSERT INTO made2 {P}", 3),
    (f"INSERT INTO made2 {P} RETURNING r, r", 3),
    (f"UPDATE inventory SET name = {POST} WHERE id < 3", 2),
    (f"SELECT {POST.replace('id,', 'i.id,')} FROM inventory i JOIN inventory j", 3),
    (f"SELECT {POST} FROM inventory UNION SELECT {POST} FROM inventory", 3),
    (f"SELECT EXISTS (SELECT {POST} FROM inventory)", 0),
    (f"SELECT 1 IN (SELECT {POST} FROM inventory)", 3),
    (f"SELECT r, r FROM inventory i LEFT JOIN ({P}) p ON p.id = i.id", 3),
    ("SELECT (SELECT droplet_actions_post(1, 'enable_ipv6')), name FROM inventory", 1),
    ("SELECT droplet_actions_post('1', 'enable_ipv6') FROM inventory", 1),
    (f"EXPLAIN QUERY PLAN {P}", 0),
    (f"SELECT a.id, {POST.replace('id,', 'a.droplet_id,')} FROM inventory i, droplet_actions(i.id) a", 3),
]  # fmt: skip


@pytest.fixture
def fleet(simulator: Simulator, db: apsw.Connection) -> Simulator:
    for id in (1, 2, 3):
        simulator.account.add_droplet(droplet_id=id, tags=("web",))
        simulator.account.add_action(id)
        simulator.account.add_action(id)
    db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY, name)")
    db.execute("INSERT INTO inventory VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    db.execute("CREATE TABLE made2(id, r)")
    return simulator


def posts(simulator: Simulator) -> list[str]:
    return [r.path for r in simulator.requests if r.method == "POST"]


@pytest.mark.parametrize(("sql", "acted_on"), SHAPES)
def test_as_many_posts_as_rows_acted_on(
    fleet: Simulator, db: apsw.Connection, sql: str, acted_on: int
) -> None:
    list(db.execute(sql))
    sent = posts(fleet)
    assert len(sent) == len(set(sent)) == acted_on


def test_another_statement_sends_it_again(fleet: Simulator, db: apsw.Connection) -> None:
    call = f"SELECT {POST} FROM inventory WHERE id = 1"
    wait = "SELECT droplet_actions_wait(droplet_id, action_id) FROM dovtab_posts"
    list(db.execute(f"{call}; {wait}; {call}"))
    list(db.execute(f"{wait}; {call}"))
    assert len(posts(fleet)) == 3


def test_by_tag_too(fleet: Simulator, db: apsw.Connection) -> None:
    call = "droplet_actions_post_by_tag('web', 'enable_ipv6')"
    list(
        db.execute(f"SELECT {call}, {call} FROM inventory WHERE json_array_length({call}) = 3")
    )
    assert posts(fleet) == ["/v2/droplets/actions"]


def test_attributes_that_are_equal_as_json_are_one_call(
    fleet: Simulator, db: apsw.Connection
) -> None:
    policy = ('{"plan": "weekly", "hour": 4}', ' {"hour":4,\n"plan":"weekly"}')
    same = ", ".join(
        "droplet_actions_post(1, 'enable_ipv6'" + a for a in (")", ", NULL)", ", '{}')")
    )
    post = "droplet_actions_post(2, 'enable_backups', json_object('backup_policy', json(?)))"
    list(db.execute(f"SELECT {same}, {post}, {post}", policy))
    # The name of a snapshot without one has the time in it, and is still the same call.
    snapshot = "droplet_actions_post(3, 'snapshot') IS NULL"
    list(db.execute(f"SELECT {snapshot}, {snapshot}"))
    assert posts(fleet) == [f"/v2/droplets/{n}/actions" for n in (1, 2, 3)]


def test_what_differs_is_sent_for_itself(fleet: Simulator, db: apsw.Connection) -> None:
    list(
        db.execute(
            "SELECT droplet_actions_post(1, 'rename', '{\"name\": \"a\"}'),"
            " droplet_actions_post(2, 'rename', '{\"name\": \"a\"}'),"
            " droplet_actions_post(3, 'rename', '{\"name\": \"b\"}')"
        )
    )
    assert len(posts(fleet)) == 3


def test_two_statements_that_act_at_once_are_refused(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """Whose call it is cannot be told, so one of them might be lost or doubled."""
    first, second = db.execute(P), None
    next(first)
    with pytest.raises(dovtab.ArgumentError, match="let one come to its end first"):
        second = db.execute(P)
    del second
    assert len(posts(fleet)) == 1
    assert len(list(first)) == 2
    list(db.execute("SELECT droplet_actions_wait(droplet_id, action_id) FROM dovtab_posts"))
    assert len(list(db.execute(P))) == 3


def test_a_statement_that_reads_may_go_on_meanwhile(
    fleet: Simulator, db: apsw.Connection
) -> None:
    for (id,) in db.execute("SELECT id FROM inventory"):
        assert db.execute("SELECT droplet_actions_post(?, 'enable_ipv6')", (id,)).get
    assert len(posts(fleet)) == 3


def test_a_call_that_was_refused_ends_the_statement(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect()
    with pytest.raises(dovtab.APIError):
        list(
            db.execute("SELECT droplet_actions_post(column1, 'reboot') FROM (VALUES (9), (1))")
        )
    assert len(posts(fleet)) == 1
