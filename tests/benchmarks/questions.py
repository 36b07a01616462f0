"""What is asked: the SQL, and what somebody without SQL would have to fetch for it.

The SQL is the same for everybody who speaks it, so it names the Droplet by
``resource_id``: shillelagh has no hidden columns. Only where dovtab is asked with
``since``, which nobody else has, the others are asked with ``started_at``.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.account import Account, started

PER_PAGE = 200
# How many actions a Droplet has, if nothing else is said.
EACH = 20
# Of the account, so many actions are those of the last days.
RECENT = 0.03
WANTED_TYPE = "snapshot"
# Up to so many Droplets are asked for side by side, and nobody looks for less.
CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Question:
    """One of the benchmark's questions.

    Attributes:
        sql: what dovtab is asked.
        account: of which shape.
        rows: of the answer.
        one_by_one: requests of whoever reads the list of each Droplet that is sought.
        most: requests that dovtab may make.
        droplets: whose actions; none: the account's. In a join, the inventory.
        action: that one only.
        since: nothing older.
        limit: so many of `WANTED_TYPE`.
        others_sql: what those are asked who do not have its words; None: the same.
        is_of_many: it seeks many Droplets, so there are two ways to its rows.
    """

    name: str
    sql: str
    account: Account
    rows: int
    one_by_one: int
    most: int
    bindings: tuple[int | str, ...] = ()
    droplets: tuple[int, ...] = ()
    action: int | None = None
    since: str | None = None
    limit: int | None = None
    others_sql: str | None = None
    is_of_many: bool = False


def get() -> Question:
    """An action by its Droplet and id; it has ended, so a cache keeps it."""
    return _one(Account(1, EACH), number=EACH - 1)


def warm_up(account: Account) -> Question:
    """An account's newest action, which opens a connection; nothing else asks for it alone."""
    return _one(account, number=0)


def _one(account: Account, number: int) -> Question:
    droplet = account.fleet[0]
    action = account.action(droplet, number)
    sql = "SELECT * FROM droplet_actions WHERE resource_id = ? AND id = ?"
    return Question(
        "one action by id", sql, account, 1, 1, 1, (droplet, action), (droplet,), action
    )


def list_of(actions: int) -> Question:
    """The list of a Droplet that has so many."""
    account = Account(1, actions)
    sql = "SELECT * FROM droplet_actions WHERE resource_id = ?"
    name, needed = f"{actions:,} actions of one Droplet", pages(actions)
    return Question(name, sql, account, actions, needed, needed, account.fleet, account.fleet)


def first_of(actions: int, limit: int) -> Question:
    """So many of a type, which every fifth has."""
    account = Account(1, actions)
    sql = f"SELECT * FROM droplet_actions WHERE resource_id = ? AND type = ? LIMIT {limit}"
    return Question(
        f"type = '{WANTED_TYPE}' LIMIT {limit}",
        sql,
        account,
        limit,
        pages(5 * limit),
        2 * pages(5 * limit),
        (*account.fleet, WANTED_TYPE),
        account.fleet,
        limit=limit,
    )


def set_of(droplets: int, each: int = EACH) -> Question:
    account = Account(droplets, each)
    ids, marks = account.fleet, ", ".join("?" * droplets)
    return Question(
        f"IN ({droplets:,} Droplets)",
        f"SELECT * FROM droplet_actions WHERE resource_id IN ({marks})",
        account,
        account.of_droplets,
        droplets * pages(each),
        fewest(account),
        ids,
        ids,
        is_of_many=True,
    )


def join_with(droplets: int, each: int = EACH, of_images: int = 0) -> Question:
    account = Account(droplets, each, of_images)
    name = f"JOIN with {droplets:,} Droplets"
    return Question(
        f"{name}, {account.total:,} actions" if of_images else name,
        "SELECT a.* FROM inventory AS i JOIN droplet_actions AS a ON a.resource_id = i.id",
        account,
        account.of_droplets,
        droplets * pages(each),
        # One list is asked for before it is seen that others follow; and whether the
        # account's list is long, takes a look at its first page.
        fewest(account) + (droplets > CONCURRENCY),
        droplets=account.fleet,
        is_of_many=True,
    )


def account_of(actions: int) -> Question:
    """Everything."""
    account, needed = Account(actions // EACH, EACH), pages(actions)
    sql = "SELECT * FROM droplet_actions"
    return Question(f"the account's {actions:,} actions", sql, account, actions, needed, needed)


def recent(actions: int, *, by_droplet: bool = False) -> Question:
    """The newest few of an account, or those of them that all its Droplets have."""
    account = Account(actions // EACH, EACH)
    rows = round(actions * RECENT)
    since = f"{started(rows - 1):%Y-%m-%dT%H:%M:%SZ}"
    sql, name = "SELECT * FROM droplet_actions WHERE since = ?", f"since: the last {rows:,}"
    # The pages that have them, and one that is older; two more may be guessed.
    one_by_one = few = pages(rows) + 1
    if by_droplet:
        marks = ", ".join("?" * account.droplets)
        sql += f" AND resource_id IN ({marks})"
        name += f", IN ({account.droplets:,} Droplets)"
        one_by_one, few = account.droplets, few + 1 + pages(account.droplets)
    else:
        name += f" of {actions:,} actions"
    ids = account.fleet if by_droplet else ()
    return Question(
        name,
        sql,
        account,
        rows,
        one_by_one,
        few + 2,
        (since, *ids),
        ids,
        since=since,
        others_sql=sql.replace("since =", "started_at >="),
        is_of_many=by_droplet,
    )


def questions(scale: float = 1.0) -> list[Question]:
    """All of them, at this part of their size."""
    actions = account_actions(scale)
    return [
        get(),
        list_of(round(2_050 * scale)),
        first_of(round(2_050 * scale), round(80 * scale)),
        set_of(round(20 * scale), 3),
        join_with(round(100 * scale), 3),
        join_with(20, 3, round(200_000 * scale) - 60),
        join_with(round(1_000 * scale)),
        set_of(round(1_000 * scale)),
        account_of(actions),
        recent(actions),
        recent(actions, by_droplet=True),
    ]


def account_actions(scale: float = 1.0) -> int:
    return round(20_000 * scale)


def fewest(account: Account) -> int:
    """Requests for the actions of all its Droplets: by the account's list, or one by one.

    The account's list takes that of who is there, and one Droplet's own to compare with.
    """
    covering = pages(account.total) + pages(account.droplets) + 1
    one_by_one = account.droplets * pages(account.each)
    return min(covering, one_by_one) if account.droplets > CONCURRENCY else one_by_one


def pages(rows: int) -> int:
    return max(1, -(-rows // PER_PAGE))
