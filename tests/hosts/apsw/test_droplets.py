"""The table ``droplets``, alone and joined: no inventory of one's own is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.resources import DROPLETS
from dovtab.simulator import Rules, Simulator


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """Three Droplets with actions, a GPU Droplet, and one that is gone."""
    account = simulator.account
    for n, (name, tags) in enumerate(
        (("web-1", ["web", "eu"]), ("web-2", ["web"]), ("db-1", ["db"])), start=1
    ):
        account.add_droplet(n, name, tags=tags, features=("ipv6",) if n == 1 else ())
        for _ in range(n):
            account.add_action(n)
    account.add_droplet(4, "gpu-1", tags=["WEB"], gpu=True)
    account.add_action(4, "snapshot")
    account.add_droplet(5, "old", tags=["web"])
    account.destroy(5)
    return simulator


def asked(simulator: Simulator) -> list[str]:
    found = []
    for request in simulator.requests:
        query = {k: v for k, v in request.query.items() if k not in ("page", "per_page")}
        found.append(request.path + "".join(f" {k}={v}" for k, v in query.items()))
    return sorted(found)


BOTH = ["/v2/droplets type=droplets", "/v2/droplets type=gpus"]


def test_every_droplet_is_there_as_the_api_has_it(
    fleet: Simulator, db: apsw.Connection
) -> None:
    names = [column.name for column in DROPLETS.visible]
    rows = [dict(zip(names, row, strict=True)) for row in db.execute("SELECT * FROM droplets")]
    assert sorted(row["id"] for row in rows) == [1, 2, 3, 4]
    assert asked(fleet) == BOTH
    for row in rows:
        body = fleet.account.droplets[row["id"]].body(0.0)
        assert row["locked"] == 0
        assert row["public_ipv4"] != row["private_ipv4"]
        assert (row["public_ipv6"] is None) == (row["id"] != 1)
        assert (row["region_slug"], row["image_slug"]) == ("nyc3", body["image"]["slug"])
        for name in ("name", "status", "created_at", "size_slug", "vcpus", "memory", "disk"):
            assert row[name] == body[name]
        for column in DROPLETS.visible:
            if column.json:
                assert json.loads(row[column.name]) == body[column.name]


@pytest.mark.parametrize(
    ("query", "rows", "requests"),
    [
        ("name FROM droplets WHERE droplet_id = 3", [("db-1",)], ["/v2/droplets/3"]),
        ("name FROM droplets(3)", [("db-1",)], ["/v2/droplets/3"]),
        ("id FROM droplets WHERE id IN (2, 5, 9) AND status = 'active'", [(2,)],
         ["/v2/droplets/2", "/v2/droplets/5", "/v2/droplets/9"]),
        ("id FROM droplets WHERE tag_name = 'web' ORDER BY 1", [(1,), (2,), (4,)],
         ["/v2/droplets tag_name=web", BOTH[1]]),
        ("id FROM droplets WHERE name = 'gpu-1'", [(4,)], [f"{part} name=gpu-1" for part in BOTH]),
        ("id, page FROM droplets WHERE page = 1 AND per_page = 3 ORDER BY 1",
         [(1, 1), (2, 1), (3, 1), (4, 1)], BOTH),
        ("id FROM droplets ORDER BY id LIMIT 1", [(1,)], BOTH),
        ("count(*) FROM droplets d JOIN droplet_actions a USING (droplet_id) WHERE d.name = 'db-1'",
         [(3,)], [*(f"{part} name=db-1" for part in BOTH), "/v2/droplets/3/actions"]),
        ("d.name, count(a.id) FROM droplets d LEFT JOIN droplet_actions a USING (droplet_id) WHERE d.tag_name = 'web' GROUP BY 1",
         [("gpu-1", 1), ("web-1", 1), ("web-2", 2)],
         ["/v2/droplets tag_name=web", BOTH[1], *(f"/v2/droplets/{n}/actions" for n in (1, 2, 4))]),
        ("droplet_id, tag_name FROM droplet_actions WHERE tag_name = 'web' ORDER BY 1",
         [(1, "web"), (2, "web"), (2, "web"), (4, "web")],
         ["/v2/droplets tag_name=web", BOTH[1], *(f"/v2/droplets/{n}/actions" for n in (1, 2, 4))]),
        ("count(*) FROM droplet_actions WHERE tag_name = 'web' AND droplet_id IN (2, 3)", [(2,)],
         ["/v2/droplets tag_name=web", BOTH[1], "/v2/droplets/2/actions"]),
        ("count(*) FROM droplet_actions WHERE tag_name = 'nobody'", [(0,)],
         ["/v2/droplets tag_name=nobody", BOTH[1]]),
        ("count(*) FROM droplet_actions WHERE tag_name IS NULL AND droplet_id = 3", None, []),
        ("count(*) FROM droplet_actions WHERE tag_name = 'web' OR droplet_id = 3", None, []),
    ],
)  # fmt: skip
def test_it_is_read_with_the_fewest_requests_there_are(
    fleet: Simulator,
    connect: Callable[..., apsw.Connection],
    query: str,
    rows: list[Any] | None,
    requests: list[str],
) -> None:
    fleet.account.droplets[4].tags = ("web",)
    db = connect(account_list=False)
    if rows is None:
        with pytest.raises(dovtab.ArgumentError, match=r"^tag_name narrows"):
            list(db.execute(f"SELECT {query}"))
    else:
        assert list(db.execute(f"SELECT {query}")) == rows
    assert asked(fleet) == sorted(requests)


@pytest.mark.parametrize("listed", [True, False])
def test_a_gpu_droplet_is_never_missed_and_never_there_twice(
    fleet: Simulator, db: apsw.Connection, listed: bool
) -> None:
    """Nobody says whether the list of a tag has them."""
    fleet.account.droplets[4].tags = ("web",)
    fleet.account.rules = Rules(gpus_in_tag_list=listed)
    query = "SELECT id FROM droplets WHERE tag_name = 'web' ORDER BY id"
    assert list(db.execute(query)) == [(1,), (2,), (4,)]


def test_what_a_token_may_not_is_said(fleet: Simulator, connect: Any) -> None:
    fleet.account.add_token("narrow", {"droplet:read"})
    db = connect(token="narrow")
    with pytest.raises(dovtab.APIError, match=r"the scope droplet:read and tag:read$"):
        list(db.execute("SELECT * FROM droplets WHERE tag_name = 'web'"))


def test_a_table_of_ones_own_may_have_its_name(fleet: Simulator, db: apsw.Connection) -> None:
    """People have had one before; what acts, or tells what did, must not be hidden."""
    db.execute("CREATE TABLE droplets(droplet_id)")
    assert list(db.execute("SELECT * FROM droplets")) == []
    db.execute("CREATE VIRTUAL TABLE temp.fleet USING droplets")
    assert db.execute("SELECT count(*) FROM fleet").get == 4


def test_it_is_only_read(fleet: Simulator, db: apsw.Connection) -> None:
    with pytest.raises(apsw.Error, match="may not be modified"):
        db.execute("DELETE FROM droplets")
    assert not fleet.requests
