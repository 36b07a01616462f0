"""What is asked: the SQL, and what somebody without SQL would have to fetch for it.

The SQL is the same for everybody who speaks it, so it names the Droplet by
``resource_id``: shillelagh has no hidden columns.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.server import (
    ACTIONS_OF_EACH,
    ACTIONS_PER_ID,
    FIRST_DROPLET,
    IDS_PER_DROPLET,
)

PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class Question:
    """One of the benchmark's questions.

    Attributes:
        droplets: whose actions; none: the account's. In a join, the inventory.
        action: that one only.
        rows: of the answer.
        requests: the fewest that can answer it.
    """

    name: str
    sql: str
    rows: int
    requests: int
    bindings: tuple[int, ...] = ()
    droplets: tuple[int, ...] = ()
    action: int | None = None


def get() -> Question:
    """An action by its Droplet and id."""
    (droplet,) = fleet(1)
    action = droplet * IDS_PER_DROPLET
    sql = "SELECT * FROM droplet_actions WHERE resource_id = ? AND id = ?"
    return Question("one action by id", sql, 1, 1, (droplet, action), (droplet,), action)


def list_of(actions: int) -> Question:
    """The list of a Droplet that has so many."""
    droplet = actions * ACTIONS_PER_ID + 1
    sql = "SELECT * FROM droplet_actions WHERE resource_id = ?"
    name = f"{actions:,} actions of one Droplet"
    return Question(name, sql, actions, pages(actions), (droplet,), (droplet,))


def set_of(droplets: int) -> Question:
    ids = fleet(droplets)
    marks = ", ".join("?" * droplets)
    sql = f"SELECT * FROM droplet_actions WHERE resource_id IN ({marks})"
    rows = ACTIONS_OF_EACH * droplets
    return Question(f"IN ({droplets} Droplets)", sql, rows, droplets, ids, ids)


def join_with(droplets: int) -> Question:
    sql = "SELECT a.* FROM inventory AS i JOIN droplet_actions AS a ON a.resource_id = i.id"
    name, rows = f"JOIN with {droplets:,} Droplets", ACTIONS_OF_EACH * droplets
    return Question(name, sql, rows, droplets, droplets=fleet(droplets))


def account_of(actions: int) -> Question:
    """Everything; the URL decides how much that is."""
    sql = "SELECT * FROM droplet_actions"
    return Question(f"the account's {actions:,} actions", sql, actions, pages(actions))


def questions(scale: float = 1.0) -> list[Question]:
    """All of them, at this part of their size."""
    return [
        get(),
        list_of(round(2_050 * scale)),
        set_of(round(20 * scale)),
        join_with(round(100 * scale)),
        join_with(round(1_000 * scale)),
        account_of(account_actions(scale)),
    ]


def account_actions(scale: float = 1.0) -> int:
    return round(20_000 * scale)


def fleet(droplets: int) -> tuple[int, ...]:
    return tuple(range(FIRST_DROPLET, FIRST_DROPLET + droplets))


def pages(actions: int) -> int:
    return -(-actions // PER_PAGE)
