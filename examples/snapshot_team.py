"""Snapshot every Droplet of a team, wait for all of them, say what failed.

    python examples/snapshot_team.py fleet.db storefront

fleet.db has a table inventory(droplet_id, name, team). The exit status is 0 if
every snapshot was completed. Each Droplet is asked once: one that refuses (it
is locked, say) does not keep the others from theirs.
"""

from __future__ import annotations

import json
import sys

import apsw

import dovtab


def main(database: str, team: str) -> int:
    db = dovtab.connect(database)
    query = "SELECT droplet_id, name FROM inventory WHERE team = ? ORDER BY name"
    try:
        droplets = list(db.execute(query, (team,)))
    except apsw.Error as error:
        print(f"{database}: {error}", file=sys.stderr)
        return 2
    if not droplets:
        print(f"no Droplet of team {team!r} in {database}", file=sys.stderr)
        return 2
    started, failures = [], 0
    for droplet_id, name in droplets:
        attributes = json.dumps({"name": f"{name} by snapshot_team"})
        call = "SELECT droplet_actions_post(?, 'snapshot', ?) ->> 'id'"
        try:
            started.append((droplet_id, name, db.execute(call, (droplet_id, attributes)).get))
        except dovtab.DovtabError as error:
            failures += 1
            print(f"{name}: not started: {error}")
    for droplet_id, name, action_id in started:
        call = "SELECT droplet_actions_wait(?, ?, 3600) ->> 'status'"
        try:
            status = db.execute(call, (droplet_id, action_id)).get
        except dovtab.DovtabError as error:
            status = str(error)
        failures += status != "completed"
        print(f"{name}: {status}")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} DATABASE TEAM")
    sys.exit(main(*sys.argv[1:]))
