"""The recipes of examples/ that act: each of their Droplets goes wrong in each step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.simulator import Fault, ManualClock, Rules, Simulator

EXAMPLES = Path(__file__).parents[1] / "examples"
TEAM = (1, 2, 3)
NEW_SIZE = "s-2vcpu-4gb"
Connect = Callable[..., apsw.Connection]

# Of a POST, or of the polls after it; the action itself can end errored, too.
FAULTS = {
    "is refused": Fault(kind="status", status=422, method="POST"),
    "never arrives": Fault(kind="close", method="POST"),
    "loses its answer": Fault(kind="lost_after_effect", method="POST"),
    "cannot be polled": Fault(kind="status", status=500, method="GET", times=16),
    "must not be polled": Fault(kind="status", status=403, method="GET", times=1),
}
WAYS = [*FAULTS, "ends errored"]
# What of these leaves the Droplet as it was.
WITHOUT_EFFECT = ("is refused", "never arrives", "ends errored")


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def simulator(clock: ManualClock, rules: Rules) -> Iterator[Simulator]:
    with Simulator(clock=clock, rules=rules) as running:
        for id in TEAM:
            running.account.add_droplet(droplet_id=id, size="s-1vcpu-2gb")
        yield running


@pytest.fixture
def db(connect: Connect) -> apsw.Connection:
    db = connect(max_actions=25)
    db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
    rows = [(id, f"web-{id:02}", "storefront") for id in TEAM]
    db.executemany("INSERT INTO inventory VALUES (?, ?, ?)", rows)
    return db


def read(db: apsw.Connection, example: str) -> dict[tuple[int, str], str]:
    """What .read does; gives what each action came to, by Droplet and type."""
    rows: list[tuple[Any, ...]] = []
    statement = ""
    for line in (EXAMPLES / example).read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if apsw.complete(statement):
            with contextlib.suppress(dovtab.DovtabError):
                rows = list(db.execute(statement))
            statement = ""
    assert statement.strip() == ""
    return {(droplet, type): came_to for droplet, type, came_to, _ in rows}


def goes_wrong(simulator: Simulator, droplet: int, step: int, way: str) -> None:
    """Let the n-th action that is asked for on a Droplet go wrong."""
    path = f"/v2/droplets/{droplet}/actions"
    if way in FAULTS and FAULTS[way].method == "POST":
        simulator.fault(replace(FAULTS[way], path=f"{path}$", skip=step))
        return

    def arm(answer: Any) -> Any:
        if way in FAULTS:
            simulator.fault(replace(FAULTS[way], path=f"{path}/"))
        else:
            simulator.account.fail_next(droplet)
        return answer

    if step == 0 and way not in FAULTS:
        arm(None)
    else:
        # What goes before it is answered well, and then it is its turn.
        skip = step if way in FAULTS else step - 1
        simulator.fault(
            Fault(kind="answer", method="POST", path=f"{path}$", skip=skip, mutate=arm)
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", [0, 1, 2], ids=["power_off", "resize", "power_on"])
@pytest.mark.parametrize("droplet", TEAM)
def test_no_machine_stays_off_when_a_team_is_resized(
    simulator: Simulator, db: apsw.Connection, droplet: int, step: int, way: str
) -> None:
    goes_wrong(simulator, droplet, step, way)
    came_to = read(db, "resize_team.sql")
    simulator.clock.advance(100)
    droplets = simulator.account.droplets
    assert {droplets[id].size for id in TEAM if id != droplet} == {NEW_SIZE}
    stays_off = step == 2 and way in WITHOUT_EFFECT
    assert [id for id in TEAM if droplets[id].status != "active"] == [droplet] * stays_off
    if stays_off:
        # It cannot be helped, but it is told.
        assert came_to[droplet, "power_on"] in ("refused", "unknown", "errored")
    went_well = {came_to[id, "power_on"] for id in TEAM if id != droplet}
    assert went_well == {"completed"}


@pytest.mark.parametrize(
    "rules", [Rules(), Rules(shutdown_ignored=True)], ids=["listens", "ignores"]
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("droplet", TEAM)
def test_all_of_a_team_are_off_whatever_becomes_of_the_shutdown(
    simulator: Simulator, db: apsw.Connection, droplet: int, way: str
) -> None:
    goes_wrong(simulator, droplet, 0, way)
    read(db, "shut_down_team.sql")
    simulator.clock.advance(100)
    assert {simulator.account.droplets[id].status for id in TEAM} == {"off"}


@pytest.mark.parametrize("rules", [Rules(shutdown_ignored=True)])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("droplet", TEAM)
def test_one_that_cannot_be_powered_off_keeps_no_other_on_and_is_told(
    simulator: Simulator, db: apsw.Connection, droplet: int, way: str
) -> None:
    goes_wrong(simulator, droplet, 1, way)
    came_to = read(db, "shut_down_team.sql")
    simulator.clock.advance(100)
    left_on = way in WITHOUT_EFFECT
    droplets = simulator.account.droplets
    assert [id for id in TEAM if droplets[id].status != "off"] == [droplet] * left_on
    if left_on:
        assert came_to[droplet, "power_off"] in ("refused", "unknown", "errored")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("droplet", TEAM)
def test_one_snapshot_that_fails_keeps_no_other_from_its_own(
    simulator: Simulator, db: apsw.Connection, droplet: int, way: str
) -> None:
    goes_wrong(simulator, droplet, 0, way)
    statements = (EXAMPLES / "snapshot_once.sql").read_text(encoding="utf-8")
    with contextlib.suppress(dovtab.DovtabError):
        list(db.execute(statements))
    simulator.clock.advance(1000)
    made = [
        a.resource_id for a in simulator.account.actions.values() if a.status == "completed"
    ]
    failed = way in WITHOUT_EFFECT
    assert sorted(made) == [id for id in TEAM if id != droplet or not failed]
    rows = "SELECT droplet_id, outcome FROM dovtab_posts ORDER BY 1"
    outcome = {
        "is refused": "refused",
        "never arrives": "unknown",
        "loses its answer": "inferred",
    }
    assert list(db.execute(rows)) == [
        (id, outcome.get(way, "sent") if id == droplet else "sent") for id in TEAM
    ]
