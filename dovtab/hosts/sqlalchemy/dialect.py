"""``create_engine("dovtab:///inventory.db")``: SQLite's dialect over `dovtab.dbapi`.

The API's tables are in the schema ``digitalocean``, where tools find them in their lists,
and by their bare names. It is a database in memory: nothing is declared in a file. Nothing
else can be attached, no extension loaded, and no action started unless that is allowed.

Sources: https://docs.sqlalchemy.org/en/20/dialects/sqlite.html,
https://docs.sqlalchemy.org/en/20/core/connections.html#registering-new-dialects
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from sqlalchemy import exc, types
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL

from dovtab.api.settings import resolve
from dovtab.errors import SettingsError
from dovtab.hosts.dbapi.values import adapted
from dovtab.resources import TABLES, Table

SCHEMA = "digitalocean"
# Whose token is used, and where it is sent, is not for a URL to say: it is shown and
# stored, and whoever may write one is not always whose token it is.
_NOT_IN_URL = frozenset({"token", "api_url"})
OURS = {table.name: table for table in TABLES}


class DateTime(DATETIME):
    """SQLite's, but that a moment which knows its zone is written as DigitalOcean writes it."""

    def bind_processor(self, dialect: Any) -> Any:
        """From Python to SQLite."""
        plain = super().bind_processor(dialect)

        def process(value: Any) -> Any:
            has_zone = getattr(value, "tzinfo", None) is not None
            return adapted(value) if has_zone or plain is None else plain(value)

        return process

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """From SQLite to Python."""
        plain = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            if isinstance(value, str) and value.endswith("Z"):
                return datetime.fromisoformat(value)
            return value if plain is None else plain(value)

        return process


class DovtabDialect(SQLiteDialect_pysqlite):
    """What SQLAlchemy calls; 1.4 and 2.x."""

    name = "dovtab"
    driver = "apsw"
    supports_statement_cache = True
    colspecs = SQLiteDialect_pysqlite.colspecs | {
        types.DateTime: DateTime,
        types.TIMESTAMP: DateTime,
    }

    @classmethod
    def import_dbapi(cls) -> Any:
        """The module of PEP 249."""
        import dovtab.dbapi

        return dovtab.dbapi

    @classmethod
    def dbapi(cls) -> Any:  # type: ignore[override]
        """The same for SQLAlchemy 1.4."""
        return cls.import_dbapi()

    def create_connect_args(self, url: URL) -> tuple[list[str], dict[str, Any]]:
        """The arguments of `dovtab.dbapi.connect`: settings are the URL's parameters.

        Raises:
            ArgumentError: the URL has a host, or a parameter that is not allowed.
        """
        if url.username or url.password or url.host or url.port:
            raise exc.ArgumentError(
                "a dovtab URL has no host: dovtab:// or dovtab:///relative/path.db or"
                " dovtab:////absolute/path.db"
            )
        given: dict[str, Any] = dict(url.query)
        for name in sorted(_NOT_IN_URL & given.keys()):
            raise exc.ArgumentError(
                f"{name} is not taken from a URL, which is shown and stored: set"
                f" DIGITALOCEAN_{name.upper()}, or pass it in connect_args"
            )
        # In memory each thread has a connection of its own, which SQLAlchemy's pool would
        # close for others, unless that is refused.
        database = url.database or ":memory:"
        arguments: dict[str, Any] = {
            "schema": SCHEMA,
            "check_same_thread": database == ":memory:",
        }
        mode = given.pop("mode", "rwc")
        if mode not in ("ro", "rwc"):
            raise exc.ArgumentError("mode is ro: nothing is written to the file; or rwc")
        arguments["read_only"] = mode == "ro"
        try:
            arguments["timeout"] = float(given.pop("timeout", 5.0))
        except (ValueError, TypeError):
            raise exc.ArgumentError("timeout must be a number of seconds") from None
        try:
            resolve(dict(given), os.getenv)
        except SettingsError as error:
            raise exc.ArgumentError(str(error)) from None
        return [database], arguments | given

    def is_disconnect(self, e: Exception, connection: Any, cursor: Any) -> bool:
        """Whether a connection is of no use any more."""
        return "the connection is closed" in str(e)

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """SQLite's; what a column of ours means is its comment."""
        of_sqlite: Any = super()
        columns = of_sqlite.get_columns(connection, table_name, schema=schema, **kw)
        table = _ours(connection, table_name, schema)
        if table is None:
            return columns
        means = {column.name: column.description for column in table.columns}
        return [{**column, "comment": means.get(column["name"])} for column in columns]

    def _get_table_sql(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        # An eponymous table is in no schema, and has no keys or constraints to be read.
        if schema is None and _ours(connection, table_name, schema) is not None:
            schema = SCHEMA
        of_sqlite: Any = super()
        return of_sqlite._get_table_sql(connection, table_name, schema=schema, **kw)


def _ours(connection: Any, name: str, schema: str | None) -> Table | None:
    """The table of ours that is meant: people may have a table droplets of their own."""
    if schema not in (None, SCHEMA) or name not in OURS:
        return None
    if schema is None:
        found = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_master WHERE name = ? UNION ALL"
            " SELECT 1 FROM sqlite_temp_master WHERE name = ?",
            (name, name),
        ).first()
        if found is not None:
            return None
    return OURS[name]
