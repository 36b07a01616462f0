"""What the tests ask of a door, and the one through apsw in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import apsw

Parameters = Sequence[Any] | Mapping[str, Any] | None
Rows = list[tuple[Any, ...]]


class Door(Protocol):
    """One connection of a program's."""

    def rows(self, sql: str, parameters: Parameters = None) -> Rows:
        """Run one statement to its end."""

    def close(self) -> None:
        """Close it."""


class ApswDoor:
    """A connection of apsw's."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db

    def rows(self, sql: str, parameters: Parameters = None) -> Rows:
        """Run one statement to its end."""
        return list(self.db.execute(sql, parameters))

    def close(self) -> None:
        """Close it."""
        self.db.close(True)
