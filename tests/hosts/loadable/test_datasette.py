"""Datasette with the plugin: its pages, what they ask of the API, and what visitors may not.

Where the variable DOVTAB_HOSTS names the folder of `install_hosts.sh`, it may not be missing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from datasette_server import INSTALLED, MISSING, PACKAGE, PYTHON, Server, of, serving, site

from built import needs_extension
from dovtab.hosts import hub, loadable
from dovtab.simulator import Simulator

pytestmark = [
    needs_extension,
    pytest.mark.skipif(bool(MISSING) and not INSTALLED, reason=f"{MISSING}"),
]


def asked(fleet: Simulator, since: int) -> list[str]:
    return [request.path for request in fleet.requests[since:]]


def test_a_page_of_one_droplet_is_one_request(server: Server, fleet: Simulator) -> None:
    """Datasette makes 28 scans of it, for rows, counts and facets."""
    before = len(fleet.requests)
    page = server.get("/digitalocean/droplet_actions", droplet_id="7")
    assert page.status_code == 200
    assert "5 rows" in page.text
    assert page.text.count('<td class="col-type type-str">reboot</td>') == 5
    assert asked(fleet, before) == ["/v2/droplets/7/actions"]
    # Sorted, filtered, as JSON and as CSV, it is the same.
    more = [
        server.get(
            "/digitalocean/droplet_actions", droplet_id="7", _sort="started_at", type="reboot"
        ),
        server.get("/digitalocean/droplet_actions.json", droplet_id="7", _shape="array"),
        server.get("/digitalocean/droplet_actions.csv", droplet_id="7", _stream="1"),
        server.get(
            "/digitalocean/droplet_actions", droplet_id="7", _facet="type", _facet_size="3"
        ),
    ]
    assert [answer.status_code for answer in more] == [200] * 4
    assert len(more[1].json()) == 5
    assert len(more[2].text.splitlines()) == 6
    assert len(asked(fleet, before)) == 1


PAGES: tuple[tuple[str, dict[str, str], str, list[str]], ...] = (
    ("droplet_actions", {}, "60 rows", ["/v2/actions"]),
    (
        "droplet_actions",
        {"since": "-7 days", "droplet_id": "9"},
        " row",
        ["/v2/droplets/9/actions"],
    ),
    (
        "droplet_actions",
        {"droplet_id__in": "4,5"},
        "10 rows",
        ["/v2/droplets/4/actions", "/v2/droplets/5/actions"],
    ),
    ("droplet_actions/1102", {}, "reboot", ["/v2/actions/1102"]),
    ("droplets", {}, "12 rows", ["/v2/droplets"] * 2),
    ("droplets/12", {}, "web-12", ["/v2/droplets/12"]),
    # All that it takes was asked for by the first page and the one of droplets; Debian's
    # SQLite would ask each Droplet that has a name for its own actions.
    ("recent_droplet_actions", {}, ">web-", []),
    ("droplet_tags", {}, "tag", []),
)


def test_a_page_asks_once_for_each_thing(server: Server, fleet: Simulator) -> None:
    for path, query, shows, paths in PAGES:
        before = len(fleet.requests)
        page = server.get(f"/digitalocean/{path}", **query)
        assert page.status_code == 200, page.text
        assert shows in page.text
        assert sorted(asked(fleet, before)) == paths


JOIN = """
SELECT i.name, team, count(*) AS times
FROM inventory.inventory i JOIN digitalocean.droplet_actions a USING (droplet_id)
WHERE i.droplet_id < 4 AND type = 'reboot' GROUP BY i.droplet_id
"""


def test_the_hub_is_listed_and_the_inventory_joins_with_it(server: Server) -> None:
    page = server.get("/digitalocean")
    assert page.status_code == 200
    for name in hub.declarations():
        assert f'href="/digitalocean/{name}"' in page.text
    page = server.get("/_memory.json", sql=JOIN, _shape="arrays")
    assert page.json()["rows"] == [
        ["web-1", "blue", 5],
        ["web-2", "green", 5],
        ["web-3", "blue", 5],
    ]


OFF = "starting actions is off"
ACTS = {
    "SELECT droplet_actions_post(1, 'reboot')": OFF,
    "SELECT droplet_actions_post(droplet_id, 'reboot') FROM droplets": OFF,
    "SELECT droplet_actions_post_by_tag('web', 'power_off')": OFF,
    "WITH q(p) AS (SELECT droplet_actions_post(1, 'reboot')) SELECT p FROM q": OFF,
    "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')": "must be a SELECT",
    "SELECT load_extension('dovtab')": "not authorized",
}


def test_a_visitor_cannot_act(server: Server, fleet: Simulator) -> None:
    for database in ("digitalocean", "inventory", "_memory"):
        for statement, said in ACTS.items():
            page = server.get(f"/{database}", sql=statement)
            assert page.status_code == 400, statement
            assert said in page.text, statement
    assert [request for request in fleet.requests if request.method == "POST"] == []


def test_without_a_token_it_starts_and_has_no_table(folder: Path) -> None:
    with serving(str(folder / "inventory.db"), site=folder / "site", environment={}) as other:
        assert "12 rows" in other.get("/inventory/inventory").text
        found = other.get("/inventory.json", sql="SELECT count(*) FROM droplet_actions")
        assert found.json()["error"] == "no such table: droplet_actions"


def test_a_file_that_hides_the_table_is_served_and_said(
    folder: Path, fleet: Simulator, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as db:
        db.execute("CREATE TABLE droplet_actions(id INTEGER PRIMARY KEY, type)")
        db.execute("INSERT INTO droplet_actions VALUES (1, 'mine')")
        db.commit()
    files = [str(tmp_path / "old.db"), str(folder / "digitalocean.db")]
    with serving(*files, site=folder / "site", environment=of(fleet)) as other:
        assert "mine" in other.get("/old/droplet_actions").text
        assert "mine" in other.get("/old/droplet_actions", id="1").text
        assert other.get("/digitalocean/droplet_actions", droplet_id="2").status_code == 200
        said = other.said()
    assert said.count("dovtab: without droplet_actions: ") == 1
    assert said.count("the database main has a table droplet_actions of its own") == 1


def test_without_the_extension_it_is_served_and_said(
    folder: Path, fleet: Simulator, tmp_path: Path
) -> None:
    package = tmp_path / "without"
    built = (f"dovtab{loadable.SUFFIX}", "__pycache__")
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns(*built))
    with serving(
        str(folder / "inventory.db"),
        site=site(tmp_path / "site", package),
        environment=of(fleet),
    ) as other:
        assert "12 rows" in other.get("/inventory/inventory").text
        assert other.get("/-/plugins.json").status_code == 200
        said = other.said()
    assert said.count("dovtab: without droplet_actions: there is no loadable extension") == 1


def sqlite_utils(
    folder: Path, fleet: Simulator, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | of(fleet) | {"PYTHONPATH": str(folder / "site")}
    command = [str(PYTHON), "-m", "sqlite_utils", *arguments]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, encoding="utf-8", timeout=60
    )


def test_sqlite_utils_has_the_table_and_cannot_act(folder: Path, fleet: Simulator) -> None:
    join = JOIN.replace("inventory.inventory", "inventory").replace("digitalocean.", "")
    ran = sqlite_utils(folder, fleet, "query", "inventory.db", join, "--csv")
    assert ran.stdout.split() == [
        "name,team,times",
        "web-1,blue,5",
        "web-2,green,5",
        "web-3,blue,5",
    ]
    rows = sqlite_utils(folder, fleet, "rows", "digitalocean.db", "droplets", "--limit", "2")
    assert rows.stdout.count('"id"') == 2, rows.stderr
    tables = sqlite_utils(folder, fleet, "tables", "digitalocean.db", "--csv")
    assert tables.stdout.split() == ["table", "droplet_actions", "droplets"]
    for statement in (
        "SELECT droplet_actions_post(1, 'reboot')",
        "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')",
    ):
        refused = sqlite_utils(folder, fleet, "query", "inventory.db", statement)
        assert refused.returncode == 1
        assert "starting actions is off" in refused.stderr
    assert [request for request in fleet.requests if request.method == "POST"] == []


def test_the_tools_are_there() -> None:
    assert MISSING == ""
