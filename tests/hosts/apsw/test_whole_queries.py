"""Whole queries, over the table and over an ordinary table with the same rows."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.resources import DROPLET_ACTIONS
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

COLUMNS = [c.name for c in DROPLET_ACTIONS.columns if c.name not in DROPLET_ACTIONS.for_acting]
TYPES = ("reboot", "snapshot", "backup", "create")


Attach = Callable[[apsw.Connection], None]


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


FAULTS = ("status", "close", "truncated", "lost_after_effect")


@pytest.fixture(scope="module", params=["nothing kept", "answers kept", "faults"])
def prepared(request: pytest.FixtureRequest) -> Iterator[tuple[apsw.Connection, Attach]]:
    """A connection with ``droplet_actions`` and, with the same rows, ``ordinary``."""
    rules = Rules(minute_limit=None, hour_limit=None)
    clock = ManualClock(start=1_795_000_000.0)
    with Simulator(rules=rules, clock=clock) as simulator:
        account = simulator.account
        # One Droplet has more than a page of actions, one has none.
        for n, count in enumerate((203, 4, 1, 0, 7)):
            droplet = account.add_droplet(droplet_id=1 + n)
            for i in range(count):
                account.add_action(
                    droplet.id,
                    type=TYPES[(i + n) % 4],
                    status="errored" if i % 5 == 3 else "completed",
                )
            account.add_foreign_action(resource_type="image", resource_id=n)
        account.add_foreign_action(resource_type="backend", resource_id=None)
        db = apsw.Connection(":memory:")
        given = {"token": "simulator", "api_url": simulator.url, "max_requests": 100_000}
        given["max_wait_seconds"] = 86_400  # Nobody waits: the clock is turned by hand.
        given["cache_seconds"] = 5 if request.param == "answers kept" else 0

        def attach_too(other: apsw.Connection) -> None:
            attach(other, resolve(dict(given), os.getenv), shared_clock)

        shared_clock = SharedClock(clock)
        attach_too(db)
        db.execute(
            f"CREATE TABLE ordinary AS SELECT {', '.join(COLUMNS)} FROM droplet_actions WHERE 0"
        )
        # A table made AS SELECT keeps the affinities; its rows come from the account.
        for action in account.actions.values():
            if action.resource_type == "droplet":
                db.execute(
                    "INSERT INTO ordinary(rowid, id, resource_id, completed_at, region_slug,"
                    " resource_type, started_at, status, type, droplet_id, action_id)"
                    " SELECT ?1, ?1, ?2, a.completed_at, a.region_slug, a.resource_type,"
                    " a.started_at, a.status, a.type, ?2, ?1"
                    " FROM droplet_actions a WHERE a.droplet_id = ?2 AND a.id = ?1",
                    (action.id, action.resource_id),
                )
        db.execute("CREATE TABLE inventory(id, name TEXT, number INTEGER)")
        db.executemany(
            "INSERT INTO inventory VALUES (?, ?, ?)",
            [
                (1, "web", 1),
                ("2", "db", 2),
                (3.0, "queue", 3),
                (None, "gone", None),
                (99, "x", 4),
            ],
        )
        if request.param == "faults":
            for kind in FAULTS:
                # Few enough that the fourth attempt is as good as certain to go well.
                simulator.fault(Fault(kind=kind, status=503, probability=0.02, times=None))
        yield db, attach_too
        db.close(True)


@pytest.fixture
def both(prepared: tuple[apsw.Connection, Attach]) -> apsw.Connection:
    return prepared[0]


FIRST_ID = 2_300_000_000
DROPLETS = ["1", "2", "3", "4", "5", "6", "0", "-1", "'2'", "' 5 '", "2.0", "1.5", "'abc'"]
DROPLETS += ["NULL", "x'32'", "9223372036854775807", "9e18", "'1e0'", "1+1", "true", "$d"]
IDS = [str(FIRST_ID + n) for n in (0, 1, 3, 50, 202, 210, 400)] + ["'2300000001'", "NULL", "7"]
SETS = ["SELECT id FROM inventory", "SELECT number FROM inventory WHERE 0", "SELECT value FROM"]
SETS[2] += " json_each('[1, \"2\", null, 5.0]')"

droplets, ids = st.sampled_from(DROPLETS), st.sampled_from(IDS)


def term(alias: str) -> st.SearchStrategy[str]:
    a = f"{alias}." if alias else ""
    key = st.sampled_from([f"{a}droplet_id", f"{a}resource_id"])
    item = st.sampled_from([f"{a}id", f"{a}action_id", f"{a}rowid"])
    operator = st.sampled_from(["=", "IS", "=", "==", "<>", "<", ">=", "IS NOT"])
    return st.one_of(
        st.builds("{} {} {}".format, key, operator, droplets),
        st.builds("{} {} {}".format, item, operator, ids),
        st.builds("{1} = {0}".format, key, droplets),
        st.builds("{} IN ({})".format, key, st.lists(droplets, max_size=4).map(", ".join)),
        st.builds("{} IN ({})".format, item, st.lists(ids, max_size=4).map(", ".join)),
        st.builds("{} NOT IN ({})".format, key, st.lists(droplets, min_size=1).map(", ".join)),
        st.builds("{} IN ({})".format, key, st.sampled_from(SETS)),
        st.builds("{} BETWEEN {} AND {}".format, key, droplets, droplets),
        st.builds("{} IS NULL".format, key | item),
        st.builds("({} = {} OR {} = {})".format, key, droplets, key, droplets),
        st.builds("({} = {} OR {} = {})".format, key, droplets, item, ids),
        st.builds("{}.status = '{}'".format if alias else "{}status = '{}'".format,
                  st.just(alias), st.sampled_from(["completed", "errored"])),
        st.builds((a + "type = '{}'").format, st.sampled_from(TYPES)),
        st.just(f"{a}completed_at IS NOT NULL"),
    )  # fmt: skip


def where(alias: str, *more: str) -> st.SearchStrategy[str]:
    terms = st.lists(term(alias), max_size=3).map(lambda found: [*more, *found])
    return terms.map(lambda found: f" WHERE {' AND '.join(found)}" if found else "")


ORDERS = ["", " ORDER BY id", " ORDER BY id DESC", " ORDER BY type, id", " ORDER BY -id"]
limits = st.one_of(
    st.just(""),
    st.builds(" LIMIT {}".format, st.integers(-1, 12)),
    st.builds(" LIMIT {} OFFSET {}".format, st.integers(-1, 12), st.integers(0, 210)),
)
single = st.builds(
    "SELECT {} FROM T a{}{}{}".format,
    st.sampled_from(["a.*", "a.id, a.droplet_id, a.action_id", "rowid, type"]),
    where("a"),
    st.sampled_from(ORDERS),
    limits,
)
distinct = st.builds(
    "SELECT DISTINCT type FROM T a{} ORDER BY type{}".format, where("a"), limits
)
aggregates = st.builds(
    "SELECT {} FROM T a{}".format,
    st.sampled_from(
        ["count(*)", "max(a.started_at), count(DISTINCT a.droplet_id)", "min(a.id), max(id)"]
    ),
    where("a"),
)
JOINS = [
    "inventory i JOIN T a ON a.droplet_id = i.id",
    "inventory i LEFT JOIN T a ON a.droplet_id = i.id",
    "inventory i LEFT JOIN T a ON a.droplet_id = i.number AND a.status = 'errored'",
    "T a JOIN inventory i ON i.number = a.droplet_id",
    "inventory i JOIN T a ON a.droplet_id = i.number AND a.droplet_id IN (1, 2, 5)",
    "inventory i JOIN T a ON a.resource_id = i.id JOIN T b ON b.id = a.id",
    "inventory i JOIN T a ON a.droplet_id = i.number JOIN T b ON b.droplet_id = a.droplet_id AND b.id = a.id",
    "inventory i CROSS JOIN T a ON a.droplet_id = i.number AND a.id IN (2300000000, 2300000203)",
]
joins = st.builds(
    "SELECT i.name, a.id, a.type FROM {}{}{}{}".format,
    st.sampled_from(JOINS),
    where("a"),
    st.sampled_from(["", " ORDER BY a.id, i.name"]),
    limits,
)
subqueries = st.builds(
    "SELECT i.name, {} FROM inventory i{}".format,
    st.sampled_from(
        [
            "(SELECT max(a.id) FROM T a WHERE a.droplet_id = i.id)",
            "EXISTS (SELECT 1 FROM T a WHERE a.droplet_id = i.number AND a.type = 'backup')",
            "(SELECT count(*) FROM T a WHERE a.droplet_id = i.number LIMIT 1)",
            "(SELECT a.type FROM T a WHERE a.droplet_id = i.id ORDER BY a.id DESC LIMIT 1)",
            "(SELECT a.id FROM T a WHERE a.resource_id = i.id ORDER BY a.id LIMIT 1 OFFSET 2)",
        ]
    ),
    st.sampled_from(
        [
            "",
            " WHERE EXISTS (SELECT 1 FROM T a WHERE a.droplet_id = i.id AND a.id > 2300000205)",
        ]
    ),
)
unions = st.builds(
    "SELECT id FROM T a{} UNION ALL SELECT id FROM T a{}".format, where("a"), where("a")
)


def run(db: apsw.Connection, sql: str, table: str) -> list[Any]:
    statement = sql.replace(" T ", f" {table} ")
    return list(db.execute(statement.replace("a.*", ALL), {"d": 5} if "$d" in sql else None))


ALL = ", ".join(f"a.{c}" for c in COLUMNS if c not in ("region", "page", "per_page"))


def agree(db: apsw.Connection, sql: str) -> None:
    got, wanted = run(db, sql, "droplet_actions"), run(db, sql, "ordinary")
    if " LIMIT " in sql and "ORDER BY" not in sql and not sql.startswith("SELECT i.name, ("):
        # Which rows come first is nobody's promise; how many, and that they are true, is.
        whole = run(db, sql[: sql.rindex(" LIMIT ")], "ordinary")
        assert len(got) == len(wanted)
        assert not Counter(got) - Counter(whole)
    elif "ORDER BY" in sql and sql.startswith("SELECT"):
        assert got == wanted
    else:
        assert Counter(got) == Counter(wanted)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sql=st.one_of(single, distinct, joins, subqueries, aggregates, unions))
def test_a_query_gives_the_rows_of_an_ordinary_table(both: apsw.Connection, sql: str) -> None:
    agree(both, sql)


def test_two_threads_with_a_connection_each_do_not_disturb_each_other(
    prepared: tuple[apsw.Connection, Attach],
) -> None:
    """They share the client, the cache and the quota."""
    both, attach_too = prepared
    queries = [f"SELECT i.name, a.id, a.type FROM {join}" for join in JOINS]
    queries += [f"SELECT id FROM T a WHERE a.droplet_id IN ({ids})" for ids in ("1, 5", "2, 3")]
    queries += ["SELECT count(*), max(id) FROM T a", "SELECT rowid, type FROM T a ORDER BY id"]
    other = apsw.Connection(":memory:")
    attach_too(other)
    for (sql,) in both.execute("SELECT sql FROM sqlite_schema").fetchall():
        other.execute(sql)
    columns = ", ".join(["rowid", *COLUMNS])
    for table, names in (("ordinary", columns), ("inventory", "id, name, number")):
        rows = both.execute(f"SELECT {names} FROM {table}").fetchall()
        marks = ", ".join("?" * len(rows[0]))
        other.executemany(f"INSERT INTO {table}({names}) VALUES ({marks})", rows)
    failures: list[BaseException] = []

    def ask(db: apsw.Connection, asked: list[str]) -> None:
        try:
            for sql in asked:
                agree(db, sql)
        except BaseException as error:
            failures.append(error)

    halves = ((both, queries * 3), (other, queries[::-1] * 3))
    threads = [threading.Thread(target=ask, args=half) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert not failures
