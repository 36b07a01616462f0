"""Takes the README's pictures of Datasette anew: python tests/hosts/loadable/take_screenshots.py

It needs DOVTAB_HOSTS, the folder of install_hosts.sh, and Chromium.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import chromium
from datasette_server import serving, site

from dovtab.hosts import hub
from dovtab.simulator import Simulator, inventory

FOLDER = Path(__file__).parent / "screenshots"
COLUMNS = ("type", "status", "started_at", "completed_at", "region_slug")
JOIN = """\
SELECT team, type, count(*) AS times
FROM inventory.inventory
JOIN digitalocean.droplet_actions USING (droplet_id)
GROUP BY team, type
ORDER BY times DESC LIMIT 6"""


def main() -> None:
    """One Droplet's page, and a join."""
    with tempfile.TemporaryDirectory() as name, Simulator() as simulator:
        folder = Path(name)
        simulator.account.populate(droplets=10, actions=8)
        hub.write(str(folder / "digitalocean.db"))
        with closing(sqlite3.connect(folder / "inventory.db")) as db:
            db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
            db.executemany(
                "INSERT INTO inventory VALUES (?, ?, ?)", inventory(simulator.account)
            )
            db.commit()
        files = [str(folder / name) for name in ("digitalocean.db", "inventory.db")]
        account = {"DIGITALOCEAN_TOKEN": simulator.token, "DIGITALOCEAN_API_URL": simulator.url}
        with serving(
            *files, "--crossdb", site=site(folder / "site"), environment=account
        ) as server:
            columns = [("_col", column) for column in COLUMNS]
            options = [("_facet", "status"), ("_sort_desc", "started_at")]
            of_one = urlencode([("droplet_id", "3164446"), *columns, *options])
            page = f"{server.url}/digitalocean/droplet_actions?{of_one}"
            join = f"{server.url}/_memory?{urlencode({'sql': JOIN})}"
            profile = folder / "profile"
            chromium.picture(page, profile, FOLDER / "datasette_droplet.png", 880, 786)
            chromium.picture(join, profile, FOLDER / "datasette_join.png", 740, 612)


if __name__ == "__main__":
    main()
