"""What the help says of PostgreSQL runs there, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from postgres_server import Server

import dovtab

PAGE = (Path(dovtab.__file__).parent / "help/postgres.md").read_text(encoding="utf-8")
FIRST = 3164444


def block(kind: str, containing: str) -> str:
    found: list[str] = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S)
    (text,) = [text for text in found if containing in text]
    return text


def test_the_last_line_of_the_setup_sets_it_up(server: Server) -> None:
    """In a database of its own; and again, which changes nothing that depends on it."""
    first, second, line = block("bash", "dovtab.hosts.postgres").strip().splitlines()
    assert first.startswith("/usr/bin/python3 -m venv ")
    assert "pip install" in second
    server.psql("CREATE DATABASE fleet")
    line = line.replace("/opt/dovtab/bin/python", sys.executable)
    line = line.replace("runuser -u postgres -- psql", f"psql -h {server.folder} -U postgres")
    environment = {
        "PATH": os.environ["PATH"],
        # What the server's user can read.
        "PYTHONPATH": str(server.folder / "site"),
    }
    try:
        for _ in range(2):
            done = subprocess.run(
                ["bash", "-c", f"set -o pipefail; {line}"],
                env=environment,
                # Python looks for modules in the folder that it is started in, first.
                cwd=server.folder,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0
            assert "ERROR" not in done.stderr
        asked = "SELECT count(*) > 9 FROM digitalocean.droplets"
        mine = "CREATE OR REPLACE VIEW mine AS SELECT * FROM digitalocean.droplets"
        printed, said = server.psql(f"\\c fleet\n{mine}; {asked};")
        assert (printed.split()[-1], said) == ("t", "")
        undo = re.findall(r"`(DROP SCHEMA[^;]*;)", " ".join(PAGE.split()))[0]
        printed, said = server.psql(
            f"\\c fleet\n{undo} SELECT to_regnamespace('digitalocean') IS NULL;"
        )
        assert printed.split()[-1] == "t"
    finally:
        server.psql("DROP DATABASE fleet")


def test_the_role_is_given(server: Server) -> None:
    server.rows(f"CREATE ROLE metabase LOGIN; {block('pgsql', 'GRANT dovtab_reader')}")
    try:
        query = f"SELECT count(*) FROM digitalocean.droplet_actions({FIRST})"
        assert server.rows(query, "metabase") == [["8"]]
    finally:
        server.rows("DROP ROLE metabase")


def test_every_query_finds_something(server: Server) -> None:
    server.rows(
        f"INSERT INTO inventory SELECT {FIRST} + n, 'data' FROM generate_series(0, 9) n"
    )
    setting, *queries = re.split(r";\n+", block("pgsql", "-- What was done to a team's"))
    assert len(queries) == 5
    for query in filter(None, queries):
        found = server.rows(f"{setting};\n{query};", "reader")
        assert found, query


def test_a_role_may_be_given_one_account_and_no_other(server: Server) -> None:
    server.rows(f"CREATE ROLE team LOGIN; {block('pgsql', 'CREATE FUNCTION')}")
    try:
        assert server.rows("SELECT name FROM team_droplets()", "team") == [["other"]]
        assert "permission denied" in server.error("SELECT team_droplets()", "stranger")
        other = "SELECT * FROM digitalocean.droplets()"
        assert "permission denied" in server.error(other, "team")
    finally:
        server.rows("DROP FUNCTION team_droplets; DROP ROLE team")


def test_it_says_what_a_time_and_an_error_are(server: Server) -> None:
    types = server.rows(
        "SELECT DISTINCT atttypid::regtype FROM pg_attribute"
        " WHERE attrelid = 'digitalocean.droplet_action'::regclass AND attname ~ '_at$'"
    )
    assert types == [["timestamp with time zone"]]
    (state,) = re.findall(r"SQLSTATE (\d+)", PAGE)
    said = server.error("SELECT * FROM digitalocean.droplet_actions(since => 'x')")
    assert said.startswith(f"{state}: ")
