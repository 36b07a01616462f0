"""Random queries that use pages, which give what they mean or are refused.

``ordinary2`` and ``ordinary3`` know of each row the page of its Droplet's list.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from by_property.doors import Door
from dovtab.simulator import Rules, Simulator
from dovtab.simulator.clock import Clock

SIZES = (2, 3)


def account(clock: Clock | None = None) -> Simulator:
    """One with four Droplets; to be started."""
    simulator = Simulator(clock=clock, rules=Rules(minute_limit=None, hour_limit=None))
    for droplet, count in ((1, 7), (2, 3), (3, 1), (4, 0)):
        simulator.account.add_droplet(droplet_id=droplet)
        for n in range(count):
            simulator.account.add_action(droplet, ("reboot", "backup")[n % 2])
    return simulator


def prepare(door: Door, simulator: Simulator) -> None:
    """Make ``inventory``, and the ordinary tables with the account's rows."""
    door.rows("CREATE TABLE inventory(d INTEGER)")
    door.rows("INSERT INTO inventory VALUES (1), (2), (3), (3), (9), (NULL)")
    actions = list(simulator.account.actions.values())
    counts = Counter(action.resource_id for action in actions)
    for size in SIZES:
        door.rows(
            f"CREATE TABLE ordinary{size}(id INTEGER, droplet_id INTEGER, type TEXT,"
            " page INTEGER, per_page INTEGER)"
        )
        older: Counter[int | None] = Counter()
        for action in actions:
            droplet = action.resource_id
            older[droplet] += 1
            page = (counts[droplet] - older[droplet]) // size + 1  # Newest first.
            door.rows(
                f"INSERT INTO ordinary{size} VALUES (?, ?, ?, ?, ?)",
                (action.id, droplet, action.type, page, size),
            )


pages = st.sampled_from(
    ["a.page = 1", "a.page = 2", "a.page < 3", "a.page IN (1, 3)", "+a.page = 1"]
)
terms = st.one_of(
    pages,
    st.sampled_from(["a.droplet_id = 1", "a.droplet_id IN (1, 2, 9)", "a.droplet_id > 1"]),
    st.sampled_from(["a.droplet_id = i.d", "i.d = a.droplet_id", "i.d < 3", "a.type = 'reboot'"]),
    st.builds("({} AND a.droplet_id = 1 OR a.droplet_id = 2 AND {})".format, pages, pages),
    st.builds("({} OR a.type = 'backup')".format, pages),
)  # fmt: skip
ons = st.lists(terms, max_size=3)
joins = st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])


def query(
    join: str, swapped: bool, on: list[str], where: list[str], size: int, sized_in_on: bool
) -> tuple[str, str]:
    """A query over ``@``, and the ordinary table that has pages of its size."""
    sized = [f"a.per_page = {size}"]
    first, second = ("@ a", "inventory i") if swapped else ("inventory i", "@ a")
    sql = (
        f"SELECT a.id, a.page, i.d FROM {first} {join} {second}"
        f" ON {' AND '.join([*on, 'a.droplet_id IS NOT NULL', *(sized if sized_in_on else [])])}"
        f" WHERE {' AND '.join([*where, '1', *([] if sized_in_on else sized)])}"
    )
    return sql, f"ordinary{size}"


queries = st.builds(
    query, joins, st.booleans(), ons, ons, st.sampled_from(SIZES), st.booleans()
)


def agree(door: Door, asked: tuple[str, str], refusal: type[Exception]) -> Exception | None:
    """It gives what it means, or is refused; why."""
    sql, ordinary = asked
    expected = Counter(door.rows(sql.replace("@", ordinary)))
    try:
        found = Counter(door.rows(sql.replace("@", "droplet_actions")))
    except refusal as refused:
        return refused
    assert found == expected, sql
    return None
