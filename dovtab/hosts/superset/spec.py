"""What Apache Superset is told about ``dovtab:///inventory.db``.

It is SQLite, but for three things. Times are texts with a T and a Z. The API's tables are in
the schema ``digitalocean``. And a database file is opened to be read only, unless the database
has "Allow DML", "Allow CREATE TABLE AS" or "Allow CREATE VIEW AS": Superset's own look at a
statement takes REPLACE for no change, and SQLite would make a file that is not there.

Source: https://superset.apache.org/docs/configuration/databases
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.types import String
from superset.db_engine_specs.base import BaseEngineSpec
from superset.db_engine_specs.sqlite import SqliteEngineSpec
from superset.sql.parse import SQLGLOT_DIALECTS

from dovtab.hosts.sqlalchemy.dialect import OURS, DovtabDialect
from dovtab.hosts.superset.times import literal

# Superset takes statements apart and writes them anew, unless it knows whose they are in
# words of no database: ->> and json_object() would not survive.
SQLGLOT_DIALECTS.setdefault(DovtabDialect.name, SQLGLOT_DIALECTS["sqlite"])


class DovtabEngineSpec(SqliteEngineSpec):
    """Found by Superset under the entry point ``superset.db_engine_specs``."""

    engine = DovtabDialect.name
    engine_name = "DigitalOcean Droplet actions (dovtab)"
    default_driver = DovtabDialect.driver
    sqlalchemy_uri_placeholder = "dovtab:////srv/inventory.db"
    supports_file_upload = False

    @classmethod
    def convert_dttm(
        cls, target_type: str, dttm: datetime, db_extra: dict[str, Any] | None = None
    ) -> str | None:
        """The bounds of a time range. What is declared DATETIME is never a table of ours."""
        if isinstance(cls.get_sqla_column_type(target_type), String):
            return literal(dttm)
        written: str | None = super().convert_dttm(target_type, dttm, db_extra)
        return written

    @classmethod
    def get_table_names(cls, database: Any, inspector: Any, schema: str | None) -> set[str]:
        """Those of the schema: for SQLite's, Superset takes none into account."""
        return set(inspector.get_table_names(schema))

    @classmethod
    def alter_new_orm_column(cls, orm_col: Any) -> None:
        """Tell the times among the texts; a chart's time is the one that every row has."""
        dataset, ours = orm_col.table, OURS.get(orm_col.table.table_name)
        if ours is not None and orm_col.column_name in ours.times:
            orm_col.is_dttm = True
            if orm_col.column_name != "completed_at":
                dataset.main_dttm_col = orm_col.column_name

    @classmethod
    def fetch_data(cls, cursor: Any, limit: int | None = None) -> list[Any]:
        """Superset asks for the rows of an UPDATE, too, and PEP 249 has that be an error."""
        rows: list[Any] = super().fetch_data(cursor, limit) if cursor.description else []
        return rows

    @staticmethod
    def get_extra_params(database: Any, source: Any = None) -> dict[str, Any]:
        """Nothing is written to the file unless the database is one that may be changed."""
        extra: dict[str, Any] = BaseEngineSpec.get_extra_params(database, source)
        changes = database.allow_dml or database.allow_ctas or database.allow_cvas
        if database.url_object.database and not changes:
            arguments = extra.setdefault("engine_params", {}).setdefault("connect_args", {})
            arguments["read_only"] = True
        return extra
