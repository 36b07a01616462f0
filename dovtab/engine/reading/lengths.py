"""How long the lists of an account were when somebody last looked.

Good for an hour, and only to decide what to ask: no row depends on it.
"""

from __future__ import annotations

import sys

REMEMBERED_SECONDS = 3600.0
# What cannot be read is too long for anybody.
UNREADABLE = sys.maxsize


class Lengths:
    """By the name of the table."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float]] = {}

    def find(self, table: str, now: float) -> int | None:
        """How many rows it had; None: nobody knows."""
        rows, at = self._known.get(table, (0, -REMEMBERED_SECONDS))
        return rows if table in self._known and now - at < REMEMBERED_SECONDS else None

    def keep(self, table: str, rows: int | None, now: float) -> None:
        """It has so many; None: it cannot be read."""
        self._known[table] = (UNREADABLE if rows is None else rows), now
