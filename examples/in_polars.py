"""How long actions take, as a data frame of Polars.

    pip install dovtab polars
    python examples/in_polars.py fleet.db

Polars takes the DB-API connection as it is, and so do other tools.
"""

from __future__ import annotations

import sys
from contextlib import closing

import polars as pl

import dovtab.dbapi

QUERY = """
    SELECT a.type, a.started_at, a.completed_at
    FROM inventory AS i JOIN droplet_actions AS a ON a.droplet_id = i.droplet_id
    WHERE a.status = 'completed'
"""


def main(database: str) -> None:
    with closing(dovtab.dbapi.connect(database)) as connection:
        frame = pl.read_database(QUERY, connection)
    times = pl.col("started_at", "completed_at").str.to_datetime(time_zone="UTC")
    took = (pl.col("completed_at") - pl.col("started_at")).dt.total_seconds()
    seconds = frame.with_columns(times).with_columns(took.alias("seconds"))
    print(
        seconds.group_by("type")
        .agg(pl.len().alias("actions"), pl.col("seconds").median().alias("median"))
        .sort("type")
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DATABASE")
    main(sys.argv[1])
