"""Each request is counted for the statement that makes it."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator


def test_a_statement_that_begins_with_a_comment_has_requests_of_its_own(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    db = connect(max_requests=1)
    for _ in range(4):
        list(db.execute("-- every row\nSELECT id FROM droplet_actions(1)"))


def test_a_function_s_requests_are_its_statement_s(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """Also while other statements come and go between its rows."""
    for id in range(1, 7):
        simulator.account.add_droplet(droplet_id=id)
    db = connect(max_requests=3)
    rows = db.execute(
        "WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 6)"
        " SELECT droplet_actions_post(n, 'reboot') FROM c"
    )
    for _ in range(3):
        next(rows)
        assert db.execute("SELECT 1").get == 1
    with pytest.raises(dovtab.TooManyRequestsError):
        next(rows)
    assert len(simulator.requests) == 3
