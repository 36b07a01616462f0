"""The engine needs no apsw: another door reads, acts and waits through the same seam."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dovtab.api.settings import resolve
from dovtab.errors import Interrupted, NotAllowedError
from dovtab.simulator import Simulator
from engine.second_door import Door

HERE = Path(__file__).parent

WITHOUT_APSW = """
import json, sys
sys.modules["apsw"] = None
sys.path[:0] = [sys.argv[2]]
import dovtab
from dovtab.api.settings import resolve
from engine.second_door import Door
try:
    dovtab.connect()
except ImportError:
    print("no apsw")
door = Door(resolve({"token": "simulator", "api_url": sys.argv[1]}, lambda name: None))
print([module.name for module in door.session.manifest.modules])
print([row["id"] for row in door.select("droplet_actions", droplet_id=1)])
print(door.select("droplet_actions", droplet_id=1, action_id=11)[0]["type"])
action = json.loads(door.call("droplet_actions_post", 1, "reboot"))
print(json.loads(door.call("droplet_actions_wait", 1, action["id"]))["status"])
door.insert("droplet_actions", {"droplet_id": 2, "type": "power_off"}, commit=False)
door.insert("droplet_actions", {"droplet_id": 2, "type": "enable_ipv6"})
print([(row["droplet_id"], row["type"], row["outcome"]) for row in door.select("dovtab_posts")])
print({row["method"] for row in door.select("dovtab_requests", path="/v2/droplets/2/actions")})
try:
    door.insert("droplet_actions", {"droplet_id": 2, "type": "explode"})
except dovtab.ArgumentError as error:
    print(str(error)[:31])
print(sorted(name for name in sys.modules if name.startswith("apsw") and sys.modules[name]))
"""


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in (1, 2):
        simulator.account.add_droplet(droplet_id=id)
    for id in (11, 12):
        simulator.account.add_action(1, id=id)
    simulator.account.rules.durations["reboot"] = 0.0
    return simulator


@pytest.fixture
def door(fleet: Simulator) -> Door:
    return Door(resolve({"token": fleet.token, "api_url": fleet.url}, lambda name: None))


def test_everything_works_where_there_is_no_apsw(fleet: Simulator) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_APSW, fleet.url, str(HERE.parent)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "no apsw",
        "['droplet_actions', 'droplets', 'dovtab_requests', 'dovtab_posts', 'dovtab_plan', 'dovtab_log', 'dovtab_quota', 'dovtab_columns', 'dovtab_action_types']",
        "[12, 11]",
        "reboot",
        "completed",
        "[(1, 'reboot', 'sent'), (2, 'enable_ipv6', 'sent')]",
        "{'POST'}",
        "type must be one of enable_back",
        "[]",
    ]
    assert sum(r.method == "POST" for r in fleet.requests) == 2


def test_the_rules_that_protect_are_behind_the_seam(fleet: Simulator, door: Door) -> None:
    """Whoever builds a door cannot leave them out."""
    stranger = door.session.connect("droplet_actions", "main", "harmless", [])
    with (
        door.statement("INSERT INTO harmless ...", reads=False),
        pytest.raises(NotAllowedError, match="nor through a table of another name"),
    ):
        stranger.transaction.insert(None, [])  # type: ignore[union-attr]
    ours = door.connect("droplet_actions")
    with door.statement("INSERT INTO t ...", reads=False):
        door.session.statements.triggered(1 + 1)
        with pytest.raises(NotAllowedError, match="neither by a trigger"):
            ours.insert(None, [])
    with pytest.raises(Exception, match="in the temp database only"):
        door.connect("droplet_actions", "main", "context=prod")
    assert fleet.requests == []


def test_a_statement_that_is_undone_sends_nothing(fleet: Simulator, door: Door) -> None:
    """Which a door tells by what SQLite has counted."""
    table = door.connect("droplet_actions")
    names = [column.split()[0] for column in table.schema.partition("(")[2].split(",")]
    row = [{"droplet_id": 1, "type": "reboot"}.get(name) for name in names]
    table.transaction.begin()
    with door.statement("INSERT INTO droplet_actions ... fails", reads=False):
        table.insert(None, row)
    with door.statement("COMMIT", reads=False):
        table.transaction.sync()
    assert fleet.requests == []


def test_a_door_that_is_interrupted_stops_the_engine(fleet: Simulator, door: Door) -> None:
    fleet.latency = 1.0
    threading.Timer(0.1, lambda: setattr(door, "interrupted", True)).start()
    with pytest.raises(Interrupted, match="interrupted before it was answered"):
        door.select("droplet_actions", droplet_id=1)


def test_an_interrupt_before_anything_is_sent_sends_nothing(
    fleet: Simulator, door: Door
) -> None:
    """Whoever starts a thread first, and looks then, has sent something."""
    door.interrupted = True
    with pytest.raises(Interrupted, match="interrupted before anything was sent"):
        door.insert("droplet_actions", *({"droplet_id": n, "type": "reboot"} for n in (1, 2)))
    door.interrupted = False
    rows = door.select("dovtab_posts", outcome="refused")
    assert [row["error"] for row in rows] == [
        "interrupted before anything was sent: see dovtab_posts"
    ] * 2
    assert fleet.requests == []


def test_a_door_is_asked_to_run_a_statement_ahead(fleet: Simulator, door: Door) -> None:
    """From the second request on that nobody had predicted."""
    table = door.connect("droplet_actions")
    with door.statement("SELECT ... JOIN ...", reads=True):
        for id in (1, 2):
            idx_str = "GET /v2/droplets/{droplet_id}/actions ? droplet_id="
            list(table.open()(idx_str, [id]))
    assert door.ran_ahead == ["SELECT ... JOIN ..."]
