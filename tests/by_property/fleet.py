"""An account where Droplets come and go, and ordinary tables with the same rows.

``D`` is the table droplets. ``T`` and ``E`` are droplet_actions: ``T`` where every row is
found by its Droplet, and one that is gone has none, ``E`` where the account's list is read,
which has those rows too. What ordinary tables have to be asked in other words is written
``{{ours||theirs}}``.
"""

from __future__ import annotations

import re

from by_property.doors import Door, Rows
from by_property.whole_queries import COLUMNS, TYPES, compare
from dovtab.simulator import Rules, Simulator
from dovtab.simulator.clock import Clock, timestamp

ACTION = [name for name in COLUMNS if name not in ("region", "page", "per_page")]
DROPLET = ["id", "name", "status", "size_slug", "locked", "tags", "droplet_id"]
# Of each its name and tags; some are gone, and 15 had no action yet.
FLEET = {
    1: ("web-1", "web eu"),
    2: ("WEB-1", "web"),
    3: ("gpu-1", "web"),
    4: ("db-1", "db eu"),
    5: ("web-1", ""),
    6: ("queue", "db"),
    7: ("7", "7"),
    8: ("web-2", "web eu"),
    9: ("gpu-1", "eu"),
    10: ("db-2", "db"),
    11: ("web-1", "web"),
    12: ("old", "eu"),
    13: ("7", "web"),
    14: ("older", "db"),
    15: ("new", "web"),
}
GPUS, GONE = (3, 9), (11, 12, 13, 14)
ROUNDS, FIRST_SECOND, HOUR = 6, 1_790_000_000, 3600
INVENTORY = [
    *((n, f"number {n}", n) for n in range(1, 16)),
    ("5", "text", 1),
    (6.0, "real", 2),
    (None, "nobody", None),
    (99, "unknown", 98),
]


def account(clock: Clock | None = None, rules: Rules | None = None) -> Simulator:
    """One whose list has two pages; to be started."""
    rules = rules or Rules(minute_limit=None, hour_limit=None)
    simulator = Simulator(rules=rules, clock=clock)
    account = simulator.account
    for id, (name, tags) in FLEET.items():
        account.add_droplet(id, name, tags=tags.split(), gpu=id in GPUS)
    for i in range(ROUNDS):
        for n in range(1, 15):
            # They are a day apart, and not quite in the order of their ids.
            at = FIRST_SECOND + i * 24 * HOUR + n * HOUR - (n % 3) * 900
            status = "errored" if (i + n) % 5 == 3 else "completed"
            account.add_action(n, TYPES[(i + n) % 4], status, started_at=at)
            account.add_foreign_action("image", n, started_at=at + 1)
    for i in range(100):
        account.add_action(1, TYPES[i % 4], started_at=FIRST_SECOND + (144 + i) * HOUR)
    for n in GONE:
        account.add_action(n, "destroy", started_at=FIRST_SECOND + 250 * HOUR)
        account.droplets[n].destroyed = True
    return simulator


def prepare(door: Door, simulator: Simulator, *, rows: bool = True) -> None:
    """Make ``inventory`` and the ordinary tables, with the account's rows if they are wanted."""
    columns = ", ".join(ACTION)
    door.rows(f"CREATE TABLE ordinary AS SELECT {columns} FROM droplet_actions WHERE 0")
    door.rows(f"CREATE TABLE everything AS SELECT {columns} FROM droplet_actions WHERE 0")
    door.rows(f"CREATE TABLE fleet AS SELECT {', '.join(DROPLET)} FROM droplets WHERE 0")
    door.rows("CREATE TABLE tags(droplet_id INTEGER, tag TEXT)")
    door.rows("CREATE TABLE inventory(id, name TEXT, number INTEGER, since TEXT)")
    for id, name, number in INVENTORY:
        since = (None, *SINCES.values())[(number or 0) % (len(SINCES) + 1)]
        door.rows("INSERT INTO inventory VALUES (?, ?, ?, ?)", (id, name, number, since))
    for id, (_, tags) in FLEET.items():
        for tag in tags.split() if rows and id not in GONE else ():
            door.rows("INSERT INTO tags VALUES (?, ?)", (id, tag))
        if rows:
            door.rows(
                f"INSERT INTO fleet(rowid, {', '.join(DROPLET)})"
                f" SELECT id, {', '.join(DROPLET)} FROM droplets(?)",
                (id,),
            )
    for action in simulator.account.actions.values():
        if rows and action.resource_type == "droplet":
            door.rows(
                f"INSERT INTO everything(rowid, {columns})"
                f" SELECT id, {columns} FROM droplet_actions WHERE action_id = ?",
                (action.id,),
            )
    gone = ", ".join(map(str, GONE))
    door.rows(
        f"INSERT INTO ordinary(rowid, {columns})"
        f" SELECT rowid, {columns} FROM everything WHERE resource_id NOT IN ({gone})"
    )


def _times() -> dict[str, str | None]:
    at = {hours: timestamp(FIRST_SECOND + hours * HOUR) for hours in (33, 100, 245)}
    return {
        f"'{at[33]}'": at[33],
        f"'{at[100][:10]}'": f"{at[100][:10]}T00:00:00Z",
        str(FIRST_SECOND + 245 * HOUR): at[245],
        "'2000-01-01'": "2000-01-01T00:00:00Z",
        "'2100-01-01 10:00'": "2100-01-01T10:00:00Z",
        "NULL": None,
    }


# What since may be, and the same as the API writes times.
SINCES = _times()


OURS = {"T": "droplet_actions", "E": "droplet_actions", "D": "droplets"}
THEIRS = {"T": "ordinary", "E": "everything", "D": "fleet"}
ALL = {"a.*": ACTION, "d.*": DROPLET}


def over(sql: str, *, ours: bool) -> str:
    """The query over our tables, or over the ordinary ones."""
    sql = re.sub(r"\{\{(.*?)\|\|(.*?)\}\}", lambda found: found[1 if ours else 2], sql)
    for name, table in (OURS if ours else THEIRS).items():
        sql = sql.replace(f" {name} ", f" {table} ")
    for star, columns in ALL.items():
        sql = sql.replace(star, ", ".join(star[:2] + column for column in columns))
    return sql


def agree(door: Door, sql: str) -> None:
    """A query has the same rows over both."""

    def ordinary(sql: str) -> Rows:
        return door.rows(over(sql, ours=False))

    compare(sql, door.rows(over(sql, ours=True)), ordinary)
