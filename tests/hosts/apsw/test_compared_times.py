"""A time compares with text as the API writes it; what sorts wrongly beside it is refused."""

from __future__ import annotations

from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.simulator import ManualClock, Simulator

Connect = Callable[..., apsw.Connection]
HOUR = 3600.0
# The clock's, which stands at 2026-11-18T11:06:40Z.
NOW, BEFORE = "'2026-11-18T11:06:40Z'", "'2026-11-18T00:00:00Z'"
# What datetime('now', '-12 hours') gives then: a blank comes before T.
BLANK = "'2026-11-17 23:06:40'"
LATER = "'2026-11-18 00:00:00'"


@pytest.fixture
def day(simulator: Simulator, clock: ManualClock) -> Simulator:
    """Two Droplets with an action an hour, of the last 36 hours."""
    for droplet in (1, 2):
        simulator.account.add_droplet(droplet)
        for n in range(36):
            simulator.account.add_action(droplet, started_at=clock.time() - n * HOUR)
    return simulator


HANDED_OVER = [
    f"a.started_at > {BLANK}",
    f"a.started_at >= {BLANK} AND a.droplet_id = 1",
    f"a.started_at < {BLANK} AND a.droplet_id IN (1, 2)",
    f"a.started_at <= {BLANK} AND a.id = 2300000000",
    f"a.started_at = {BLANK}",
    f"a.started_at == datetime({NOW}, '-12 hours')",
    f"a.started_at IS {BLANK}",
    f"a.started_at <> {BLANK}",
    f"a.started_at IS NOT {BLANK}",
    f"{BLANK} < a.started_at",
    f"a.started_at BETWEEN {BLANK} AND {NOW}",
    f"a.started_at BETWEEN '2026-11-17' AND datetime({NOW})",
    f"a.started_at IN ({NOW}, {BLANK})",
    f"a.started_at IN (SELECT datetime({NOW}) UNION SELECT NULL)",
    f"a.started_at = {NOW} OR a.started_at = {BLANK}",
    f"(a.started_at, a.id) > ({BLANK}, 7)",
    f"(a.started_at, a.droplet_id) IN (VALUES ({NOW}, 1), ({BLANK}, 1))",
    f"a.started_at > {BLANK} COLLATE NOCASE",
    f"a.started_at > (SELECT {BLANK})",
    f"a.completed_at > {BLANK}",
    f"a.droplet_id = 1 AND a.started_at > {BLANK} OR a.droplet_id = 2 AND a.started_at > {BLANK}",
    f"a.droplet_id = NULL AND a.started_at > {BLANK}",
    f"a.started_at > unixepoch({NOW})",
    f"a.started_at > julianday({NOW})",
    f"a.started_at > strftime('%s', {NOW})",
    f"a.started_at > time({NOW}, '-1 hour')",
    "a.started_at > '-12 hours'",
    "a.started_at > CAST(2026 AS INTEGER)",
    "a.started_at > '2026-11-18T01:06:40+02:00'",
]


@pytest.mark.parametrize("term", HANDED_OVER)
def test_what_compares_wrongly_is_refused_before_anything_is_asked(
    day: Simulator, db: apsw.Connection, term: str
) -> None:
    with pytest.raises(dovtab.ArgumentError, match="does not compare with it: write strftime"):
        list(db.execute(f"SELECT a.id FROM droplet_actions a WHERE {term} LIMIT 1"))
    assert not day.requests


def test_it_says_what_to_write(day: Simulator, db: apsw.Connection) -> None:
    count = "SELECT count(*) FROM droplet_actions WHERE started_at > {}"
    with pytest.raises(dovtab.ArgumentError) as refused:
        list(db.execute(count.format(f"datetime({NOW}, '-12 hours')")))
    written = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-12 hours')"
    assert f"write {written}, or since = '-12 hours'" in str(refused.value)
    there = written.replace("'now'", NOW)
    assert db.execute(count.format(there)).get == 24
    assert (
        db.execute("SELECT count(*) FROM droplet_actions WHERE since = '-12 hours'").get == 26
    )


@pytest.mark.parametrize(
    ("term", "rows"),
    [
        (f"a.started_at > strftime('%Y-%m-%dT%H:%M:%SZ', {NOW}, '-12 hours')", 24),
        (f"a.started_at >= date({NOW})", 24),
        (f"a.started_at BETWEEN {BEFORE} AND {NOW}", 24),
        ("a.started_at > '2026-11-18T11'", 2),
        ("a.started_at >= '2026-11-18T11:06:40.5Z'", 2),
        ("a.started_at > '2026-11-18T11:06:41.5Z'", 0),
        ("a.started_at > NULL", 0),
        ("a.started_at IN ()", 0),
        ("a.started_at IS NOT NULL", 72),
        ("a.started_at LIKE '2026-11-18T%'", 24),
        ("a.started_at GLOB '2026-11-1*'", 72),
        ("a.started_at LIKE '2026-11-18 %'", 0),
        (f"a.started_at LIKE '%Z' AND a.started_at BETWEEN {BEFORE} AND {NOW}", 24),
        ("a.started_at < 'soon'", 72),
        (f"a.started_at IN ({NOW}, {BEFORE}, '2026')", 2),
        ("a.started_at <= a.completed_at", 72),
        (f"unixepoch(a.started_at) > unixepoch({BLANK}) AND 1", 24),
    ],
)
def test_what_compares_does(day: Simulator, db: apsw.Connection, term: str, rows: int) -> None:
    """And the last of them is right whatever the text."""
    count = f"SELECT count(*) FROM droplet_actions a WHERE {term}"
    assert db.execute(count).get == rows


@pytest.mark.parametrize(
    "query",
    [
        "droplet_actions a WHERE a.started_at > {} OR a.type = 'none'",
        "droplet_actions a WHERE NOT a.started_at <= {}",
        "droplet_actions a WHERE NOT a.started_at = {}",
        "droplet_actions a WHERE a.started_at NOT BETWEEN '2026' AND {}",
        "droplet_actions a WHERE a.started_at NOT IN ({})",
        "droplet_actions a WHERE +a.started_at > {}",
        "droplet_actions a WHERE a.started_at || '' > {}",
        "droplet_actions a WHERE substr(a.started_at, 1) > {}",
        "droplet_actions a WHERE CASE WHEN a.started_at > {} THEN 1 END",
        "droplet_actions a WHERE a.started_at > {} IS TRUE",
        "droplet_actions a GROUP BY a.id HAVING max(a.started_at) > {}",
        "own i LEFT JOIN droplet_actions a ON a.droplet_id = i.id WHERE a.started_at > {}",
        "droplet_actions a LEFT JOIN own i ON a.started_at > {}",
        "droplet_actions a CROSS JOIN own i WHERE a.started_at > i.at",
    ],
)
def test_what_sqlite_keeps_to_itself_is_not_seen(
    day: Simulator, db: apsw.Connection, query: str
) -> None:
    """The day of a SQLite that hands more over, README can promise more."""
    db.execute(f"CREATE TABLE own(id, at); INSERT INTO own VALUES (1, {LATER}), (2, {LATER})")
    assert list(db.execute(f"SELECT a.id FROM {query.format(LATER)}"))


@pytest.mark.parametrize(
    "on",
    ["a.droplet_id = i.id AND a.started_at > {}", "a.started_at > {} AND a.droplet_id = 1"],
)
def test_the_terms_of_a_left_join_are_seen(
    day: Simulator, db: apsw.Connection, on: str
) -> None:
    db.execute("CREATE TABLE own(id); INSERT INTO own VALUES (1), (2)")
    query = "SELECT i.id FROM own i LEFT JOIN droplet_actions a ON " + on
    assert len(list(db.execute(query.format(NOW)))) == 2
    with pytest.raises(dovtab.ArgumentError, match="does not compare"):
        list(db.execute(query.format(BLANK)))


A = "JOIN droplet_actions a ON a.droplet_id"
JOINED = [
    f"own i {A} = i.id AND a.started_at > i.at",
    f"own i JOIN own j USING (id) {A} = i.id WHERE a.started_at > j.at",
    f"own i {A} = i.id JOIN own j ON j.id = i.id WHERE a.started_at > j.at",
    f"droplets d JOIN own j USING (id) {A} = d.id WHERE a.started_at BETWEEN j.at AND '2027'",
    f"(SELECT max(at) AS at FROM own) m {A} = 1 WHERE a.started_at > m.at",
]


@pytest.mark.parametrize("joined", JOINED)
def test_a_time_of_a_table_that_can_come_first_is_seen(
    day: Simulator, db: apsw.Connection, joined: str
) -> None:
    """And what is asked for is the same as if nobody looked."""
    db.execute("CREATE TABLE own(id INTEGER PRIMARY KEY, at)")
    db.execute(f"INSERT INTO own VALUES (1, {BEFORE}), (2, {BEFORE})")
    found, asked = [], []
    for query in (joined, joined.replace("a.started_at", "+a.started_at")):
        before = len(day.requests)
        found.append(sorted(db.execute(f"SELECT a.id FROM {query}")))
        asked.append(sorted(request.path for request in day.requests[before:]))
    assert found[0] == found[1] != []
    assert asked[0] == asked[1]
    db.execute(f"UPDATE own SET at = {BLANK}")
    with pytest.raises(dovtab.ArgumentError, match="does not compare"):
        list(db.execute(f"SELECT a.id FROM {joined}"))


def test_a_time_of_droplets_too(day: Simulator, db: apsw.Connection) -> None:
    """``since`` is none of its columns."""
    assert db.execute("SELECT count(*) FROM droplets WHERE created_at < 'x'").get == 2
    with pytest.raises(dovtab.ArgumentError, match=r"created_at is .* '-12 hours'\)$"):
        list(db.execute(f"SELECT id FROM droplets WHERE created_at > {BLANK}"))


def test_who_asks_wrongly_whether_it_was_done_does_it_not_again(
    day: Simulator, db: apsw.Connection
) -> None:
    """The blank would find none of today's, and the Droplet reboot once more."""
    insert = (
        "INSERT OR IGNORE INTO droplet_actions(droplet_id, type) SELECT 1, 'reboot'"
        " WHERE NOT EXISTS (SELECT 1 FROM droplet_actions a WHERE a.droplet_id = 1"
        f" AND a.type = 'reboot' AND a.started_at > {BEFORE} AND a.started_at <= {{}})"
    )
    with pytest.raises(dovtab.ArgumentError, match="does not compare"):
        db.execute(insert.format(f"datetime({NOW})"))
    db.execute(insert.format(NOW))
    assert not [request for request in day.requests if request.method == "POST"]


COUNT, WRONG = 100, 60


@pytest.fixture
def fleet(simulator: Simulator, clock: ManualClock) -> Simulator:
    """Far enough away to look ahead."""
    simulator.latency = 0.003
    for id in range(1, COUNT + 1):
        simulator.account.add_droplet(id)
        simulator.account.add_action(id, started_at=clock.time())
    return simulator


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("look_ahead", [True, False])
def test_a_join_comes_as_far_as_the_first_row_that_does_not_compare(
    fleet: Simulator, connect: Connect, look_ahead: bool
) -> None:
    """With what is asked for ahead as without; and if it is not met, nothing is wrong."""
    db = connect(look_ahead=look_ahead)
    db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY, at TEXT)")
    for id in range(1, COUNT + 1):
        value = BLANK if id == WRONG else BEFORE if id % 2 else NOW
        db.execute(f"INSERT INTO inventory VALUES ({id}, {value})")
    query = (
        "SELECT i.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id"
        " AND a.started_at > i.at"
    )
    found: list[int] = []
    with pytest.raises(dovtab.ArgumentError, match=f"and {BLANK} does not compare"):
        found.extend(id for (id,) in db.execute(query))
    assert found == list(range(1, WRONG, 2))
    assert len(fleet.requests) == WRONG - 1
    before = len(fleet.requests)
    rows = list(db.execute(f"{query} WHERE i.id <> {WRONG}"))
    assert [id for (id,) in rows] == list(range(1, COUNT, 2))
    assert len(fleet.requests) == before + COUNT - 1
    assert len(list(db.execute(f"{query} LIMIT {WRONG // 2}"))) == WRONG // 2
    at_once = max(request.at_once for request in fleet.requests)
    assert at_once > 4 if look_ahead else at_once == 1


@pytest.mark.parametrize(
    ("query", "requests"),
    [("started_at > '2026' LIMIT 5", 1), ("started_at IN ('2026') LIMIT 5", 3)],
)
def test_looking_at_a_time_asks_for_no_more(
    simulator: Simulator, connect: Connect, query: str, requests: int
) -> None:
    """SQLite filters, and does not say that it needs only so many."""
    simulator.account.add_droplet(1)
    for _ in range(500):
        simulator.account.add_action(1)
    db = connect()
    list(db.execute(f"SELECT id FROM droplet_actions WHERE droplet_id = 1 AND {query}"))
    assert len(simulator.requests) == requests
