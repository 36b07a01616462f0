"""A statement that may stop early asks for twice as much as it needs at most, whoever filters."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

from dovtab.simulator import Simulator

FROM = "FROM droplet_actions WHERE droplet_id = 1"
ALL = 11


@pytest.mark.parametrize(
    ("query", "rows", "requests"),
    [
        # One in five is a snapshot: 400 actions have to be read for 80.
        (f"SELECT id {FROM} AND type = 'snapshot' LIMIT 80", 80, 2),
        (f"SELECT id {FROM} AND type LIKE 'snap%' LIMIT 70 OFFSET 10", 70, 2),
        (f"SELECT id {FROM} AND type = 'snapshot' LIMIT 1", 1, 1),
        (f"SELECT id {FROM} AND type = 'snapshot' LIMIT 200", 200, 8),
        (f"SELECT id {FROM} AND type = 'nothing' LIMIT 1", 0, ALL),
        (f"SELECT 1 WHERE EXISTS (SELECT 1 {FROM} AND type = 'snapshot')", 1, 1),
        (f"SELECT 1 WHERE NOT EXISTS (SELECT 1 {FROM} AND type = 'nothing')", 1, ALL),
        (f"SELECT (SELECT id {FROM} AND type = 'snapshot')", 1, 1),
        # SQLite needs all of it, or does not say that it does not.
        (f"SELECT id {FROM} AND type = 'snapshot' ORDER BY id LIMIT 80", 80, ALL),
        (f"SELECT id {FROM} AND type = 'snapshot' LIMIT -1", 410, ALL),
        (f"SELECT DISTINCT type {FROM} LIMIT 2", 2, ALL),
        # And where nothing is left to filter the number itself is used.
        (f"SELECT id {FROM} LIMIT 80", 80, 1),
        (f"SELECT id {FROM} LIMIT 300", 300, 2),
    ],
)
def test_so_many_requests_are_enough(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    query: str,
    rows: int,
    requests: int,
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    for n in range(2_050):
        simulator.account.add_action(1, id=1000 + n, type="reboot" if n % 5 else "snapshot")
    assert len(list(connect().execute(query))) == rows
    assert len(simulator.requests) <= requests
    if requests <= 2:
        assert len(simulator.requests) == requests
