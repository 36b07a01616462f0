"""A table is data: two more, declared here, work without a line of the engine's for them."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.engine.reading.constraint import EQ, Constraint
from dovtab.engine.reading.lookup import lookup
from dovtab.engine.reading.planner import plan, read_idx_str
from dovtab.hosts.apsw.connection import attach
from dovtab.resources import DROPLET_ACTIONS, DROPLETS
from dovtab.simulator import ManualClock
from other_tables import image_actions
from other_tables.image_actions import IMAGE_ACTIONS
from other_tables.small_api import SmallApi, small_api
from shared_clock import SharedClock


@pytest.fixture
def api() -> Iterator[SmallApi]:
    with small_api() as running:
        for n in range(250):
            running.add_action(7, ("convert", "transfer")[n % 2], "nyc3")
        running.add_action(8, "transfer", "fra1")
        running.add_action(8, "reboot", "fra1", resource_type="droplet", resource_id=8)
        for id, name, tags in (
            (1, "web", ["a", "b"]),
            (2, "WEB", ["a"]),
            (3, "db", []),
            (4, "gpu", ["b"]),
        ):
            running.droplets.append(
                {
                    "id": id,
                    "name": name,
                    "status": "active",
                    "memory": 1024,
                    "region": {"slug": "nyc3"},
                    "image": {"id": 7} if id < 3 else None,
                    "tags": tags,
                    "gpu": name == "gpu",
                }
            )
        yield running


@pytest.fixture
def db(api: SmallApi, shared_clock: SharedClock) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    given = {"token": "a-token", "api_url": api.url, "cache_seconds": 0}
    tables = (DROPLET_ACTIONS, IMAGE_ACTIONS, DROPLETS)
    attach(connection, resolve(given, os.getenv), shared_clock, tables=tables)
    yield connection
    connection.close(True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start=1_795_000_000.0)


def test_a_declaration_is_short() -> None:
    assert len(Path(inspect.getfile(image_actions)).read_text().splitlines()) < 50


BOTH = [f"GET /v2/droplets?type={kind}&page=1" for kind in ("droplets", "gpus")]
GPUS = BOTH[1]


def tagged(tag: str) -> str:
    return f"GET /v2/droplets?tag_name={tag}&page=1"


def asked(api: SmallApi) -> list[str]:
    return [request.replace("&per_page=200", "") for request in api.requests]


@pytest.mark.parametrize(
    ("query", "rows", "requests"),
    [
        ("count(*) FROM image_actions(7)", [(250,)],
         [f"GET /v2/images/7/actions?page={n}" for n in (1, 2)]),
        ("type, region_slug FROM image_actions WHERE image_id = 8", [("transfer", "fra1")],
         ["GET /v2/images/8/actions?page=1"]),
        ("type FROM image_actions(7, 101)", [("transfer",)], ["GET /v2/images/7/actions/101"]),
        ("image_id FROM image_actions WHERE action_id = 350", [(8,)], ["GET /v2/actions/350"]),
        ("count(*) FROM image_actions WHERE id = 351", [(0,)], ["GET /v2/actions/351"]),
        ("count(*) FROM image_actions", [(251,)], [f"GET /v2/actions?page={n}" for n in (1, 2)]),
        ("name, image_id, region_slug FROM droplets WHERE droplet_id = 3", [("db", None, "nyc3")],
         ["GET /v2/droplets/3"]),
        ("name FROM droplets WHERE id IN (1, 99)", [("web",)],
         ["GET /v2/droplets/1", "GET /v2/droplets/99"]),
        ("id, tags, tag_name FROM droplets WHERE tag_name = 'b'",
         [(1, '["a","b"]', "b"), (4, '["b"]', "b")], [tagged("b"), GPUS]),
        ("id FROM droplets WHERE name = 'web'", [(1,)],
         [f"GET /v2/droplets?type={t}&name=web&page=1" for t in ("droplets", "gpus")]),
        ("id FROM droplets WHERE name = 'web  ' COLLATE RTRIM", [(1,)],
         [f"GET /v2/droplets?type={t}&name=web&page=1" for t in ("droplets", "gpus")]),
        ("id FROM droplets WHERE name = ''", [], BOTH),
        ("id FROM droplets WHERE tag_name = ' '", [], []),
        ("id FROM droplets WHERE name = 'WEB' AND tag_name = 'a'", [(2,)], [tagged("a"), GPUS]),
        ("id FROM droplets WHERE tag_name = 'a' AND id = 2", [(2,)], [tagged("a"), GPUS]),
        ("id FROM droplets WHERE id = 3 AND tag_name = 'a'", [], [tagged("a"), GPUS]),
        ("id, tag_name FROM droplets WHERE tag_name IN ('a', 'b') ORDER BY 1, 2",
         [(1, "a"), (1, "b"), (2, "a"), (4, "b")], [tagged("a"), tagged("b"), GPUS]),
        ("id FROM droplets LIMIT 2", [(1,), (2,)],
         ["GET /v2/droplets?type=droplets&page=1&per_page=2"]),
        ("count(*) FROM droplets", [(4,)], BOTH),
        ("id FROM droplets WHERE tag_name = NULL", [], []),
        ("d.id, count(a.id) FROM droplets d JOIN image_actions a USING (image_id) GROUP BY name",
         [(2, 250), (1, 250)], [*BOTH, *[f"GET /v2/images/7/actions?page={n}" for n in (1, 2)]]),
    ],
)  # fmt: skip
def test_it_is_read_with_the_fewest_requests(
    api: SmallApi, db: apsw.Connection, query: str, rows: list[Any], requests: list[str]
) -> None:
    assert list(db.execute(f"SELECT {query}")) == rows
    assert sorted(asked(api)) == sorted(requests)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT image_actions_post(7, 'reboot')", r"^type must be one of convert, transfer, not"),
        ("SELECT image_actions_post(7, 'transfer')", r"^transfer needs the attribute 'region'"),
        ("SELECT image_actions_post(0, 'convert')", r"^image_id must be a whole number from 1"),
        ("SELECT image_actions_post(7)", r"^it is called as image_actions_post\(image_id, type \["),
        ("INSERT INTO image_actions(type) VALUES ('convert')", r"^an action needs a image_id$"),
        ("INSERT INTO image_actions(image_id, type, status) VALUES (7, 'convert', 'x')",
         r"INSERT INTO image_actions\(image_id, type, attributes\); status is the API's to say"),
        ("UPDATE image_actions SET type = 'x' WHERE image_id = 8", r"^what was done to a image"),
        ("SELECT image_actions_wait(7, 9999, 0)", r"^GET /v2/images/7/actions/9999: there is no"),
        ("INSERT INTO droplets(name) VALUES ('x')", "table droplets may not be modified"),
        ("SELECT droplets_post(1, 'x')", "no such function"),
        ("SELECT image_actions_post_by_tag('web', 'convert')", "no such function"),
        ("SELECT * FROM droplets WHERE tag_name > 'a'", r"^tag_name narrows what is asked for, and"),
        ("SELECT * FROM droplets WHERE tag_name = 'b' OR name = 'db'", r"^tag_name narrows"),
        ("SELECT * FROM image_actions WHERE attributes = 'x'", r"for starting actions.*image_id\)$"),
    ],
)  # fmt: skip
def test_its_messages_are_its_own(
    api: SmallApi, db: apsw.Connection, query: str, message: str
) -> None:
    with pytest.raises((dovtab.DovtabError, apsw.Error), match=message):
        list(db.execute(query))
    assert not [request for request in api.requests if request.startswith("POST")]


def test_it_acts_and_is_on_record_and_is_waited_for(api: SmallApi, db: apsw.Connection) -> None:
    db.execute("INSERT INTO image_actions(image_id, type) VALUES (7, 'convert')")
    transferred = "SELECT image_actions_post(8, 'transfer', '{\"region\": \"ams3\"}')"
    action = json.loads(db.execute(transferred).get)
    assert action["region"] == {"slug": "ams3"}
    columns = "seq, droplet_id, image_id, tag_name, type, attributes, outcome, action_id"
    assert list(db.execute(f"SELECT {columns} FROM dovtab_posts")) == [
        (1, None, 7, None, "convert", None, "sent", 352),
        (2, None, 8, None, "transfer", '{"region":"ams3"}', "sent", 353),
    ]
    for started in api.actions[-2:]:
        started["status"] = "completed"
    before = len(api.requests)
    waited = "SELECT image_actions_wait(image_id, action_id) ->> 'status' FROM dovtab_posts"
    assert list(db.execute(waited)) == [("completed",), ("completed",)]
    # The second is polled beside the first, and again if that is not over when it is waited for.
    polls = {"GET /v2/images/7/actions/352", "GET /v2/images/8/actions/353"}
    assert set(api.requests[before:]) == polls
    query = "SELECT DISTINCT path FROM dovtab_requests WHERE method = 'POST' ORDER BY 1"
    assert list(db.execute(query)) == [("/v2/images/7/actions",), ("/v2/images/8/actions",)]


def test_an_answer_that_is_lost_is_looked_for_in_its_list(
    api: SmallApi, db: apsw.Connection
) -> None:
    api.lose = 1
    action = json.loads(db.execute("SELECT image_actions_post(8, 'convert')").get)
    assert action["id"] == api.actions[-1]["id"]
    assert sum(request.startswith("POST") for request in api.requests) == 1
    api.lose = 1
    api.add_action(8, "convert", "nyc3", started_at="2026-11-18T11:06:41Z")
    with pytest.raises(dovtab.APIError, match="look at the image's actions before you repeat"):
        list(db.execute("SELECT image_actions_post(8, 'convert')"))


def test_two_tables_make_their_own_rows_of_one_answer(
    api: SmallApi, db: apsw.Connection
) -> None:
    """The account's list has both kinds."""
    query = (
        "SELECT (SELECT count(*) FROM image_actions), (SELECT count(*) FROM droplet_actions)"
    )
    for action in api.actions:
        action |= {"completed_at": None, "region_slug": None}
    assert db.execute(query).get == (251, 1)


def test_a_table_without_a_parent_says_why_a_page_is_refused() -> None:
    chosen = plan(DROPLETS, [Constraint("page", EQ, usable=False)], ordered=False)
    _, arguments = read_idx_str(chosen.idx_str)
    with pytest.raises(dovtab.ArgumentError, match=r"^a page is one of .* known first$"):
        lookup(DROPLETS, arguments, [])
