"""A history of the simulator's account, in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import apsw
import pytest

from dovtab.api.settings import resolve
from dovtab.hosts import history
from dovtab.hosts.history import Refreshed
from dovtab.simulator import Simulator
from shared_clock import SharedClock

COLUMNS = "id, resource_id, completed_at, region_slug, resource_type, started_at, status, type"


class History:
    """A file, and what refreshes it; nobody waits for real."""

    def __init__(self, path: Path, simulator: Simulator, clock: SharedClock) -> None:
        self.path = path
        self.simulator = simulator
        self._clock = clock

    def refresh(
        self, *, account: str | None = None, full: bool = False, **settings: Any
    ) -> Refreshed:
        given = {"token": self.simulator.token, "api_url": self.simulator.url} | settings
        return history.refresh(
            str(self.path),
            resolve(given, os.getenv),
            account=account,
            full=full,
            clock=self._clock,
        )

    def requests(self, refresh: Callable[[], object]) -> list[str]:
        """What a refresh asks for."""
        before = len(self.simulator.requests)
        refresh()
        asked = self.simulator.requests[before:]
        return [f"{r.path}?{urlencode(r.query)}" if r.query else r.path for r in asked]

    def query(self, sql: str, *values: Any) -> list[Any]:
        db = apsw.Connection(str(self.path))
        try:
            return list(db.execute(sql, values))
        finally:
            db.close()

    def rows(self, account: str = "default") -> list[Any]:
        sql = f"SELECT {COLUMNS} FROM droplet_actions_history WHERE account = ? ORDER BY id"
        return self.query(sql, account)

    @property
    def is_whole(self) -> bool:
        return bool(self.query("SELECT is_whole FROM dovtab_history")[0][0])

    def truth(self) -> list[Any]:
        """What the rows have to be."""
        actions = sorted(self.simulator.account.actions.values(), key=lambda a: a.id)
        return [
            tuple(getattr(a, name) for name in COLUMNS.split(", "))
            for a in actions
            if a.resource_type == "droplet"
        ]


@pytest.fixture
def kept(simulator: Simulator, shared_clock: SharedClock, tmp_path: Path) -> History:
    return History(tmp_path / "history.db", simulator, shared_clock)
