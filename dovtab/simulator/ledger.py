"""Every action there ever was, by id and by Droplet, kept in the order of ids.

Lists are read by position, so a page costs the same however long the history.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from operator import attrgetter

from dovtab.simulator.model import Action

FIRST_ACTION_ID = 2_300_000_000  # real ones passed 2**31 in 2023


class Ledger:
    """Actions only come, they never go: completed ones stay listed for ever."""

    def __init__(self) -> None:
        self.by_id: dict[int, Action] = {}
        self._all: list[Action] = []
        self._of: dict[int, list[Action]] = {}

    def next_id(self) -> int:
        """One more than the largest."""
        return self._all[-1].id + 1 if self._all else FIRST_ACTION_ID

    def add(self, action: Action) -> None:
        """
        Raises:
            ValueError: there is an action with this id.
        """
        if action.id in self.by_id:
            raise ValueError(f"there is an action {action.id} already")
        self.by_id[action.id] = action
        _insert(self._all, action)
        if action.resource_type == "droplet" and action.resource_id is not None:
            _insert(self._of.setdefault(action.resource_id, []), action)

    def rows(self, droplet_id: int | None = None) -> Sequence[Action]:
        """A Droplet's actions, or all of the account's, by id."""
        return self._all if droplet_id is None else self._of.get(droplet_id, ())


def _insert(rows: list[Action], action: Action) -> None:
    if rows and action.id < rows[-1].id:
        insort(rows, action, key=attrgetter("id"))
    else:
        rows.append(action)
