"""Datasette's pages in a browser, Debian's Chromium.

Where the variable DOVTAB_HOSTS names the folder of `install_hosts.sh`, neither may be
missing; elsewhere the tests say which is.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import chromium
import pytest
from datasette_server import INSTALLED, MISSING, Server

from built import needs_extension
from dovtab.simulator import Simulator

LACKING = MISSING or ("" if chromium.PROGRAM else "chromium is not installed")

pytestmark = [
    needs_extension,
    pytest.mark.skipif(bool(LACKING) and not INSTALLED, reason=LACKING),
]


def cells(document: str) -> list[list[str]]:
    """The rows of the table that a document shows."""
    body = re.search(r"<tbody>(.*?)</tbody>", document, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.S) if body else []
    texts = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in rows]
    return [[unescape(re.sub(r"<[^>]+>", "", text)).strip() for text in row] for row in texts]


def test_a_browser_shows_a_droplet_in_one_request(
    server: Server, fleet: Simulator, tmp_path: Path
) -> None:
    page = f"{server.url}/digitalocean/droplet_actions?droplet_id=7&_col=type&_col=status"
    document = chromium.document(page, tmp_path / "profile")
    assert cells(document) == [[f"70{n}", f"70{n}", "reboot", "completed"] for n in range(5)]
    # Datasette's own scripts have made the menus of the columns.
    assert 'class="dropdown-menu' in document
    file = tmp_path / "page.png"
    chromium.picture(page, tmp_path / "profile", file, 600, 400)
    assert file.read_bytes().startswith(b"\x89PNG")
    assert [request.path for request in fleet.requests] == ["/v2/droplets/7/actions"]


JOIN = """
SELECT name, team, count(*) AS times
FROM inventory.inventory JOIN digitalocean.droplet_actions USING (droplet_id)
WHERE droplet_id < 3 GROUP BY droplet_id
"""


def test_a_browser_shows_a_join_and_a_visitor_is_refused(
    server: Server, fleet: Simulator, tmp_path: Path
) -> None:
    def shown(sql: str) -> str:
        url = f"{server.url}/_memory?{urlencode({'sql': sql})}"
        return chromium.document(url, tmp_path / "profile")

    joined = shown(JOIN)
    assert cells(joined) == [["web-1", "blue", "5"], ["web-2", "green", "5"]]
    # A script has put an editor in place of a plain field.
    assert 'class="cm-keyword">SELECT<' in joined
    assert "starting actions is off" in shown("SELECT droplet_actions_post(1, 'reboot')")
    insert = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')"
    assert "Statement must be a SELECT" in shown(insert)
    assert [request for request in fleet.requests if request.method == "POST"] == []
