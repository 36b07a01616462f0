"""Every action there ever was, by id and by Droplet, kept in the order of ids.

Lists are read by position, so a page costs the same however long the history.
For the same reason an action that lists do not show yet is not in them at all:
it takes its place when it is shown.
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
        self._largest: int | None = None

    def next_id(self) -> int:
        """One more than the largest, whether or not lists show that."""
        return FIRST_ACTION_ID if self._largest is None else self._largest + 1

    def add(self, action: Action, *, listed: bool = True) -> None:
        """Keep an action; one that is not listed has to be shown later.

        Raises:
            ValueError: there is an action with this id.
        """
        if action.id in self.by_id:
            raise ValueError(f"there is an action {action.id} already")
        self.by_id[action.id] = action
        self._largest = action.id if self._largest is None else max(self._largest, action.id)
        if listed:
            self.show(action)

    def show(self, action: Action) -> None:
        """Put an action that was kept into the lists."""
        _insert(self._all, action)
        if action.resource_type == "droplet" and action.resource_id is not None:
            _insert(self._of.setdefault(action.resource_id, []), action)

    def rows(self, droplet_id: int | None = None) -> Sequence[Action]:
        """A Droplet's actions, or all of the account's, by id, as far as they are shown."""
        return self._all if droplet_id is None else self._of.get(droplet_id, ())


def _insert(rows: list[Action], action: Action) -> None:
    if rows and action.id < rows[-1].id:
        insort(rows, action, key=attrgetter("id"))
    else:
        rows.append(action)
