"""Every column, the hidden ones too, may be shown; what compares them is refused as ever."""

from __future__ import annotations

import apsw
import pytest

import dovtab
from dovtab.engine.reading.shown import only_shown
from dovtab.resources import DROPLET_ACTIONS
from dovtab.simulator import Simulator

# As Datasette writes them, which puts keywords in brackets.
ALL = ", ".join(f"[{column.name}]" for column in DROPLET_ACTIONS.columns)
EVERY = f"SELECT rowid, {ALL} FROM droplet_actions"
FACET = "SELECT {0} AS value, count(*) AS n FROM (\n{1}\n) WHERE {2} IS NOT NULL GROUP BY {2} LIMIT 31"


@pytest.fixture(autouse=True)
def fleet(simulator: Simulator) -> Simulator:
    for droplet in (1, 2):
        simulator.account.add_droplet(droplet_id=droplet, tags=("web",))
        for n in range(3):
            simulator.account.add_action(droplet, id=10 * droplet + n)
    return simulator


@pytest.mark.parametrize(
    ("rest", "ids", "paths"),
    [
        ("WHERE droplet_id = 1", [10, 11, 12], ["/v2/droplets/1/actions"]),
        ('where "droplet_id" = 1 order by rowid limit 101', [10, 11, 12], ["/1/actions"]),
        ("WHERE id = 21", [21], ["/v2/actions/21"]),
        ("ORDER BY rowid LIMIT 2", [10, 11], ["/v2/actions"]),
        (" ;", [10, 11, 12, 20, 21, 22], ["/v2/actions"]),
        ("WHERE since = '-7 days' AND droplet_id = 2", [20, 21, 22], ["/2/actions"]),
        ("WHERE type > 'x'", [], ["/v2/actions"]),
    ],
)
def test_every_column_is_shown_in_the_requests_that_a_few_would_take(
    fleet: Simulator, db: apsw.Connection, rest: str, ids: list[int], paths: list[str]
) -> None:
    rows = list(db.execute(f"{EVERY} {rest}"))
    assert sorted(row[0] for row in rows) == ids
    assert len(fleet.requests) == len(paths)
    for request, path in zip(fleet.requests, paths, strict=True):
        assert request.path.endswith(path)
    few = list(db.execute(f"SELECT rowid, type FROM droplet_actions {rest}"))
    assert [(row[0], row[9]) for row in rows] == few


def test_shown_a_column_has_what_it_is_bound_to_or_the_page_or_nothing(
    db: apsw.Connection,
) -> None:
    names = [column.name for column in DROPLET_ACTIONS.columns]
    query = f"{EVERY} WHERE droplet_id = 1 AND action_id = 11 AND since = '-7 days'"
    (row,) = db.execute(query)
    shown = dict(zip(names, row[1:], strict=True))
    expected = {"droplet_id": 1, "page": 1, "per_page": 200, "since": "-7 days"}
    assert shown | expected == shown
    assert [shown[name] for name in ("tag_name", "attributes", "after")] == [None] * 3


def test_how_often_a_hidden_value_comes_can_be_counted(db: apsw.Connection) -> None:
    """Datasette asks that of every column, to suggest facets."""
    every = f"select rowid, {ALL} from droplet_actions where droplet_id = 1 "
    found = {"droplet_id": [1], "action_id": [10, 11, 12], "page": [1], "per_page": [200]}
    for column in DROPLET_ACTIONS.hidden:
        counted = list(db.execute(FACET.format(column, every, "value")))
        assert counted == list(db.execute(FACET.format(column, every, column)))
        assert [value for value, _ in counted] == found.get(column, [])


REFUSED = [
    EVERY + " WHERE since > '2026-01-01'",
    EVERY + " WHERE since = '-1 day' OR droplet_id = 1",
    EVERY + " WHERE droplet_id = 1 AND (since LIKE '2%' OR type = 'x')",
    EVERY + " WHERE per_page > 3",
    EVERY + " ORDER BY since",
    EVERY + " a WHERE a.droplet_id = 1",
    EVERY + " JOIN (SELECT 1)",
    EVERY.replace("rowid, ", "") + ", other",
    EVERY + " UNION SELECT * FROM shows",
    EVERY + " WHERE droplet_id IN (SELECT 1)",
    "SELECT * FROM shows",
    "SELECT * FROM compares",
    EVERY.replace(" FROM droplet_actions", " FROM compares"),
    f"SELECT * FROM ({EVERY})",
    EVERY.replace("rowid,", "rowid, since IS NULL,"),
    FACET.format("since", EVERY, "value") + " OFFSET 1",
    FACET.format("since", EVERY, "value").replace("NULL", "NULL OR value > 1"),
    FACET.format("since", EVERY + " WHERE since > 'x'", "value"),
    "SELECT per_page FROM droplet_actions WHERE per_page IS NOT NULL OR type = 'x'",
]


@pytest.mark.parametrize("query", REFUSED)
def test_what_may_compare_them_is_refused(
    fleet: Simulator, db: apsw.Connection, query: str
) -> None:
    db.execute("CREATE TEMP TABLE other(x)")
    db.execute("INSERT INTO other VALUES (1)")
    db.execute(f"CREATE TEMP VIEW shows AS {EVERY}")
    db.execute(f"CREATE TEMP VIEW compares AS {EVERY} WHERE since > 'x' OR type = 'x'")
    with pytest.raises(
        dovtab.DovtabError, match=r"and not the hidden ones|a value of a row|of its own"
    ):
        list(db.execute(query))
    assert len(fleet.requests) == 0


def test_a_table_by_another_name_is_not_known_to_be_ours() -> None:
    assert only_shown(EVERY, DROPLET_ACTIONS, "droplet_actions")
    assert only_shown(
        EVERY.replace("FROM ", 'FROM "temp".'), DROPLET_ACTIONS, "droplet_actions"
    )
    assert not only_shown(
        EVERY.replace("FROM droplet", "FROM old_droplet"), DROPLET_ACTIONS, "droplet_actions"
    )
    assert not only_shown("", DROPLET_ACTIONS, "droplet_actions")


def test_a_long_statement_is_looked_at_once() -> None:
    """No way to read it is tried twice for each of its columns."""
    assert not only_shown(
        "SELECT " + "a, " * 50_000 + "(b) FROM droplet_actions",
        DROPLET_ACTIONS,
        "droplet_actions",
    )
    assert not only_shown(
        "SELECT a AS b, count(*) AS n FROM (" * 5_000, DROPLET_ACTIONS, "droplet_actions"
    )
    blanks = " " * 40_000
    assert not only_shown(f"{EVERY}{blanks};{blanks}b", DROPLET_ACTIONS, "droplet_actions")


@pytest.mark.parametrize("term", ["id IN seen", "id NOT  IN seen", "id in [seen]", 'id IN "x"'])
def test_what_a_view_compares_is_not_to_be_seen(term: str) -> None:
    assert not only_shown(f"{EVERY} WHERE {term}", DROPLET_ACTIONS, "droplet_actions")
    assert only_shown(f"{EVERY} WHERE id IN (1, 2)", DROPLET_ACTIONS, "droplet_actions")
    assert not only_shown(EVERY, DROPLET_ACTIONS, "fleet")
