"""Pages, links, order, filters, and what is not listed."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

DROPLET = 3164444
LIST = f"/v2/droplets/{DROPLET}/actions"


@pytest.fixture
def with_actions(simulate, connect):
    """A client of an account whose one Droplet has actions 1 to n."""

    def arrange(count: int, **rules: Any):
        simulator = simulate(**rules)
        simulator.account.add_droplet(DROPLET)
        for id_ in range(1, count + 1):
            simulator.account.add_action(DROPLET, id=id_)
        return connect(simulator)

    return arrange


def ids(answer) -> list[int]:
    return [action["id"] for action in answer.json()["actions"]]


def test_a_page_has_twenty_rows_newest_first(with_actions) -> None:
    answer = with_actions(45).get(LIST)

    assert ids(answer) == list(range(45, 25, -1))
    assert answer.json()["meta"] == {"total": 45}


def test_the_pages_are_the_whole_list(with_actions) -> None:
    api = with_actions(45)
    pages = [ids(api.get(LIST, params={"per_page": 20, "page": n})) for n in (1, 2, 3, 4)]

    assert list(chain(*pages)) == list(range(45, 0, -1))
    assert [len(page) for page in pages] == [20, 20, 5, 0]


def test_the_links_name_only_pages_that_make_sense(with_actions) -> None:
    api = with_actions(45)
    names = [
        list(api.get(LIST, params={"page": n}).json()["links"]["pages"]) for n in (1, 2, 3, 4)
    ]

    assert names == [
        ["next", "last"],
        ["first", "prev", "next", "last"],
        ["first", "prev"],
        ["first", "prev"],
    ]


def test_a_link_leads_to_its_page(with_actions) -> None:
    api = with_actions(45)
    first = api.get(LIST, params={"per_page": 30})
    following = api.get(first.json()["links"]["pages"]["next"])

    assert ids(following) == list(range(15, 0, -1))


def test_the_last_page_may_name_itself(with_actions) -> None:
    api = with_actions(45, last_on_last_page=True)

    assert "last" in api.get(LIST, params={"page": 3}).json()["links"]["pages"]


def test_links_may_point_to_another_host(with_actions) -> None:
    links = with_actions(21, link_base="http://example.com").get(LIST).json()["links"]

    assert links["pages"]["next"] == f"http://example.com{LIST}?page=2&per_page=20"


@pytest.mark.parametrize(
    ("shape", "links"),
    [
        ("absent", None),
        ("{}", {}),
        ('{"pages": {}}', {"pages": {}}),
        ("full", {"pages": {"first": f"http://x{LIST}?page=1&per_page=20"}}),
    ],
)
def test_a_single_page_has_four_shapes_of_links(with_actions, shape, links) -> None:
    body = with_actions(3, single_page_links=shape, link_base="http://x").get(LIST).json()

    if shape == "full":
        links["pages"]["last"] = links["pages"]["first"]
    assert body.get("links") == links
    assert ("links" in body) is (shape != "absent")


def test_the_order_may_be_oldest_first(with_actions) -> None:
    assert ids(with_actions(5, order="asc").get(LIST)) == [1, 2, 3, 4, 5]


def test_or_no_order_at_all_and_still_complete(with_actions) -> None:
    api = with_actions(45, order="shuffled")
    pages = [ids(api.get(LIST, params={"page": n})) for n in (1, 2, 3)]

    rows = list(chain(*pages))
    assert sorted(rows) == list(range(1, 46))
    assert rows not in (list(range(1, 46)), list(range(45, 0, -1)))


@pytest.mark.parametrize(("rule", "status"), [("cap", 200), ("refuse", 422)])
def test_a_page_above_200_rows_is_cut_or_refused(with_actions, rule, status) -> None:
    answer = with_actions(250, per_page_above_200=rule).get(LIST, params={"per_page": 500})

    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["actions"]) == 200


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "per_page=0", "page=" + "9" * 5000]
)
def test_a_page_that_is_none_is_refused_or_ignored(with_actions, query) -> None:
    assert with_actions(3).get(f"{LIST}?{query}").status_code == 422
    assert ids(with_actions(3, bad_page="default").get(f"{LIST}?{query}")) == [3, 2, 1]


def test_a_row_that_comes_between_two_pages_repeats_one(sim, connect) -> None:
    """The list grows at its head, so every row moves one place on."""
    for id_ in range(1, 41):
        sim.account.add_action(DROPLET, id=id_)
    sim.before_page(lambda page: page == 2 and sim.account.add_action(DROPLET))
    api = connect(sim)

    first, second = (ids(api.get(LIST, params={"page": n})) for n in (1, 2))
    assert (first[-1], second[0]) == (21, 21)


def test_an_action_added_with_an_old_id_takes_its_place(sim, api) -> None:
    for id_ in (5, 9, 7, 6):
        sim.account.add_action(DROPLET, id=id_)

    assert ids(api.get(LIST)) == [9, 7, 6, 5]


def test_the_accounts_list_has_rows_of_other_resources(sim, api) -> None:
    sim.account.add_action(DROPLET)
    sim.account.add_foreign_action("image", 7)
    sim.account.add_foreign_action("backend", region=None)

    rows = api.get("/v2/actions").json()["actions"]
    assert [(row["resource_type"], row["resource_id"], row["region_slug"]) for row in rows] == [
        ("backend", None, None),
        ("image", 7, "nyc3"),
        ("droplet", DROPLET, "nyc3"),
    ]
    assert len(api.get(LIST).json()["actions"]) == 1


def test_an_image_with_a_droplets_number_is_no_droplet(sim, api) -> None:
    action = sim.account.add_foreign_action("image", DROPLET)

    assert api.get(LIST).json()["actions"] == []
    assert api.get(f"{LIST}/{action.id}").status_code == 404


def test_an_action_is_found_under_its_own_droplet_only(sim, api) -> None:
    sim.account.add_droplet(2)
    action = sim.account.add_action(2)

    assert api.get(f"/v2/droplets/2/actions/{action.id}").status_code == 200
    assert api.get(f"{LIST}/{action.id}").status_code == 404
    assert api.get(f"/v2/actions/{action.id}").status_code == 200


@pytest.mark.parametrize(("rule", "status"), [("refuse", 404), ("list", 200)])
def test_a_destroyed_droplet_lives_on_in_the_accounts_list(
    simulate, connect, rule, status
) -> None:
    sim = simulate(destroyed_droplet_actions=rule)
    sim.account.add_droplet(DROPLET)
    created = sim.account.add_action(DROPLET, "create")
    sim.account.destroy(DROPLET)
    api = connect(sim)

    assert api.get(f"/v2/droplets/{DROPLET}").status_code == 404
    assert api.get("/v2/droplets").json()["droplets"] == []
    assert api.get(LIST).status_code == status
    assert api.get(f"{LIST}/{created.id}").status_code == status
    rows = api.get("/v2/actions").json()["actions"]
    assert [(row["type"], row["resource_id"]) for row in rows] == [
        ("destroy", DROPLET),
        ("create", DROPLET),
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["c", "b", "a"]),
        ("?type=droplets", ["c", "b", "a"]),
        ("?type=gpus", ["g"]),
        ("?tag_name=web", ["g", "b", "a"]),
        ("?tag_name=none", []),
        ("?name=B", ["b"]),
        ("?per_page=2&page=2", ["a"]),
    ],
)
def test_droplets_are_filtered(simulate, connect, query, names) -> None:
    sim = simulate()
    sim.account.add_droplet(1, "a", tags=["web"])
    sim.account.add_droplet(2, "b", tags=["web", "x"])
    sim.account.add_droplet(3, "c")
    sim.account.add_droplet(4, "g", gpu=True, tags=["web"])

    rows = connect(sim).get(f"/v2/droplets{query}").json()["droplets"]
    assert [row["name"] for row in rows] == names


@pytest.mark.parametrize(("rule", "names"), [(True, ["g", "a"]), (False, ["a"])])
def test_a_tag_may_list_no_gpus_and_still_act_on_them(simulate, connect, rule, names) -> None:
    sim = simulate(gpus_in_tag_list=rule)
    sim.account.add_droplet(1, "a", tags=["web"])
    sim.account.add_droplet(2, "g", gpu=True, tags=["web"])
    api = connect(sim)

    body = api.get("/v2/droplets?tag_name=web").json()
    assert [row["name"] for row in body["droplets"]] == names
    assert body["meta"]["total"] == len(names)
    gpus = api.get("/v2/droplets?type=gpus").json()["droplets"]
    assert [row["name"] for row in gpus] == ["g"]
    answer = api.post("/v2/droplets/actions?tag_name=web", json={"type": "shutdown"})
    assert [action["resource_id"] for action in answer.json()["actions"]] == [1, 2]


@pytest.mark.parametrize("query", ["tag_name=web&name=a", "tag_name=web&type=gpus", "type=x"])
def test_filters_that_do_not_combine_are_refused(api, query) -> None:
    assert api.get(f"/v2/droplets?{query}").status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v2/account", 404),
        ("GET", "/_sim/state", 404),
        ("GET", "/v2/droplets/", 404),
        ("GET", "/v2/droplets/abc", 404),
        ("GET", "/v2/droplets/0", 404),
        ("GET", "/v2/droplets/actions", 404),
        ("GET", f"{LIST}/-1", 404),
        ("DELETE", f"/v2/droplets/{DROPLET}", 405),
        ("PUT", LIST, 405),
        ("PATCH", "/v2/actions/1", 405),
        ("HEAD", "/v2/actions", 405),
    ],
)
def test_what_the_api_does_not_have_is_not_found(api, method, path, status) -> None:
    assert api.request(method, path).status_code == status
    assert api.get("/v2/actions").status_code == 200  # the connection is in step
