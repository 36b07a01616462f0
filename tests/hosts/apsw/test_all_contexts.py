"""The tables over all accounts give what a loop over the accounts gives, for as few requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, Simulator
from several_accounts import ACCOUNTS, HAS, add_accounts, asked

Connect = Callable[..., apsw.Connection]


@pytest.fixture
def accounts(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Simulator:
    add_accounts(simulator, tmp_path, monkeypatch)
    simulator.latency = 0.003
    return simulator


@pytest.fixture
def db(accounts: Simulator, connect: Connect) -> apsw.Connection:
    opened = connect(all_contexts=True)
    for name in ACCOUNTS:
        for table in ("droplet_actions", "droplets"):
            opened.execute(
                f"CREATE VIRTUAL TABLE temp.\"{table} {name}\" USING {table}(context='{name}')"
            )
    opened.execute("CREATE TABLE inventory(account TEXT, droplet_id INTEGER, name TEXT)")
    for name in ACCOUNTS:
        rows = [(name, id, f"machine {id}") for id in HAS[name]]
        opened.executemany("INSERT INTO inventory VALUES (?, ?, ?)", rows)
    return opened


def test_its_columns_are_the_account_and_the_table_s(db: apsw.Connection) -> None:
    info = "SELECT name, type, hidden FROM pragma_table_xinfo(?)"
    for table in ("droplet_actions", "droplets"):
        own = list(db.execute(info, (table,)))
        account, *others = db.execute(info, (f"all_{table}",))
        assert account == ("account", "TEXT", 0)
        without = ("page", "per_page", "attributes", "after")
        assert others == [column for column in own if column[0] not in without]


ROWS = [
    ("droplet_actions", "a.id, a.type, a.droplet_id, a.action_id", "a.droplet_id = 7"),
    ("droplet_actions", "a.*", "a.droplet_id = 102"),
    ("droplet_actions", "a.id, a.droplet_id", "a.droplet_id IN (1, 2, 103, 201, 999)"),
    ("droplet_actions", "a.id, a.droplet_id", "a.resource_id = 101 AND a.type = 'reboot'"),
    ("droplet_actions", "a.*", "a.action_id = 201001"),
    ("droplet_actions", "a.*", "a.id IN (201001, 3002, 5)"),
    ("droplet_actions", "a.*", "a.droplet_id = 7 AND a.id = 7001"),
    ("droplet_actions", "a.*", "a.droplet_id = 7 OR a.droplet_id = 101 OR a.id = 201001"),
    ("droplet_actions", "a.id, a.tag_name, a.droplet_id", "a.tag_name = 'web'"),
    ("droplet_actions", "a.id, a.since", "a.since = '-365 days'"),
    ("droplet_actions", "count(*), max(a.id)", "1"),
    ("droplet_actions", "a.id", "a.status = 'completed' AND a.id > 3000"),
    ("droplet_actions", "a.id", "a.droplet_id = NULL"),
    ("droplet_actions", "a.id", "a.started_at > '2020-01-01' AND a.completed_at IS NOT NULL"),
    ("droplets", "d.*", "1"),
    ("droplets", "d.id, d.name, d.droplet_id", "d.droplet_id = 102"),
    ("droplets", "d.id, d.tag_name", "d.tag_name = 'web'"),
    ("droplets", "d.id", "d.name = 'stage-103' AND d.rowid > 0"),
]  # fmt: skip


@pytest.mark.parametrize("chosen", [*ACCOUNTS, "qa", None])
@pytest.mark.parametrize(("table", "columns", "where"), ROWS)
def test_the_rows_are_those_of_a_loop_over_the_accounts(
    accounts: Simulator,
    db: apsw.Connection,
    table: str,
    columns: str,
    where: str,
    chosen: str | None,
) -> None:
    """And as many requests as it makes, to none but the account that is named."""
    found: list[Any] = []
    alias = "a" if table == "droplet_actions" else "d"
    of_one = f"{alias}.account = '{chosen}' AND" if chosen else ""
    group = f" GROUP BY {alias}.account" if "count(" in columns else ""
    query = (
        f"SELECT {alias}.account, {columns} FROM all_{table} {alias} WHERE {of_one} ({where})"
    )
    query = query.replace(f"{alias}.*", columns_of(db, table, alias)) + group

    def loop() -> None:
        for name in ACCOUNTS:
            if chosen in (name, None):
                sql = f'SELECT {columns} FROM "{table} {name}" {alias} WHERE {where}'
                found.extend((name, *row) for row in db.execute(sql))

    by_loop = asked(accounts, loop)
    at_once: list[Any] = []
    assert asked(accounts, lambda: at_once.extend(db.execute(query))) == by_loop
    assert sorted(at_once, key=repr) == sorted(found, key=repr)


def columns_of(db: apsw.Connection, table: str, alias: str) -> str:
    names = db.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return ", ".join(f"{alias}.{name}" for (name,) in names)


JOINS = [
    # What binds the account, too, asks each Droplet in its own.
    ("all_droplets d JOIN all_droplet_actions a USING (account, droplet_id)", 2, 36),
    ("inventory i JOIN all_droplet_actions a USING (account, droplet_id)", 0, 36),
    ("inventory i LEFT JOIN all_droplet_actions a USING (account, droplet_id)", 0, 36),
    ("inventory i JOIN all_droplet_actions a ON a.droplet_id = i.droplet_id AND a.account = upper(i.account) COLLATE NOCASE", 0, 36),
]  # fmt: skip


@pytest.mark.parametrize(("join", "lists", "rows"), JOINS)
def test_a_join_on_the_account_asks_each_droplet_in_its_own(
    accounts: Simulator, db: apsw.Connection, join: str, lists: int, rows: int
) -> None:
    found: list[Any] = []
    count = asked(
        accounts, lambda: found.extend(db.execute(f"SELECT a.account, a.id FROM {join}"))
    )
    assert count == {name: len(ids) + lists for name, ids in HAS.items()}
    ids = {(name, 1000 * id + n) for name, ids in HAS.items() for id in ids for n in range(3)}
    assert (set(found), len(found)) == (ids, rows)


@pytest.mark.parametrize("kind", ["JOIN", "LEFT JOIN"])
def test_a_join_without_it_asks_every_account_for_each(
    accounts: Simulator, db: apsw.Connection, kind: str
) -> None:
    """An id is of one account, and nobody knows of which; elsewhere it is a 404, and no row."""
    join = f"SELECT a.id FROM inventory i {kind} all_droplet_actions a USING (droplet_id)"
    found: list[Any] = []
    count = asked(accounts, lambda: found.extend(db.execute(join)))
    assert len(found) == 36
    assert count == dict.fromkeys(ACCOUNTS, 12)


def test_a_subquery_asks_beneath_order_and_limit(
    accounts: Simulator, db: apsw.Connection
) -> None:
    """Where SQLite would read a view of UNION ALL whole."""
    last = (
        "SELECT name, (SELECT a.id FROM all_droplet_actions a WHERE a.account = i.account"
        " AND a.droplet_id = i.droplet_id ORDER BY a.id DESC LIMIT 1) FROM inventory i"
    )
    found: list[Any] = []
    count = asked(accounts, lambda: found.extend(db.execute(last)))
    assert ("machine 103", 103002) in found
    assert count == {name: len(ids) for name, ids in HAS.items()}


def test_the_accounts_of_two_tables_meet_in_one_query(
    accounts: Simulator, db: apsw.Connection
) -> None:
    """Each with its own client and quota."""
    joined = """
        SELECT a.id, b.id FROM "droplet_actions prod" a JOIN "droplet_actions stage" b
        ON a.status = b.status AND a.type = b.type AND a.droplet_id = 1 AND b.droplet_id = 101"""
    found: list[Any] = []
    count = asked(accounts, lambda: found.extend(db.execute(joined)))
    assert sorted(found) == [(1000, 101000), (1001, 101001), (1002, 101002)]
    assert count == {"prod": 1, "stage": 1}
    used = "SELECT account, used FROM dovtab_quota WHERE used > 0 AND window = 'hour'"
    assert dict(db.execute(used)) == {"prod": 1, "stage": 1}


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("a.account = 'prod'", {"prod"}),
        ("a.account IS 'prod'", {"prod"}),
        ("a.account IN ('prod', 'stage', 'PROD')", {"prod", "stage"}),
        ("a.account IN (SELECT account FROM inventory WHERE droplet_id > 100)", {"stage", "two words"}),
        ("a.account = 'PROD' COLLATE NOCASE", {"prod"}),
        ("a.account = 'prod  ' COLLATE RTRIM", {"prod"}),
        ("a.account IN ('PROD', 'prod') COLLATE NOCASE", {"prod"}),
        ("a.account > 'q'", {"stage", "two words"}),
        ("a.account LIKE '%o%'", {"prod", "two words"}),
        ("a.account = 'prod' AND a.account <> 'prod'", set()),
        ("a.account = 'PROD'", set()),
        ("a.account = 5.0", set()),
        ("a.account = x'70726f64'", set()),
        ("a.account IS NULL", set()),
        ("a.account = 'prod' OR a.account = 'stage'", {"prod", "stage"}),
    ],
)  # fmt: skip
def test_the_account_compares_as_any_text_does(
    db: apsw.Connection, chosen: str, names: set[str]
) -> None:
    for limit in ("", " LIMIT 100"):
        query = f"SELECT a.account, count(*) FROM (SELECT * FROM all_droplets a WHERE {chosen}{limit}) a GROUP BY 1"
        assert dict(db.execute(query)) == {name: len(HAS[name]) for name in names}


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("SELECT * FROM all_droplet_actions a LIMIT 1", {"prod": 1}),
        ("SELECT * FROM all_droplet_actions a WHERE account = 'stage' LIMIT 1", {"stage": 1}),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM all_droplet_actions)", {"prod": 1}),
        ("SELECT * FROM all_droplet_actions WHERE account = 'qa'", {}),
        ("SELECT * FROM all_droplet_actions WHERE account = NULL AND droplet_id = 7", {}),
        ("SELECT id FROM all_droplet_actions(7, 7001) WHERE account = ?", {"prod": 1}),
    ],
)
def test_nobody_is_asked_for_what_is_not_wanted(
    accounts: Simulator, db: apsw.Connection, query: str, most: dict[str, int]
) -> None:
    bound = ("prod",) if "?" in query else None
    assert asked(accounts, lambda: list(db.execute(query, bound))) == most


@pytest.mark.parametrize(
    ("where", "plan"),
    [
        ("droplet_id = 7", "GET /v2/droplets/{droplet_id}/actions ? droplet_id="),
        ("account = 'prod'", "account= GET /v2/actions"),
        ("since = '-7 days' AND account = 'prod'", "account= GET /v2/actions ? since="),
    ],
)
def test_the_plan_says_whether_an_account_is_chosen(
    db: apsw.Connection, where: str, plan: str
) -> None:
    (row,) = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM all_droplet_actions WHERE {where}")
    assert str(row[3]).endswith(f"INDEX 0:{plan}")


@pytest.mark.usefixtures("one_by_one")
def test_what_a_join_asks_for_next_is_on_its_way_meanwhile(
    accounts: Simulator, db: apsw.Connection
) -> None:
    """The tables over all accounts are as safe to be read ahead as any of ours."""
    accounts.latency = 0.02
    query = (
        "SELECT a.id FROM inventory i JOIN all_droplet_actions a ON a.droplet_id = i.droplet_id"
    )
    assert len(list(db.execute(query))) == 36
    ahead = "SELECT count(*) FROM dovtab_requests WHERE look_ahead = 'ahead'"
    assert db.execute(ahead).get > 24
    assert sum(request.at_once == 1 for request in accounts.requests) < 12


def test_an_account_that_fails_is_named(accounts: Simulator, connect: Connect) -> None:
    """A list is whole or an error; and then it matters whose token was wrong."""
    # One after the other, so that the third request is the last account's.
    db = connect(all_contexts=True, concurrency=1)
    accounts.fault(Fault("status", status=403, skip=2, times=None))
    with pytest.raises(dovtab.APIError) as caught:
        list(db.execute("SELECT * FROM all_droplet_actions WHERE droplet_id = 7"))
    where = "GET /v2/droplets/7/actions?page=1&per_page=200: 403 forbidden"
    assert str(caught.value).startswith(f"account 'two words': {where}")
    assert caught.value.status == 403
    assert caught.value.request_id is not None
    # Of the request itself it is said as ever.
    failed = "SELECT error FROM dovtab_requests WHERE error IS NOT NULL"
    assert all(str(error).startswith(where) for (error,) in db.execute(failed))


def test_the_contexts_are_looked_for_when_rows_are(
    simulator: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lists tables has asked for none; and what was missing may be there next time."""
    db = connect(all_contexts=True)
    assert len(list(db.execute("PRAGMA table_xinfo(all_droplets)"))) == 27
    for _ in range(2):
        with pytest.raises(dovtab.SettingsError, match="there is no context: set a variable"):
            list(db.execute("SELECT * FROM all_droplets"))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_ME", simulator.token)
    simulator.account.add_droplet(1)
    assert list(db.execute("SELECT account, id FROM all_droplets")) == [("me", 1)]


def test_two_contexts_of_one_account_have_its_rows_twice(
    simulator: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite tells rows apart by their rowid where an OR finds them in two ways."""
    simulator.account.add_droplet(1)
    simulator.account.add_droplet(2)
    simulator.account.add_action(1, id=11)
    simulator.account.add_action(2, id=21)
    for name in ("A", "B"):
        monkeypatch.setenv(f"DIGITALOCEAN_TOKEN_{name}", simulator.token)
    db = connect(all_contexts=True)
    rows = "SELECT account, id FROM all_droplet_actions"
    either = f"{rows} WHERE droplet_id = 1 OR action_id = 21"
    assert sorted(db.execute(either)) == [("a", 11), ("a", 21), ("b", 11), ("b", 21)]
    of_both = "(account = 'a' AND droplet_id = 1) OR (account = 'b' AND droplet_id = 1)"
    assert sorted(db.execute(f"{rows} WHERE {of_both}")) == [("a", 11), ("b", 11)]
    last = f"{rows} WHERE droplet_id = 1 AND action_id = 11 ORDER BY account DESC"
    assert list(db.execute(last)) == [("b", 11), ("a", 11)]


def test_it_is_there_only_if_it_is_asked_for(connect: Connect) -> None:
    with pytest.raises(apsw.SQLError, match="no such table: all_droplets"):
        connect().execute("SELECT * FROM all_droplets")


def test_it_is_only_read(db: apsw.Connection) -> None:
    for sql in (
        "INSERT INTO all_droplet_actions(account, id) VALUES ('prod', 1)",
        "DELETE FROM all_droplets",
        "CREATE VIRTUAL TABLE temp.x USING all_droplets",
    ):
        with pytest.raises(
            apsw.SQLError, match=r"may not be modified|no such module|read.only"
        ):
            db.execute(sql)


def test_a_table_of_that_name_is_refused(accounts: Simulator, tmp_path: Path) -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE all_droplets(id)")
    with pytest.raises(dovtab.SettingsError, match="has a table all_droplets of its own"):
        attach(db, resolve({"all_contexts": True}, os.getenv))
    attach(db, resolve({}, os.getenv))
    db.close()
