"""The foreign table, called as multicorn2 does; and in a server, where that has been built."""

from __future__ import annotations

import gc
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import fake_multicorn
import pytest
from fake_multicorn import ForeignScan, Qual
from postgres_server import lacking_multicorn, serving

from dovtab.errors import Interrupted, SettingsError, TooManyRequestsError
from dovtab.hosts.postgres.columns import columns_of
from dovtab.hosts.postgres.interrupts import Interrupts
from dovtab.resources import DROPLET_ACTIONS, DROPLETS
from dovtab.simulator import Simulator

Open = Callable[..., ForeignScan]
ANY, ALL = ("=", True), ("=", False)
COLUMNS = {
    table.name: [column.name for column in columns_of(table)]
    for table in (DROPLET_ACTIONS, DROPLETS)
}


@pytest.fixture
def wrapper(monkeypatch: pytest.MonkeyPatch) -> Iterator[type]:
    name = "dovtab.hosts.postgres.foreign_table"
    monkeypatch.setitem(sys.modules, "multicorn", fake_multicorn)
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name).ForeignTable
    sys.modules.pop(name, None)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Six Droplets with five actions each, and some that are nobody's."""
    with Simulator() as simulator:
        for n in range(1, 7):
            simulator.account.add_droplet(
                droplet_id=n, name=f"web-{n}", tags=("web",) * (n < 3)
            )
            for action in range(5):
                simulator.account.add_action(n, id=10 * n + action, type="reboot")
        simulator.account.add_foreign_action("backend", None, "assign_ip")
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
        monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
        yield simulator


@pytest.fixture
def open_table(wrapper: type, fleet: Simulator) -> Open:
    def opened(**options: str) -> ForeignScan:
        options = {"table": "droplet_actions"} | options
        columns = COLUMNS[options["table"]]
        return ForeignScan(wrapper(options, dict.fromkeys(columns)), columns)

    return opened


def paths(fleet: Simulator) -> list[str]:
    return [request.path for request in fleet.requests]


def ids(rows: list[Mapping[str, Any]]) -> list[int]:
    return sorted(row["id"] for row in rows)


def test_a_droplet_is_one_request(open_table: Open, fleet: Simulator) -> None:
    rows = open_table().select(Qual("droplet_id", "=", 3))
    assert ids(rows) == [30, 31, 32, 33, 34]
    assert rows[0]["droplet_id"] == rows[0]["resource_id"] == 3
    assert paths(fleet) == ["/v2/droplets/3/actions"]


def test_an_action_of_a_droplet_is_got(open_table: Open, fleet: Simulator) -> None:
    rows = open_table().select(Qual("droplet_id", "=", 3), Qual("action_id", "=", 31))
    assert ids(rows) == [31]
    assert paths(fleet) == ["/v2/droplets/3/actions/31"]


def test_in_is_a_request_for_each(open_table: Open, fleet: Simulator) -> None:
    rows = open_table().select(Qual("droplet_id", ANY, [3, None, 5, 3]))
    assert ids(rows) == [*range(30, 35), *range(50, 55)]
    assert sorted(paths(fleet)) == ["/v2/droplets/3/actions", "/v2/droplets/5/actions"]


def test_a_join_looks_things_up(open_table: Open, fleet: Simulator) -> None:
    """A scan for each row of the inventory, in one statement; NULL is nobody's."""
    table = open_table()
    table.table.begin(0)
    found = [table.scan(Qual("droplet_id", "=", id)) for id in (2, None, 4, 2)]
    table.end()
    assert [len(rows) for rows in found] == [5, 0, 5, 5]
    assert paths(fleet) == ["/v2/droplets/2/actions", "/v2/droplets/4/actions"]


def test_a_join_has_the_limit_of_one_statement(
    open_table: Open, fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVTAB_MAX_REQUESTS", "2")
    table = open_table()
    table.table.begin(0)
    for first in (1, 4):
        for id in (first, first + 1):
            assert len(table.scan(Qual("droplet_id", "=", id))) == 5
        with pytest.raises(TooManyRequestsError):
            table.scan(Qual("droplet_id", "=", first + 2))
        # The next statement begins anew.
        table.end()


def test_limit_stops_early(open_table: Open, fleet: Simulator) -> None:
    for n in range(2_000):
        fleet.account.add_action(6, id=1_000 + n, type="reboot")
    assert len(open_table().select(limit=3)) == 3
    assert len(fleet.requests) == 1
    assert len(open_table().select(Qual("droplet_id", "=", 6), limit=3)) == 3
    assert len(fleet.requests) == 2


SOME = [
    Qual("droplet_id", "=", 3),
    Qual("droplet_id", ANY, [2, 3, 99]),
    Qual("droplet_id", ALL, [3, 3]),
    Qual("droplet_id", ALL, []),
    Qual("droplet_id", ANY, []),
    Qual("droplet_id", ANY, None),
    Qual("droplet_id", "<>", 3),
    Qual("droplet_id", ">", 3),
    Qual("resource_id", "=", 2),
    Qual("resource_id", ANY, [3, 4]),
    Qual("id", "=", 31),
    Qual("id", ANY, [31, 42, 0, -1]),
    Qual("action_id", "=", 42),
    Qual("action_id", "=", None),
    Qual("type", "=", "reboot"),
    Qual("type", ANY, ["reboot", "resize"]),
    Qual("status", "=", "errored"),
    Qual("started_at", ">", "2000-01-01T00:00:00Z"),
]


@pytest.mark.parametrize("table", ["droplet_actions", "droplets"])
def test_any_two_conditions_give_what_all_rows_would(
    open_table: Open, fleet: Simulator, table: str
) -> None:
    """Whichever of them become requests."""
    everything = open_table(table=table).select()
    assert len(everything) == {"droplet_actions": 30, "droplets": 6}[table]
    able = [qual for qual in SOME if qual.field_name in COLUMNS[table]]
    assert len(able) > 7
    for quals in itertools.product(able, repeat=2):
        wanted = [row for row in everything if all(qual.holds(row) for qual in quals)]
        found = open_table(table=table).select(*quals)
        assert ids(found) == ids(wanted), [(q.field_name, q.operator, q.value) for q in quals]


def test_a_value_that_no_request_has_is_left_to_postgresql(open_table: Open) -> None:
    assert len(open_table().select(Qual("droplet_id", "=", Decimal(3)))) == 5


def test_a_table_may_be_declared_to_be_of_less(open_table: Open, fleet: Simulator) -> None:
    fleet.account.add_action(1, id=1, type="reboot", started_at=1_000.0)
    assert ids(open_table(since="-7 days").select(Qual("droplet_id", "=", 1))) == [
        *range(10, 15)
    ]
    assert {row["droplet_id"] for row in open_table(tag_name="web").select()} == {1, 2}
    assert ids(open_table(table="droplets", tag_name="web").select()) == [1, 2]


def test_a_table_may_be_of_another_account(
    open_table: Open, fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add_account("theirs").add_droplet(droplet_id=77, name="theirs")
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_TEAM", "theirs")
    (row,) = open_table(table="droplets", context="team").select()
    assert row["name"] == "theirs"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "dop_v1_secret"}, "there is no option token"),
        ({"table": "dovtab_log"}, "one of droplet_actions, droplets, and not 'dovtab_log'"),
        ({"table": "droplets", "since": "-7 days"}, "droplets has no since"),
    ],
)
def test_a_wrong_option_says_what_is_right(
    wrapper: type, options: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        wrapper({"table": "droplet_actions"} | options, {})
    assert "secret" not in str(raised.value)


def test_a_column_that_there_is_not_is_refused(wrapper: type) -> None:
    with pytest.raises(SettingsError, match="droplet_actions has no column since"):
        wrapper({"table": "droplet_actions"}, {"id": None, "since": None})


def test_the_columns_of_the_declaration_come_in_its_order(
    wrapper: type, fleet: Simulator
) -> None:
    table = wrapper({"table": "droplets"}, dict.fromkeys(["name", "locked", "id"]))
    assert next(table.execute([Qual("id", "=", 4)], {"name"})) == ["web-4", 0, 4]


def test_a_plan_knows_what_a_key_is_worth(open_table: Open, fleet: Simulator) -> None:
    table = open_table().table
    keys = dict(table.get_path_keys())
    assert keys == {("action_id",): 1, ("id",): 1, ("droplet_id",): 50, ("resource_id",): 50}
    everything, _ = table.get_rel_size([], {"id"})
    of_one, _ = table.get_rel_size([Qual("droplet_id", "=", 3)], {"id"})
    assert of_one * 1_000 < everything
    (shown,) = table.explain([Qual("droplet_id", ANY, [3])], {"id"}, verbose=True)
    assert shown == "GET /v2/droplets/{droplet_id}/actions ? droplet_id[]"
    assert paths(fleet) == []


def test_what_a_failed_statement_has_left_is_ended(open_table: Open, fleet: Simulator) -> None:
    """multicorn2 does not release it: PostgreSQL's errors jump over that."""
    table = open_table().table
    forgotten = table.execute([Qual("droplet_id", "=", 3)], {"id"})
    next(forgotten)
    table.rollback()
    gc.collect()
    assert list(forgotten) == []
    assert len(open_table().select(Qual("droplet_id", "=", 3))) == 5


def test_a_cancelled_statement_stops(
    open_table: Open, fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupts, "are_pending", lambda self: True)
    with pytest.raises(Interrupted):
        open_table().select(Qual("droplet_id", "=", 3))
    assert paths(fleet) == []


def test_nothing_can_be_written(open_table: Open) -> None:
    with pytest.raises(NotImplementedError):
        open_table().table.insert({"droplet_id": 3, "type": "reboot"})


@pytest.mark.skipif(bool(lacking_multicorn()), reason=lacking_multicorn())
def test_in_a_server_with_multicorn2(fleet: Simulator) -> None:
    environment = {
        "DIGITALOCEAN_TOKEN": fleet.token,
        "DIGITALOCEAN_API_URL": fleet.url,
        "DOVTAB_CACHE_SECONDS": "0",
    }
    with serving(environment, foreign_tables=True) as server:
        table = "digitalocean.droplet_actions"
        for condition, requests in {
            "droplet_id = 3": 1,
            "droplet_id IN (3, 5)": 2,
            "droplet_id = ANY(ARRAY[3, 5]::bigint[])": 2,
            "droplet_id IN (SELECT * FROM (VALUES (3::bigint), (5)) x)": 2,
        }.items():
            before = len(fleet.requests)
            rows = server.rows(f"SELECT id FROM {table} WHERE {condition}")
            assert len(rows) == 5 * requests
            assert len(fleet.requests) - before == requests
        assert len(server.rows(f"SELECT id FROM {table} LIMIT 3")) == 3
        assert len(server.rows("SELECT locked, tags -> 0 FROM digitalocean.droplets")) == 6
        assert "cannot insert" in server.error(f"INSERT INTO {table}(id) VALUES (1)")
