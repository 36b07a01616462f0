"""The SQL that sets up a database: a schema, its functions and views, and who may use them.

It may be run again. It names the folders that the server's Python finds dovtab in, and no
token: that is in the server's environment or in a file of its user's, which no SQL of a
role without rights shows. Nobody may call anything of it but who is given the role.

Pure. Source: https://www.postgresql.org/docs/current/sql-createfunction.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dovtab.engine.manifest import QUOTA, RECORDS, REQUESTS
from dovtab.engine.records import record_columns
from dovtab.hosts.postgres.columns import columns_of, described, type_of
from dovtab.resources import DROPLET_ACTIONS, DROPLETS, TABLES, Column, Table
from dovtab.version import VERSION

SCHEMA, ROLE, SERVER = "digitalocean", "dovtab_reader", "dovtab"
WRAPPER = "dovtab.hosts.postgres.foreign_table.ForeignTable"
# The type of a row of each, and what it has.
_ROWS: dict[str, tuple[str, Sequence[Column]]] = {
    DROPLET_ACTIONS.name: ("droplet_action", columns_of(DROPLET_ACTIONS)),
    DROPLETS.name: ("droplet", columns_of(DROPLETS)),
    QUOTA: ("quota_window", record_columns(TABLES)[QUOTA]),
    REQUESTS: ("request", record_columns(TABLES)[REQUESTS]),
}
_SINCE, _TAG = "since text DEFAULT ''", "tag_name text DEFAULT '*'"
_CONTEXT, _LIMIT = "context text DEFAULT ''", "row_limit bigint DEFAULT 0"
_ID, _IDS = "droplet_id bigint", "droplet_ids bigint[]"
# Some of what a request costs: a plan calls it for few rows rather than for many. As much
# as it really takes would have PostgreSQL compile each plan that calls it a few times.
_COST = 10_000


class Function(NamedTuple):
    """A function that gives rows.

    Attributes:
        takes: its parameters.
        rows: how many it may give.
    """

    name: str
    takes: tuple[str, ...]
    rows: int
    description: str


_ACTIONS, _DROPLETS = DROPLET_ACTIONS.name, DROPLETS.name
FUNCTIONS = (
    Function(
        _ACTIONS,
        (_SINCE, _TAG, _CONTEXT, _LIMIT),
        10_000,
        "what was done in the account, or to each Droplet that has a tag",
    ),
    Function(_ACTIONS, (_ID, _SINCE, _CONTEXT, _LIMIT), 50, "what was done to a Droplet"),
    Function(
        _ACTIONS,
        (_IDS, _SINCE, _CONTEXT, _LIMIT),
        1_000,
        "what was done to each of these Droplets, asked for side by side",
    ),
    Function(_ACTIONS, (_ID, "action_id bigint", _CONTEXT), 1, "one action of a Droplet"),
    Function(_DROPLETS, (_TAG, _CONTEXT, _LIMIT), 200, "the Droplets, or those with a tag"),
    Function(_DROPLETS, (_ID, _CONTEXT), 1, "one Droplet"),
    Function(_DROPLETS, (_IDS, _CONTEXT), 50, "these Droplets"),
    Function(QUOTA, (), 2, f"{RECORDS[QUOTA]}, for all processes of the server"),
    Function(REQUESTS, (), 100, RECORDS[REQUESTS]),
)
VIEWS = {
    _DROPLETS: f"SELECT * FROM {SCHEMA}.{_DROPLETS}()",
    "recent_droplet_actions": f"""\
SELECT d.name, a.type, a.status, a.started_at, a.completed_at, a.region_slug, a.droplet_id,
  a.action_id
FROM {SCHEMA}.{_ACTIONS}(since => '-7 days') a
  LEFT JOIN {SCHEMA}.{_DROPLETS}() d ON d.droplet_id = a.droplet_id
ORDER BY a.started_at DESC""",
    "droplet_tags": f"""\
SELECT d.name, t.tag, d.status, d.size_slug, d.droplet_id
FROM {SCHEMA}.{_DROPLETS}() d, jsonb_array_elements_text(d.tags) AS t(tag)""",
}
_DESCRIBED = {
    _DROPLETS: DROPLETS.description,
    "recent_droplet_actions": "what was done in the last 7 days, newest first; the name of a"
    " Droplet that is gone is NULL",
    "droplet_tags": "a row for each tag of each Droplet",
}


def setup_sql(
    folders: Sequence[str], python: tuple[int, int], *, foreign_tables: bool = False
) -> str:
    """The statements.

    Args:
        folders: where dovtab and what it needs is.
        python: the version of Python that they are for.
        foreign_tables: with multicorn2's, in place of the view of the same name.
    """
    load = _LOAD.format(folders=list(folders))
    views = {n: sql for n, sql in VIEWS.items() if not (foreign_tables and n == _DROPLETS)}
    parts = (
        _HEAD,
        _CHECK.format(*python, load=load),
        *(_type(*row) for row in _ROWS.values()),
        *(_function(function, load) for function in FUNCTIONS),
        _drop("v" if foreign_tables else "f"),
        *(_view(name, sql) for name, sql in views.items()),
        *([_WITH_MULTICORN, *map(_foreign_table, TABLES)] if foreign_tables else ()),
        _rights([*views, *([t.name for t in TABLES] if foreign_tables else ())]),
    )
    return "\n".join(parts)


_HEAD = f"""\
-- dovtab {VERSION} in PostgreSQL, for psql, as a superuser. It may be run again.
-- To undo it: DROP SCHEMA {SCHEMA} CASCADE; DROP ROLE {ROLE};
BEGIN;
-- What an owner of the database has in his own schemas is not for us to run, or to bind.
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE EXTENSION IF NOT EXISTS plpython3u;
DO $do$ BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = nspowner
      WHERE nspname = '{SCHEMA}' AND NOT rolsuper) THEN
    RAISE EXCEPTION 'there is a schema {SCHEMA} that is not a superuser''s';
  END IF;
  IF pg_catalog.to_regrole('{ROLE}') IS NULL THEN
    CREATE ROLE {ROLE} NOLOGIN;
  END IF;
END $do$;
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
COMMENT ON SCHEMA {SCHEMA} IS 'DigitalOcean Droplets and their actions, read from the API';
"""
# In the body of each function: the first of a process loads the others.
_LOAD = """\
if 'dovtab' not in GD:
    import sys
    sys.path[:0] = [folder for folder in {folders!r} if folder not in sys.path]
    from dovtab.hosts.postgres.functions import Functions
    GD['dovtab'] = Functions(plpy)
"""
# Whatever keeps a function from being loaded is told at once, and nothing is set up.
_CHECK = """\
DO LANGUAGE plpython3u $dovtab$
import sys
served, installed = sys.version_info[:2], ({0}, {1})
if served != installed:
    plpy.error('dovtab was installed with Python %s.%s, and the server runs %s.%s: install it'
        ' with that one' % (*installed, *served))
{load}$dovtab$;
"""
_WITH_MULTICORN = f"""\
CREATE EXTENSION IF NOT EXISTS multicorn SCHEMA public;
CREATE SERVER IF NOT EXISTS {SERVER} FOREIGN DATA WRAPPER multicorn
  OPTIONS (wrapper '{WRAPPER}');
"""


def _rights(tables: Iterable[str]) -> str:
    """By name: what an administrator has put beside them is his own to give."""
    functions = ", ".join(f"{SCHEMA}.{f.name}({_types(f)})" for f in FUNCTIONS)
    listed = ", ".join(f"{SCHEMA}.{name}" for name in tables)
    return f"""\
REVOKE ALL ON FUNCTION {functions} FROM PUBLIC;
GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE};
GRANT EXECUTE ON FUNCTION {functions} TO {ROLE};
GRANT SELECT ON {listed} TO {ROLE};
COMMIT;
"""


def _types(function: Function) -> str:
    return ", ".join(parameter.split()[1] for parameter in function.takes)


def _drop(kind: str) -> str:
    """What another setup has left under a name that is needed."""
    what = {"v": "VIEW", "f": "FOREIGN TABLE"}[kind]
    return f"""\
DO $do$ BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_class
      WHERE oid = pg_catalog.to_regclass('{SCHEMA}.{_DROPLETS}') AND relkind = '{kind}') THEN
    DROP {what} {SCHEMA}.{_DROPLETS};
  END IF;
END $do$;
"""


def _type(name: str, columns: Sequence[Column]) -> str:
    listed = ", ".join(f"{c.name} {type_of(c)}" for c in columns)
    comments = _comments(name, {c.name: described(c) for c in columns})
    return f"""\
DO $do$ BEGIN
  IF pg_catalog.to_regtype('{SCHEMA}.{name}') IS NULL THEN
    CREATE TYPE {SCHEMA}.{name} AS (
{_declared(columns, "      ")}
    );
  ELSIF (SELECT string_agg(format('%s %s', attname, format_type(atttypid, NULL)), ', '
        ORDER BY attnum) FROM pg_catalog.pg_attribute
      WHERE attrelid = pg_catalog.to_regclass('{SCHEMA}.{name}') AND NOT attisdropped)
      IS DISTINCT FROM '{listed}' THEN
    RAISE EXCEPTION 'the type {SCHEMA}.{name} is of another version of dovtab, with other columns'
      USING HINT = 'DROP SCHEMA {SCHEMA} CASCADE first: it drops what depends on it, too';
  END IF;
END $do$;
{comments}"""


def _function(function: Function, load: str) -> str:
    names = [parameter.split()[0] for parameter in function.takes]
    types = _types(function)
    call = f"records({function.name!r})"
    if names:
        columns = {n: "droplet_id" if n == "droplet_ids" else n for n in names}
        given = ", ".join(
            f"{columns[n]!r}: {n}" for n in names if n not in ("context", "row_limit")
        )
        rest = "".join(f", {n}" for n in names if n in ("context", "row_limit"))
        call = f"rows({function.name!r}, {{{given}}}{rest})"
    row, _ = _ROWS[function.name]
    return f"""\
CREATE OR REPLACE FUNCTION {SCHEMA}.{function.name}({", ".join(function.takes)})
RETURNS SETOF {SCHEMA}.{row} LANGUAGE plpython3u STRICT COST {_COST} ROWS {function.rows}
AS $dovtab$
{load}return GD['dovtab'].{call}
$dovtab$;
COMMENT ON FUNCTION {SCHEMA}.{function.name}({types}) IS {_text(function.description)};
"""


def _view(name: str, sql: str) -> str:
    return f"""\
CREATE OR REPLACE VIEW {SCHEMA}.{name} AS
{sql};
COMMENT ON VIEW {SCHEMA}.{name} IS {_text(_DESCRIBED[name])};
{_comments(name, dict(_selected(sql)))}"""


def _selected(sql: str) -> Iterator[tuple[str, str]]:
    """The columns that a view has, and what is in them."""
    of = {"a": DROPLET_ACTIONS, "d": DROPLETS}
    words = {(a, c.name): described(c) for a, t in of.items() for c in columns_of(t)}
    listed = " ".join(sql.removeprefix("SELECT ").split()).partition(" FROM")[0]
    if listed == "*":
        listed = ", ".join(f"d.{column.name}" for column in columns_of(DROPLETS))
    for expression in listed.split(", "):
        alias, _, name = expression.partition(".")
        yield name, words.get((alias, name), "a tag that it has")


def _foreign_table(table: Table) -> str:
    columns = columns_of(table)
    return f"""\
CREATE FOREIGN TABLE IF NOT EXISTS {SCHEMA}.{table.name} (
{_declared(columns, "  ")}
) SERVER {SERVER} OPTIONS (table '{table.name}');
COMMENT ON FOREIGN TABLE {SCHEMA}.{table.name} IS {_text(table.description.partition(";")[0])};
{_comments(table.name, {c.name: described(c) for c in columns})}"""


def _declared(columns: Sequence[Column], indent: str) -> str:
    return ",\n".join(f'{indent}"{c.name}" {type_of(c)}' for c in columns)


def _comments(of: str, words: Mapping[str, str]) -> str:
    return "".join(
        f'COMMENT ON COLUMN {SCHEMA}.{of}."{name}" IS {_text(text)};\n'
        for name, text in words.items()
    )


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
