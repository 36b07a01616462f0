"""The functions, called in a server: which rows, of which types, and for how many requests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from postgres_server import MOST, NULL, Server

from dovtab.simulator import Fault, Simulator

Asked = Callable[[], list[str]]

FIRST = 3164444
LIST = "GET /v2/droplets/{}/actions"


def test_a_droplet_s_actions_are_one_request(server: Server, asked: Asked) -> None:
    rows = server.rows(
        f"SELECT droplet_id, resource_type, status FROM digitalocean.droplet_actions({FIRST})"
    )
    assert len(rows) == 8
    assert {tuple(row[:2]) for row in rows} == {(str(FIRST), "droplet")}
    assert asked() == [LIST.format(FIRST)]


def test_one_action_is_got_by_its_id(server: Server, account: Simulator, asked: Asked) -> None:
    account.account.add_droplet(droplet_id=40)
    action = account.account.add_action(40, type="reboot")
    query = "SELECT action_id, id, type FROM digitalocean.droplet_actions({}, {})"
    found = server.rows(query.format(40, action.id))
    assert found == [[str(action.id), str(action.id), "reboot"]]
    assert server.rows(query.format(FIRST, action.id)) == []
    assert asked() == [f"{LIST.format(id)}/{action.id}" for id in (40, FIRST)]


def test_an_array_is_asked_for_side_by_side(
    server: Server, account: Simulator, asked: Asked
) -> None:
    ids = [FIRST + n for n in range(8)]
    account.latency = 0.2
    try:
        rows = server.rows(
            "SELECT DISTINCT droplet_id FROM digitalocean.droplet_actions("
            f"ARRAY[[NULL, {', '.join(map(str, ids[:4]))}], [1, {', '.join(map(str, ids[4:]))}]])"
        )
    finally:
        account.latency = 0.0
    assert sorted(int(row[0]) for row in rows) == ids
    assert sorted(asked()) == sorted(LIST.format(id) for id in (1, *ids))
    assert max(request.at_once for request in account.requests[-9:]) > 4


def test_a_long_array_is_read_in_one_list(server: Server, asked: Asked) -> None:
    """As IN is, in SQLite: the account's list is shorter than a list for each."""
    rows = server.rows(
        f"SELECT count(*) FROM digitalocean.droplet_actions(ARRAY(SELECT {FIRST - 92} + n"
        " FROM generate_series(1, 99) n))"
    )
    assert rows == [[str(8 * 8)]]
    assert len(asked()) < 10


@pytest.mark.parametrize(
    "arguments",
    [
        "NULL::bigint",
        "NULL::bigint[]",
        "'{}'::bigint[]",
        "ARRAY[NULL::bigint]",
        "0",
        f"{FIRST}, NULL::bigint",
        f"{FIRST}, since => NULL",
        "tag_name => NULL",
        "context => NULL",
        f"{FIRST}, row_limit => NULL",
    ],
)
def test_what_is_not_known_finds_nothing_and_asks_for_nothing(
    server: Server, asked: Asked, arguments: str
) -> None:
    """As ``= NULL`` does: an inventory may have rows without an id."""
    assert server.rows(f"SELECT * FROM digitalocean.droplet_actions({arguments})") == []
    assert asked() == []


def test_a_join_with_an_inventory_asks_for_each_droplet_once(
    server: Server, asked: Asked
) -> None:
    server.rows(
        f"INSERT INTO inventory VALUES ({FIRST}, 'data'), (NULL, 'data'), ({FIRST}, 'data'),"
        f" ({FIRST + 1}, 'other')"
    )
    rows = server.rows(
        "SELECT i.team, count(*) FROM inventory i,"
        " digitalocean.droplet_actions(i.droplet_id) WHERE i.team = 'data' GROUP BY 1"
    )
    assert rows == [["data", "16"]]
    assert asked() == [LIST.format(FIRST)]


def test_all_calls_of_a_statement_have_one_limit(server: Server, asked: Asked) -> None:
    """The next statement begins anew."""
    query = (
        "SELECT count(*) FROM generate_series({}, {}) n, digitalocean.droplet_actions(n, 1);"
    )
    printed, said = server.psql(query.format(1, MOST + 1) + query.format(101, 100 + MOST))
    assert "TooManyRequestsError" in said
    assert printed.split() == ["0"]
    assert len(asked()) == 2 * MOST


def test_row_limit_asks_for_no_more(server: Server, account: Simulator) -> None:
    before = len(account.requests)
    rows = server.rows(
        f"SELECT * FROM digitalocean.droplet_actions({FIRST}, row_limit => 3);"
        "SELECT * FROM digitalocean.droplet_actions(row_limit => 2);"
        f"SELECT * FROM digitalocean.droplet_actions(ARRAY[{FIRST}, {FIRST + 1}, 1], row_limit => 7)"
    )
    assert len(rows) == 12
    own, all, *_ = account.requests[before:]
    # Of the account's list nobody knows how many are Droplets'.
    assert (own.query["per_page"], all.query["per_page"]) == ("3", "200")


def test_limit_is_not_told_to_a_function(server: Server, account: Simulator) -> None:
    before = len(account.requests)
    assert len(server.rows("SELECT * FROM digitalocean.droplet_actions() LIMIT 3")) == 3
    (request,) = account.requests[before:]
    assert request.query["per_page"] == "200"


def test_a_tag_and_since_narrow_what_is_asked_for(server: Server, asked: Asked) -> None:
    (of_tag, of_week, of_both) = server.rows(
        "SELECT count(DISTINCT droplet_id) FROM digitalocean.droplet_actions(tag_name => 'web');"
        "SELECT count(*) FROM digitalocean.droplet_actions(since => '-7 days')"
        " WHERE started_at < now() - interval '7 days';"
        "SELECT count(*) FROM digitalocean.droplet_actions(since => '-7 days', tag_name => 'no')"
    )
    assert (of_tag, of_week, of_both) == (["4"], ["0"], ["0"])


def test_values_have_types(server: Server) -> None:
    """From NULL to jsonb, as PostgreSQL's own operators take them."""
    (row,) = server.rows(
        "SELECT pg_typeof(locked), NOT locked, pg_typeof(created_at), created_at < now(),"
        " tags -> 0, tags ? 'env:prod', size ->> 'slug' = size_slug, vcpus + 0, public_ipv6"
        f" FROM digitalocean.droplets({FIRST})"
    )
    assert row[:4] == ["boolean", "t", "timestamp with time zone", "t"]
    assert json.loads(row[4]) == "web"
    assert row[5:7] == ["t", "t"]
    assert int(row[7]) > 0
    assert row[8] == NULL or ":" in row[8]


def test_a_time_is_shown_in_the_zone_of_whoever_asks(
    server: Server, account: Simulator
) -> None:
    account.account.add_droplet(droplet_id=41)
    action = account.account.add_action(
        41, type="reboot", status="in-progress", started_at=1_700_000_000.0
    )
    rows = server.rows(
        "SET timezone = 'Asia/Kathmandu';"
        "SELECT started_at, started_at = '2023-11-14T22:13:20Z', completed_at"
        f" FROM digitalocean.droplet_actions(41, {action.id})"
    )
    assert rows == [["2023-11-15 03:58:20+05:45", "t", NULL]]


def test_a_name_that_is_hard_to_quote_comes_as_it_is(
    server: Server, account: Simulator
) -> None:
    name = 'o\'hara-"x"-{a,b}-\\n-üñí'
    account.account.add_droplet(droplet_id=55, name=name)
    assert server.rows("SELECT name FROM digitalocean.droplets(55)") == [[name]]


def test_an_error_of_the_api_is_the_statement_s_in_its_words(
    server: Server, account: Simulator
) -> None:
    account.fault(Fault("status", status=403, times=None))
    said = server.error(f"SELECT * FROM digitalocean.droplet_actions({FIRST})")
    words = "You are not authorized to perform this operation"
    assert said.startswith("38000: dovtab.errors.APIError: GET /v2/droplets/")
    assert re.search(rf": 403 forbidden: {words} \(request id [-0-9a-f]+\); ", said)
    assert "Traceback" not in said


def test_a_wrong_argument_says_what_is_right(server: Server, asked: Asked) -> None:
    said = server.error("SELECT * FROM digitalocean.droplet_actions(since => 'lately')")
    assert "dovtab.errors.ArgumentError: since must be a time" in said
    assert asked() == []


def test_a_connection_goes_on_after_an_error(server: Server, account: Simulator) -> None:
    account.fault(Fault("status", status=403))
    query = f"SELECT count(*) FROM digitalocean.droplet_actions({FIRST});"
    printed, said = server.psql(
        f"BEGIN; SAVEPOINT s; {query} ROLLBACK TO s; {query} COMMIT; {query}"
    )
    assert "403" in said
    assert len(printed.split()) == 2


def test_a_context_is_another_account(server: Server) -> None:
    rows = server.rows(
        "SELECT name FROM digitalocean.droplets(77, context => 'team');"
        "SELECT count(*) FROM digitalocean.droplets(77);"
        "SELECT count(DISTINCT account) FROM digitalocean.dovtab_quota()"
    )
    assert rows == [["other"], ["0"], ["2"]]


def test_an_unknown_context_names_those_that_there_are(server: Server) -> None:
    said = server.error("SELECT * FROM digitalocean.droplets(77, context => 'tema')")
    assert "SettingsError" in said
    assert "team" in said


def test_the_views_are_what_tools_list(server: Server, asked: Asked) -> None:
    rows = server.rows(
        "SELECT table_name, obj_description(format('%I.%I', table_schema, table_name)::regclass)"
        "  IS NOT NULL FROM information_schema.tables WHERE table_schema = 'digitalocean'"
        " ORDER BY 1;"
        "SELECT count(*) FROM information_schema.columns c WHERE table_schema = 'digitalocean'"
        "  AND col_description(format('%I.%I', table_schema, table_name)::regclass,"
        "  ordinal_position) IS NULL;"
    )
    assert rows == [
        ["droplet_tags", "t"],
        ["droplets", "t"],
        ["recent_droplet_actions", "t"],
        ["0"],
    ]
    assert asked() == []
    (names,) = server.rows("SELECT count(*) = count(name) FROM digitalocean.droplets")
    assert names == ["t"]
    tags = server.rows(
        "SELECT DISTINCT tag FROM digitalocean.droplet_tags WHERE name = 'db-01'"
    )
    assert sorted(tags) == [["db"], ["env:prod"]]
    assert server.rows(
        "SELECT count(*) > 0, bool_and(started_at > now() - interval '8 days')"
        " FROM digitalocean.recent_droplet_actions"
    ) == [["t", "t"]]


def test_what_was_asked_is_told(server: Server, asked: Asked) -> None:
    rows = server.rows(
        f"SELECT count(*) FROM digitalocean.droplet_actions({FIRST});"
        "SELECT method || ' ' || split_part(path, '?', 1), status, started_at < now()"
        " FROM digitalocean.dovtab_requests();"
    )
    assert rows == [["8"], [LIST.format(FIRST), "200", "t"]] or rows[1][1:] == ["200", "t"]
    assert [rows[1][0]] == asked()


def test_a_plan_calls_a_function_for_few_rows(server: Server) -> None:
    """The inventory is filtered first, though nothing is known of it."""
    plan = "\n".join(
        row[0]
        for row in server.rows(
            "EXPLAIN SELECT * FROM inventory i, digitalocean.droplet_actions(i.droplet_id) a,"
            " pg_class c WHERE i.team = c.relname"
        )
    )
    function = plan.index("Function Scan on droplet_actions")
    assert plan.index("inventory") < function
    assert plan.index("pg_class") < function
    assert "JIT" not in plan


def test_since_is_a_time_of_postgresql_s_too_and_no_id(server: Server) -> None:
    """An id that a driver sends without its type would be one, far in the future."""
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        query = (
            f"SET timezone = '{zone}';"
            " SELECT count(*) FROM digitalocean.droplet_actions("
            "since => (now() - interval '90 days')::text);"
        )
        printed, said = server.psql(query)
        assert (said, int(printed.split()[-1]) > 0) == ("", True)
    _, said = server.psql(f"SELECT * FROM digitalocean.droplet_actions('{FIRST}')")
    assert "since is a time" in said
    assert "::bigint" in said
