"""A query that asks for little does not wait until one that asks for much has ended."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

from dovtab.api.quota import MINUTE_REQUESTS
from dovtab.engine.account import LONG_REQUESTS, PLACES_FOR_SHORT
from dovtab.simulator import Simulator
from shared_clock import SharedClock

pytestmark = pytest.mark.usefixtures("one_by_one")

COUNT = 300


def test_a_long_statement_leaves_places_of_the_minute(
    simulator: Simulator, shared_clock: SharedClock, connect: Callable[..., apsw.Connection]
) -> None:
    for id in range(1, COUNT + 1):
        simulator.account.add_droplet(droplet_id=id)
        simulator.account.add_action(id)
    long, short = connect(concurrency=1), connect()
    # Whoever has asked before is known to be there.
    assert short.execute("SELECT count(*) FROM droplet_actions WHERE droplet_id = 1").get == 1
    ids = ", ".join(map(str, range(1, COUNT + 1)))
    rows = long.execute(f"SELECT id FROM droplet_actions WHERE droplet_id IN ({ids})")
    for _ in range(MINUTE_REQUESTS - PLACES_FOR_SHORT - 1):
        next(rows)
    assert shared_clock.waits == []
    for id in range(1, PLACES_FOR_SHORT + 1):
        query = f"SELECT count(*) FROM droplet_actions WHERE droplet_id = {id}"
        assert short.execute(query).get == 1
    assert shared_clock.waits == []
    assert len(list(rows)) == COUNT - MINUTE_REQUESTS + PLACES_FOR_SHORT + 1
    assert shared_clock.waits
    assert LONG_REQUESTS < MINUTE_REQUESTS - PLACES_FOR_SHORT
