"""Which teams rebooted most, as a data frame of pandas.

    pip install dovtab pandas sqlalchemy
    python examples/in_pandas.py fleet.db

The inventory is the table ``inventory`` of the database; the join is made by SQLite.
"""

from __future__ import annotations

import sys

import pandas as pd
from sqlalchemy import create_engine, text

QUERY = """
    SELECT i.team, a.type, a.started_at
    FROM inventory AS i JOIN droplet_actions AS a ON a.droplet_id = i.droplet_id
    WHERE a.type = :type
"""


def main(database: str) -> None:
    engine = create_engine(f"dovtab:///{database}")
    frame = pd.read_sql(text(QUERY), engine, params={"type": "reboot"})
    frame["started_at"] = pd.to_datetime(frame["started_at"])
    frame["month"] = frame["started_at"].dt.tz_localize(None).dt.to_period("M")
    print(frame.pivot_table(index="team", columns="month", aggfunc="size", fill_value=0))
    engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DATABASE")
    main(sys.argv[1])
