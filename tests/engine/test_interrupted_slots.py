"""Whoever is interrupted between the quota and the request gives his place back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw
import pytest

from dovtab.engine.reading.cache import Cache
from dovtab.simulator import Simulator


def test_control_c_after_the_quota_and_before_the_request_loses_no_slot(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    db, join, looks = connect(), Cache.join, []

    def interrupted(cache: Cache, *given: Any) -> Any:
        looks.append(given)
        # The second look is the one after the quota.
        if len(looks) == 2:
            raise KeyboardInterrupt
        return join(cache, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(db.execute("SELECT * FROM droplet_actions(1)"))
    assert simulator.requests == []
    assert [used for (used,) in db.execute("SELECT used FROM dovtab_quota")] == [0, 0]
