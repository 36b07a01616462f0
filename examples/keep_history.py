"""Copy the actions of every Droplet of the inventory into an ordinary table.

    python examples/keep_history.py fleet.db

For tools that open a plain SQLite file and know no virtual tables, and for
Droplets that will be destroyed. Run it as often as you like: an action that is
there already is brought up to date.
"""

from __future__ import annotations

import sys

import dovtab

COLUMNS = "id, resource_id, completed_at, region_slug, started_at, status, type"


def main(database: str) -> int:
    db = dovtab.connect(database, allow_actions=False, max_requests=100_000)
    if not db.table_exists(None, "inventory"):
        print(f"{database}: no such table: inventory", file=sys.stderr)
        return 2
    with db:  # all of it, or nothing
        db.execute(
            "CREATE TABLE IF NOT EXISTS action_history(id INTEGER PRIMARY KEY,"
            " droplet_id INTEGER, completed_at TEXT, region_slug TEXT,"
            " started_at TEXT, status TEXT, type TEXT)"
        )
        before = db.execute("SELECT count(*) FROM action_history").get
        db.execute(
            f"INSERT OR REPLACE INTO action_history SELECT {COLUMNS} FROM droplet_actions"
            " WHERE droplet_id IN (SELECT droplet_id FROM inventory)"
        )
        after = db.execute("SELECT count(*) FROM action_history").get
    print(f"{after} actions, {after - before} of them new")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DATABASE")
    sys.exit(main(sys.argv[1]))
