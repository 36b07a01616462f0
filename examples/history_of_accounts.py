"""Keep the actions of many accounts as Parquet files, and join them in DuckDB.

    pip install 'dovtab[dask]' duckdb
    python examples/history_of_accounts.py history/ fleet.db prod staging

The accounts are contexts, and each is read by one of two processes. Run it as often as you
like: it reads what is new, and writes the months that have changed. `fleet.db` has a table
inventory(droplet_id, name, team).
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import duckdb
import pandas
from distributed import Client

from dovtab.hosts.dask import local_cluster, to_parquet

BY_MONTH = """
    SELECT month, team, count(*) AS actions, count(*) FILTER (status = 'errored') AS errored,
           round(avg(date_diff('second', started_at, completed_at)), 1) AS seconds
    FROM read_parquet('{folder}/*/*/*.parquet') JOIN inventory ON resource_id = droplet_id
    GROUP BY ALL ORDER BY month DESC, team
"""


def main(folder: str, database: str, *contexts: str) -> None:
    with local_cluster(contexts) as workers, Client(workers):
        done, failed = to_parquet(contexts, folder, failures=True)
    print(done.drop(columns="months").to_string(index=False))
    for message in failed["message"]:
        print(message, file=sys.stderr)
    with closing(sqlite3.connect(database)) as fleet:
        inventory = pandas.read_sql("SELECT droplet_id, team FROM inventory", fleet)
    with duckdb.connect() as db:
        db.register("inventory", inventory)
        print(db.sql(BY_MONTH.format(folder=folder)))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} FOLDER DATABASE CONTEXT ...")
    main(*sys.argv[1:])
