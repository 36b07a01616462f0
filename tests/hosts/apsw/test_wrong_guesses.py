"""A guess that was wrong costs little: neither the minute nor many requests."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

from dovtab.simulator import Simulator
from shared_clock import SharedClock

OWN = "(SELECT type FROM droplet_actions a WHERE a.droplet_id = i.id LIMIT 1)"
BACKUP = "(SELECT type FROM droplet_actions a WHERE a.droplet_id = i.backup LIMIT 1)"
SET = "SELECT i.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id AND a.droplet_id IN (SELECT id FROM inventory)"


@pytest.mark.parametrize(
    ("query", "rows", "settings", "most"),
    [
        # Needed are 230, 100, 20, 60, 60, 10 and 230.
        (f"SELECT coalesce({OWN}, {BACKUP}) FROM inventory i", 230, {}, 250),
        (f"SELECT CASE WHEN EXISTS {OWN} THEN 1 ELSE {BACKUP} END FROM inventory i WHERE id <= 100", 100, {}, 120),
        (f"SELECT id FROM inventory i WHERE EXISTS {OWN} LIMIT 20", 20, {}, 50),
        (f"SELECT id FROM inventory i WHERE EXISTS {OWN} LIMIT 60", 60, {"concurrency": 64}, 110),
        (f"{SET.replace(' AND a.droplet_id IN (SELECT id FROM inventory)', '')} LIMIT 120",
         120, {"concurrency": 64}, 110),
        (f"{SET} WHERE i.team = 'b' AND i.id <= 100", 20, {}, 30),
        (SET, 460, {}, 230),
    ],
)  # fmt: skip
def test_few_requests_are_made_that_nobody_wants(
    simulator: Simulator,
    shared_clock: SharedClock,
    connect: Callable[..., apsw.Connection],
    query: str,
    rows: int,
    settings: dict[str, int],
    most: int,
) -> None:
    simulator.latency = 0.003
    for id in range(1, 231):
        simulator.account.add_droplet(droplet_id=id)
        for n in range(2):
            simulator.account.add_action(id, id=1000 * id + n)
    db = connect(**settings)
    db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY, backup, team)")
    db.executemany(
        "INSERT INTO inventory VALUES (?, ?, ?)",
        [(id, 10_000 + id, "a" if id % 10 else "b") for id in range(1, 231)],
    )
    assert len(list(db.execute(query))) == rows
    assert len(simulator.requests) <= most
    assert not [seconds for seconds in shared_clock.waits if seconds > 1]
