"""Random queries over all accounts, beside an ordinary table that a loop over them has filled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import ManualClock, Rules, Simulator
from several_accounts import ACCOUNTS, HAS, add_accounts
from shared_clock import SharedClock
from thoroughness import share_of_examples

COLUMNS = "id, resource_id, type, status, started_at, droplet_id, action_id"
DROPLETS = [str(id) for ids in HAS.values() for id in ids] + ["99", "NULL", "'7'", "1.5"]
NAMES = [*map(repr, ACCOUNTS), "'PROD'", "'prod '", "'qa'", "NULL", "7", "i.account"]

droplets, names = st.sampled_from(DROPLETS), st.sampled_from(NAMES)
collations = st.sampled_from(["", "", " COLLATE NOCASE", " COLLATE RTRIM"])
ids = droplets.map(lambda id: f"{id}001" if id.isdigit() else id)


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=4).map(", ".join)


terms = st.one_of(
    st.builds("a.account {} {}{}".format, st.sampled_from(["=", "=", "IS", "<>", ">"]), names, collations),
    st.builds("a.account IN ({}){}".format, some(names), collations),
    st.builds("a.droplet_id {} {}".format, st.sampled_from(["=", "=", "IS", "<"]), droplets),
    st.builds("a.droplet_id IN ({})".format, some(droplets)),
    st.builds("a.id = {}".format, ids),
    st.builds("a.action_id IN ({})".format, some(ids)),
    st.builds("(a.account = {} OR a.droplet_id = {})".format, names, droplets),
    st.builds("(a.droplet_id = {} OR a.id = {})".format, droplets, ids),
    st.just("a.droplet_id = i.droplet_id"),
    st.just("a.account = i.account AND a.droplet_id = i.droplet_id"),
    st.just("a.type = 'reboot'"),
)  # fmt: skip
conditions = st.lists(terms, min_size=1, max_size=3).map(" AND ".join)
joins = st.builds(
    "SELECT i.name, a.account, a.id FROM inventory i {}JOIN A a ON {}{}".format,
    st.sampled_from(["", "LEFT "]),
    conditions,
    st.sampled_from(["", " WHERE i.droplet_id < 104"]),
)
subqueries = st.builds(
    "SELECT i.name, (SELECT {} FROM A a WHERE {}) FROM inventory i".format,
    st.sampled_from(["count(*)", "max(a.id)", "group_concat(DISTINCT a.account)"]),
    conditions,
)
counts = st.builds(
    "SELECT a.account, a.type, count(*) FROM A a JOIN inventory i ON i.droplet_id = 7"
    " WHERE {} GROUP BY a.account, a.type HAVING count(*) > 1".format,
    conditions,
)


@pytest.fixture(scope="module", autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    clock = ManualClock(start=1_795_000_000.0)
    rules = Rules(minute_limit=None, hour_limit=None)
    opened = apsw.Connection(":memory:")
    with Simulator(rules, clock) as simulator, pytest.MonkeyPatch.context() as patch:
        folder: Path = tmp_path_factory.mktemp("accounts")
        add_accounts(simulator, folder, patch)
        environment = dict(os.environ)
        # Nobody waits: the clock is turned by hand.
        given = {"all_contexts": True, "log": None, "quota_folder": "off"}
        given |= {"max_wait_seconds": 86_400, "max_requests": 100_000}
        resolved = resolve(given, environment.get, environment.keys)
        attach(opened, resolved, SharedClock(clock))
        opened.execute("CREATE TABLE inventory(account TEXT, droplet_id INTEGER, name TEXT)")
        opened.execute(
            f"CREATE TABLE ordinary AS SELECT account, {COLUMNS} FROM all_droplet_actions WHERE 0"
        )
        for name in ACCOUNTS:
            opened.execute(
                f"CREATE VIRTUAL TABLE temp.t USING droplet_actions(context='{name}')"
            )
            loop = f"INSERT INTO ordinary SELECT ?, {COLUMNS} FROM temp.t"
            opened.execute(loop, (name,))
            opened.execute("DROP TABLE temp.t")
            rows = [(name, id, f"{name}-{id}") for id in HAS[name]]
            opened.executemany("INSERT INTO inventory VALUES (?, ?, ?)", rows)
        yield opened
        opened.close()


@settings(
    deadline=None,
    max_examples=share_of_examples(0.5),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sql=st.one_of(joins, subqueries, counts))
def test_a_query_gives_the_rows_of_a_loop_over_the_accounts(
    db: apsw.Connection, sql: str
) -> None:
    ours = sorted(db.execute(sql.replace(" A a", " all_droplet_actions a")), key=repr)
    assert ours == sorted(db.execute(sql.replace(" A a", " ordinary a")), key=repr)


def test_the_ordinary_table_has_them_all(db: apsw.Connection) -> None:
    """Else this file would show little."""
    assert db.execute("SELECT count(*), count(DISTINCT account) FROM ordinary").get == (36, 3)
