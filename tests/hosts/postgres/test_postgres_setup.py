"""The SQL that sets a database up: all of it or nothing, and nothing of anybody else's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from postgres_server import VERSION, Server

import dovtab
from dovtab.hosts.postgres.setup_sql import setup_sql

THERE = "SELECT to_regnamespace('digitalocean') IS NOT NULL;"


@pytest.fixture
def fresh(server: Server) -> Iterator[Server]:
    """A database that is not set up."""
    server.psql("CREATE DATABASE fresh")
    yield server
    server.psql("DROP DATABASE fresh")


def setup(server: Server, *, foreign_tables: bool = False) -> str:
    folders = [str(server.folder / "site")]
    return setup_sql(folders, VERSION, foreign_tables=foreign_tables)


def in_fresh(server: Server, sql: str) -> tuple[list[str], str]:
    printed, said = server.psql(f"\\c fresh\n{sql}")
    return printed.split(), said


def test_another_python_is_told_at_once(fresh: Server) -> None:
    printed, said = in_fresh(fresh, setup_sql(["/nowhere"], (3, 99)) + THERE)
    served = ".".join(map(str, VERSION))
    assert f"installed with Python 3.99, and the server runs {served}" in said
    assert printed == ["f"]


def test_a_folder_that_the_server_cannot_read_is_told_at_once(fresh: Server) -> None:
    printed, said = in_fresh(fresh, setup_sql(["/nowhere"], VERSION) + THERE)
    assert "ModuleNotFoundError: No module named 'dovtab'" in said
    assert printed == ["f"]


def test_a_schema_of_somebody_else_s_is_left_alone(fresh: Server) -> None:
    """He could put a function of his own where a superuser calls ours."""
    made = "CREATE SCHEMA digitalocean AUTHORIZATION stranger;"
    types = "SELECT count(*) FROM pg_type WHERE typnamespace = 'digitalocean'::regnamespace;"
    printed, said = in_fresh(fresh, made + setup(fresh) + types)
    assert "there is a schema digitalocean that is not a superuser's" in said
    assert printed == ["0"]


HIJACK = """
CREATE ROLE owner; ALTER DATABASE fresh OWNER TO owner; GRANT CREATE ON SCHEMA public TO owner;
SET ROLE owner;
CREATE TABLE public.ran(by text); GRANT ALL ON public.ran TO PUBLIC;
CREATE FUNCTION public.format(text, name, text) RETURNS text LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO public.ran VALUES (current_user); RETURN pg_catalog.format($1, $2, $3); END$$;
CREATE FUNCTION public.jsonb_array_elements_text(jsonb) RETURNS SETOF text LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO public.ran VALUES (current_user); RETURN; END$$;
CREATE FUNCTION public.is(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO public.ran VALUES (current_user); RETURN $1 = $2::oid; END$$;
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.is);
ALTER DATABASE fresh SET search_path = public, pg_catalog;
RESET ROLE;
"""
UNDO = "ALTER DATABASE fresh OWNER TO postgres; DROP OWNED BY owner; DROP ROLE owner;"


def test_what_an_owner_of_the_database_has_put_in_the_way_is_not_run(fresh: Server) -> None:
    """A superuser runs the setup, and anybody may look at a view."""
    try:
        in_fresh(fresh, HIJACK)
        _, said = in_fresh(fresh, setup(fresh))
        assert "ERROR" not in said
        _, said = in_fresh(fresh, setup(fresh))
        assert "ERROR" not in said
        bound = "SELECT count(*) FROM digitalocean.droplet_tags;"
        printed, said = in_fresh(fresh, f"{bound} SELECT count(*) FROM public.ran;")
        assert said == ""
        assert int(printed[-2]) > 0
        assert printed[-1] == "0"
    finally:
        in_fresh(fresh, UNDO)


def test_what_an_administrator_has_put_beside_ours_is_his_to_give(fresh: Server) -> None:
    his = (
        "CREATE TABLE digitalocean.notes(a int);"
        "CREATE FUNCTION digitalocean.his() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "REVOKE ALL ON FUNCTION digitalocean.his() FROM PUBLIC;"
    )
    in_fresh(fresh, setup(fresh) + his + setup(fresh))
    may = (
        "SELECT has_table_privilege('dovtab_reader', 'digitalocean.notes', 'SELECT'),"
        " has_function_privilege('dovtab_reader', 'digitalocean.his()', 'EXECUTE'),"
        " has_table_privilege('dovtab_reader', 'digitalocean.droplets', 'SELECT');"
    )
    printed, _ = in_fresh(fresh, may)
    assert printed[-1] == "f,f,t"


def test_again_it_keeps_what_depends_on_it(fresh: Server) -> None:
    mine = (
        "CREATE VIEW mine AS SELECT count(*) FROM digitalocean.droplet_actions(3164444);"
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM digitalocean.recent_droplet_actions;"
    )
    refreshed = "REFRESH MATERIALIZED VIEW kept; SELECT count(*) > 0 FROM kept;"
    sql = f"{setup(fresh)}{mine}{setup(fresh)}SELECT * FROM mine; {refreshed}"
    printed, said = in_fresh(fresh, sql)
    assert "ERROR" not in said
    assert printed == ["8", "t"]


def test_a_row_of_another_version_is_told(fresh: Server) -> None:
    """What has its columns would not fit any more, and may not be dropped without a word."""
    other = "ALTER TYPE digitalocean.droplet ADD ATTRIBUTE more text;"
    _, said = in_fresh(fresh, setup(fresh) + other + setup(fresh))
    assert "digitalocean.droplet is of another version of dovtab" in said
    assert "DROP SCHEMA digitalocean CASCADE first" in said


def test_who_had_no_right_has_none_after_it_was_run_again(fresh: Server) -> None:
    """A superuser's default privileges may give everybody some."""
    given = "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;"
    able = (
        "SELECT bool_or(has_function_privilege('stranger', oid, 'EXECUTE')) FROM pg_proc"
        " WHERE pronamespace = 'digitalocean'::regnamespace;"
    )
    assert in_fresh(fresh, given + setup(fresh) + setup(fresh) + able)[0] == ["f"]


def test_foreign_tables_are_declared(fresh: Server) -> None:
    """Tried with a wrapper of that name which cannot read; and back to the views."""
    declared = setup(fresh, foreign_tables=True)
    extension = "CREATE EXTENSION IF NOT EXISTS multicorn SCHEMA public;"
    assert extension in declared
    declared = declared.replace(extension, "")
    plain = setup(fresh)
    tables = (
        "SELECT relname, relkind, has_table_privilege('dovtab_reader', oid, 'SELECT'),"
        " obj_description(oid) IS NOT NULL FROM pg_class"
        " WHERE relnamespace = 'digitalocean'::regnamespace AND relname ~ 's$'"
        " AND relkind IN ('v', 'f') ORDER BY 1;"
    )
    printed, said = in_fresh(
        fresh,
        "CREATE FOREIGN DATA WRAPPER multicorn;"
        f"{plain}{declared}{declared}{tables}{plain}{tables}",
    )
    assert "ERROR" not in said
    assert printed == [
        *("droplet_actions,f,t,t", "droplet_tags,v,t,t", "droplets,f,t,t"),
        "recent_droplet_actions,v,t,t",
        *("droplet_actions,f,t,t", "droplet_tags,v,t,t", "droplets,v,t,t"),
        "recent_droplet_actions,v,t,t",
    ]


def test_what_it_prints_names_the_folders_that_dovtab_is_in() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dovtab.hosts.postgres"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert repr(str(Path(dovtab.__file__).parents[1])) in done.stdout
    assert "multicorn" not in done.stdout
    assert "dop_v1" not in done.stdout


def test_it_brings_nothing_to_those_who_do_not_ask() -> None:
    """Nor to those who do: what it needs is Debian's."""
    assert not [needed for needed in requires("dovtab") or () if "postgres" in needed]
