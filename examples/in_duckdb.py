"""Actions by day in DuckDB, which cannot see SQLite's virtual tables itself.

    pip install dovtab duckdb pyarrow adbc-driver-sqlite
    python examples/in_duckdb.py fleet.db

The driver of ADBC loads the extension, and its rows are Arrow's: DuckDB reads them where
they are.
"""

from __future__ import annotations

import sys

import adbc_driver_sqlite.dbapi as sqlite
import duckdb

import dovtab

QUERY = """
    SELECT i.team, a.type, a.started_at
    FROM inventory AS i JOIN droplet_actions AS a ON a.droplet_id = i.droplet_id
"""
BY_DAY = """
    SELECT CAST(CAST(started_at AS TIMESTAMPTZ) AS DATE) AS day, team, count(*) AS actions
    FROM actions GROUP BY ALL ORDER BY day, team
"""


def main(database: str) -> None:
    with sqlite.connect(database) as connection:
        connection.enable_load_extension(True)
        connection.load_extension(dovtab.loadable_path())
        connection.enable_load_extension(False)
        with connection.cursor() as cursor:
            cursor.execute(QUERY)
            actions = duckdb.from_arrow(cursor.fetch_record_batch())
            print(actions.query("actions", BY_DAY))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DATABASE")
    main(sys.argv[1])
