"""Who may ask, and that nobody sees the token or acts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from postgres_server import OTHER, SECRET, Server

from dovtab.simulator import Fault, Simulator

FIRST = 3164444
ASK = f"SELECT count(*) FROM digitalocean.droplet_actions({FIRST})"


def test_a_role_without_rights_may_not_ask(
    server: Server, asked: Callable[[], list[str]]
) -> None:
    assert "permission denied for schema digitalocean" in server.error(ASK, "stranger")
    server.rows("GRANT USAGE ON SCHEMA digitalocean TO stranger")
    try:
        functions = server.rows(
            "SELECT p.oid::regprocedure FROM pg_proc p"
            " WHERE pronamespace = 'digitalocean'::regnamespace"
            " AND has_function_privilege('stranger', p.oid, 'EXECUTE')"
        )
        assert functions == []
        assert "permission denied for function" in server.error(ASK, "stranger")
        for view in ("droplets", "droplet_tags", "recent_droplet_actions"):
            said = server.error(f"SELECT * FROM digitalocean.{view}", "stranger")
            assert "permission denied" in said
    finally:
        server.rows("REVOKE USAGE ON SCHEMA digitalocean FROM stranger")
    assert asked() == []


def test_a_reader_may(server: Server) -> None:
    assert server.rows(ASK, "reader") == [["8"]]
    assert server.rows("SELECT count(*) > 9 FROM digitalocean.droplets", "reader") == [["t"]]
    for view in ("droplet_tags", "recent_droplet_actions"):
        assert server.rows(f"SELECT count(*) > 0 FROM digitalocean.{view}", "reader") == [["t"]]


# All ways by which SQL might look into the server's process or its files.
LOOKS = [
    "SELECT name, setting, source FROM pg_settings",
    "SELECT prosrc FROM pg_proc WHERE pronamespace = 'digitalocean'::regnamespace",
    "SELECT query FROM pg_stat_activity",
    "SELECT * FROM pg_foreign_server; SELECT * FROM pg_user_mappings",
    "SELECT * FROM digitalocean.dovtab_requests(); SELECT * FROM digitalocean.dovtab_quota()",
    "SELECT pg_read_file('/proc/self/environ')",
    "CREATE TEMP TABLE x(y text); COPY x FROM '/proc/self/environ'",
    "CREATE TEMP TABLE x(y text); COPY x FROM PROGRAM 'env'",
    "SELECT lo_import('/proc/self/environ')",
    "DO LANGUAGE plpython3u 'import os; plpy.notice(os.environ)'",
    "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpython3u AS 'return str(GD)'",
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'return 1'",
]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("role", ["stranger", "reader"])
def test_no_role_without_rights_reads_the_token(server: Server, role: str, look: str) -> None:
    """And what it may not do at all it is refused."""
    before = f"{ASK};" if role == "reader" else ""
    printed, said = server.psql(f"{before}{look};", role)
    assert not shown(printed + said)
    if "plpython3u" in look or "/proc" in look or "PROGRAM" in look:
        assert re.search("permission denied|must be (owner|superuser)", said)


def shown(text: str) -> bool:
    return any(token[10:40] in text for token in (SECRET, OTHER))


@pytest.mark.parametrize("kind", ["status", "html", "close", "malformed_json", "truncated"])
def test_no_error_shows_the_token(server: Server, account: Simulator, kind: str) -> None:
    account.fault(Fault(kind, status=401, times=None))
    printed, said = server.psql(
        "\\set VERBOSITY verbose\nSET client_min_messages = debug5;"
        f"{ASK}; SELECT * FROM digitalocean.dovtab_requests();"
    )
    assert "dovtab.errors." in said
    assert not shown(printed + said)


def test_the_server_s_log_does_not_have_it_and_its_database_neither(server: Server) -> None:
    server.rows(f"{ASK}; CHECKPOINT")
    log = server.log()
    assert ASK in log
    assert not shown(log)
    token = SECRET.encode()
    files = [file for file in (server.folder / "data").rglob("*") if file.is_file()]
    assert len(files) > 500
    assert not any(token in file.read_bytes() for file in files)


def test_there_is_nothing_to_act_with(server: Server, account: Simulator) -> None:
    """Though the server's environment has DOVTAB_ALLOW_ACTIONS=1."""
    names = server.rows(
        "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'digitalocean'::regnamespace"
    )
    assert sorted(name for (name,) in names) == [
        "dovtab_quota",
        "dovtab_requests",
        "droplet_actions",
        "droplets",
    ]
    for view in ("droplets", "recent_droplet_actions"):
        said = server.error(f"INSERT INTO digitalocean.{view}(droplet_id) VALUES ({FIRST})")
        assert "cannot insert into view" in said
    assert {request.method for request in account.requests} <= {"GET"}
