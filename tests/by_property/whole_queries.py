"""Random queries over ``T``: our table, or an ordinary one with the same rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st

from by_property.doors import Door, Rows
from by_property.time_queries import FIRST_SECOND, compared
from dovtab.resources import DROPLET_ACTIONS
from dovtab.simulator import Rules, Simulator
from dovtab.simulator.clock import Clock

NOT_OF_A_ROW = {*DROPLET_ACTIONS.for_acting, *DROPLET_ACTIONS.narrowing}
COLUMNS = [c.name for c in DROPLET_ACTIONS.columns if c.name not in NOT_OF_A_ROW]
TYPES = ("reboot", "snapshot", "backup", "create")
INVENTORY = [
    (1, "web", 1),
    ("2", "db", 2),
    (3.0, "queue", 3),
    (None, "gone", None),
    (99, "x", 4),
]


def account(clock: Clock | None = None) -> Simulator:
    """One with five Droplets; to be started."""
    simulator = Simulator(rules=Rules(minute_limit=None, hour_limit=None), clock=clock)
    account = simulator.account
    # One Droplet has more than a page of actions, one has none.
    for n, count in enumerate((203, 4, 1, 0, 7)):
        droplet = account.add_droplet(droplet_id=1 + n)
        for i in range(count):
            account.add_action(
                droplet.id,
                type=TYPES[(i + n) % 4],
                status="errored" if i % 5 == 3 else "completed",
                started_at=FIRST_SECOND + 60 * i,
            )
        account.add_foreign_action(resource_type="image", resource_id=n)
    account.add_foreign_action(resource_type="backend", resource_id=None)
    return simulator


def prepare(door: Door, simulator: Simulator, *, rows: bool = True) -> None:
    """Make ``inventory``, and ``ordinary`` with the account's rows, if they are wanted."""
    door.rows(
        f"CREATE TABLE ordinary AS SELECT {', '.join(COLUMNS)} FROM droplet_actions WHERE 0"
    )
    # A table made AS SELECT keeps the affinities; its rows come from the account.
    for action in simulator.account.actions.values():
        if rows and action.resource_type == "droplet":
            door.rows(
                "INSERT INTO ordinary(rowid, id, resource_id, completed_at, region_slug,"
                " resource_type, started_at, status, type, droplet_id, action_id)"
                " SELECT ?1, ?1, ?2, a.completed_at, a.region_slug, a.resource_type,"
                " a.started_at, a.status, a.type, ?2, ?1"
                " FROM droplet_actions a WHERE a.droplet_id = ?2 AND a.id = ?1",
                (action.id, action.resource_id),
            )
    door.rows("CREATE TABLE inventory(id, name TEXT, number INTEGER)")
    for row in INVENTORY:
        door.rows("INSERT INTO inventory VALUES (?, ?, ?)", row)


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
        compared(alias),
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
    "inventory i LEFT JOIN T a ON a.droplet_id = i.number AND a.started_at > '2026-09-21T14'",
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

queries = st.one_of(single, distinct, joins, subqueries, aggregates, unions)

# Each asked by both of two threads, one of them the other way round.
ASKED_TOGETHER = [
    *(f"SELECT i.name, a.id, a.type FROM {join}" for join in JOINS),
    *(f"SELECT id FROM T a WHERE a.droplet_id IN ({ids})" for ids in ("1, 5", "2, 3")),
    "SELECT count(*), max(id) FROM T a",
    "SELECT rowid, type FROM T a ORDER BY id",
]

ALL = ", ".join(f"a.{c}" for c in COLUMNS if c not in ("region", "page", "per_page"))


def over(sql: str, table: str) -> str:
    """The query over this table."""
    return sql.replace(" T ", f" {table} ").replace("a.*", ALL)


def run(door: Door, sql: str, table: str) -> Rows:
    """Its rows."""
    return door.rows(over(sql, table), {"d": 5} if "$d" in sql else None)


def agree(door: Door, sql: str) -> None:
    """A query has the same rows over both tables."""
    compare(sql, run(door, sql, "droplet_actions"), lambda sql: run(door, sql, "ordinary"))


def compare(sql: str, got: Rows, ordinary: Callable[[str], Rows]) -> None:
    """These are its rows, as far as it says which; ``ordinary`` gives a query's."""
    wanted = ordinary(sql)
    outer = sql
    while outer != (outer := re.sub(r"\([^()]*\)", "", outer)):
        pass
    if " LIMIT " in outer and "ORDER BY" not in outer:
        # Which rows come first is nobody's promise; how many, and that they are true, is.
        whole = ordinary(sql[: sql.rindex(" LIMIT ")])
        assert len(got) == len(wanted)
        assert not Counter(got) - Counter(whole)
    elif "ORDER BY" in outer:
        assert got == wanted
    else:
        assert Counter(got) == Counter(wanted)
