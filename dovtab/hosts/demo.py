"""The simulated account behind ``--demo``: a fleet to look at, and to reboot.

It runs in this process, on the loopback, and ends with it.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw

from dovtab.simulator import Simulator, inventory

DROPLETS, ACTIONS_EACH = 10, 8


class Demo:
    """A running simulator, what to tell dovtab of it, and its inventory."""

    def __init__(self, closing: ExitStack) -> None:
        self._closing = closing
        self._simulator = closing.enter_context(Simulator())
        self._simulator.account.populate(droplets=DROPLETS, actions=ACTIONS_EACH)

    def settings(self) -> dict[str, Any]:
        """The settings that point dovtab at this account."""
        folder = Path(self._closing.enter_context(TemporaryDirectory()))
        return {
            "token": self._simulator.token,
            # No other account's token has any business here.
            "all_contexts": False,
            "api_url": self._simulator.url,
            # What never happened has no place in the log of what did.
            "log": str(folder / "actions.db"),
            "quota_folder": str(folder / "quota"),
        }

    def add_inventory(self, connection: apsw.Connection) -> None:
        """Make the local table to join with, unless there is one.

        It is a temporary one, so that no file is changed by a demonstration.
        """
        if connection.table_exists(None, "inventory"):
            return
        connection.execute(
            "CREATE TEMP TABLE inventory(droplet_id INTEGER PRIMARY KEY, name TEXT, team TEXT)"
        )
        connection.executemany(
            "INSERT INTO temp.inventory VALUES (?, ?, ?)", inventory(self._simulator.account)
        )
