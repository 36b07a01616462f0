"""A database file with nothing but declarations, for tools that list what a file declares.

It has the tables as CREATE VIRTUAL TABLE, and views over them that take few requests. In
the inventory's own file they would keep every program without the extension from
listing its tables; in a file of their own they keep nobody from anything.

The one rule: a file that is not such a hub is not touched. What makes it one is its
application_id, which is read without opening it as a database.

Sources: https://sqlite.org/fileformat2.html#application_id,
https://sqlite.org/lang_createview.html
"""

from __future__ import annotations

from pathlib import Path

import apsw

from dovtab.api.settings import resolve
from dovtab.errors import SettingsError
from dovtab.hosts.apsw.connection import attach
from dovtab.resources import DROPLET_ACTIONS, DROPLETS, TABLES, Table

APPLICATION_ID = int.from_bytes(b"dovt")
_MAGIC, _ID_AT = b"SQLite format 3\0", 68
RECENT, TAGS = "recent_droplet_actions", "droplet_tags"

# The Droplets are a subquery that cannot be flattened, because of its DISTINCT: then
# their list is read once, in place of each by its id. The plus keeps each of them from
# being asked for its own actions, where a tool wants those that have a name.
_RECENT = """\
CREATE VIEW {name} AS
-- What was done in the last 7 days, newest first. NULL is the name of a Droplet that is gone.
SELECT
{columns}
FROM droplet_actions a
  LEFT JOIN (SELECT DISTINCT droplet_id, name FROM droplets) d ON d.droplet_id = +a.droplet_id
WHERE a.since = '-7 days'
ORDER BY a.started_at DESC"""
_RECENT_COLUMNS = (
    *("d.name", "a.type", "a.status", "a.started_at", "a.completed_at", "a.region_slug"),
    *("a.droplet_id", "a.action_id"),
)
_TAGS = """\
CREATE VIEW {name} AS
-- A row for each tag of each Droplet.
SELECT
{columns}
FROM droplets d, json_each(d.tags) t"""
_TAGS_COLUMNS = ("d.name", "t.value AS tag", "d.status", "d.size_slug", "d.droplet_id")


def declarations() -> dict[str, str]:
    """The statements, by the name of what each declares."""
    found = {table.name: _declared(table) for table in TABLES}
    found[RECENT] = _RECENT.format(name=RECENT, columns=_selected(_RECENT_COLUMNS))
    found[TAGS] = _TAGS.format(name=TAGS, columns=_selected(_TAGS_COLUMNS))
    return found


def write(path: str) -> str:
    """Make the file, or bring it up to date; gives a line that says what it has.

    What somebody has added to a hub stays.

    Raises:
        SettingsError: there is a file that is no hub, or it cannot be written.
    """
    _check(path)
    try:
        connection = apsw.Connection(
            path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        )
        try:
            _write(connection)
        finally:
            connection.close()
    except (apsw.Error, SettingsError) as error:
        raise SettingsError(f"{path}: {error}") from None
    return f"{path}: {', '.join(declarations())}"


def _check(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            header = file.read(_ID_AT + 4)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    # SQLite takes a file of no length for a database that has nothing yet.
    if header and (header[:16], header[_ID_AT:]) != (_MAGIC, APPLICATION_ID.to_bytes(4)):
        raise SettingsError(f"{path} is there, and no hub of dovtab's: it stays as it is")


def _write(connection: apsw.Connection) -> None:
    # The modules are needed to declare their tables; nothing is asked of the API.
    attach(connection, resolve({}, lambda name: None))
    with connection:
        connection.pragma("application_id", APPLICATION_ID)
        there = {
            name: (kind, sql)
            for name, kind, sql in connection.execute(
                "SELECT name, type, sql FROM sqlite_schema"
            )
        }
        for name, statement in declarations().items():
            if name in there:
                kind, sql = there[name]
                if not sql.startswith(("CREATE VIRTUAL TABLE", "CREATE VIEW")):
                    raise SettingsError(f"it has a {kind} {name} of its own: it stays as it is")
                connection.execute(f"DROP {kind} {name}")
            connection.execute(statement)


def _declared(table: Table) -> str:
    """With its columns as comments, between the name and USING: SQLite keeps them there."""
    width = max(len(column.name) for column in table.columns)
    lines = [
        f"  -- {c.name:{width}} {c.type:7} {'hidden; ' * c.hidden}{c.description}".rstrip()
        for c in table.columns
    ]
    return "\n".join((f"CREATE VIRTUAL TABLE {table.name}", *lines, f"USING {table.name}"))


def _selected(expressions: tuple[str, ...]) -> str:
    described = {
        f"{alias}.{column.name}": column.description
        for alias, table in (("a", DROPLET_ACTIONS), ("d", DROPLETS))
        for column in table.columns
    }
    # The last has no comma after it.
    commas = [","] * (len(expressions) - 1) + [""]
    return "\n".join(
        f"  {expression}{comma} -- {described.get(expression, 'a tag that it has')}"
        for expression, comma in zip(expressions, commas, strict=True)
    )
