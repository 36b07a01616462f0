"""An action that exists, and that lists do not show yet."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dovtab.simulator import Colleague
from dovtab.simulator.ledger import Ledger
from dovtab.simulator.model import Action

DROPLET = 3164444
LIST = f"/v2/droplets/{DROPLET}/actions"
REBOOT = {"type": "reboot"}


@pytest.fixture
def lagging(simulate):
    """An account with one Droplet, with actions 1 to 3, and lists 5 seconds late."""

    def arrange(**rules: Any):
        sim = simulate(list_lag=5.0, **rules)
        sim.account.add_droplet(DROPLET, tags=["web"])
        for id_ in (1, 2, 3):
            sim.account.add_action(DROPLET, id=id_)
        return sim

    return arrange


def listed(api, path: str = LIST, **query: Any) -> tuple[list[int], int]:
    """The ids on a page, and the total."""
    body = api.get(path, params=query).json()
    return [row["id"] for row in body["actions"]], body["meta"]["total"]


@pytest.mark.parametrize("path", [LIST, "/v2/actions"])
def test_a_new_action_is_listed_late(lagging, connect, clock, path) -> None:
    api = connect(lagging())
    id_ = api.post(LIST, json=REBOOT).json()["action"]["id"]

    assert listed(api, path) == ([3, 2, 1], 3)
    clock.advance(4.9)
    assert listed(api, path) == ([3, 2, 1], 3)
    clock.advance(0.1)
    assert listed(api, path) == ([id_, 3, 2, 1], 4)


def test_it_can_be_read_and_locks_its_droplet_at_once(lagging, connect) -> None:
    api = connect(lagging())
    id_ = api.post(LIST, json=REBOOT).json()["action"]["id"]

    assert api.get(f"/v2/actions/{id_}").json()["action"]["status"] == "in-progress"
    assert api.get(f"{LIST}/{id_}").status_code == 200
    assert api.get(f"/v2/droplets/{DROPLET}").json()["droplet"]["locked"] is True
    assert api.post(LIST, json=REBOOT).status_code == 422


def test_reading_by_id_has_a_lag_of_its_own(lagging, connect, clock) -> None:
    api = connect(lagging(new_action_404=8.0))
    id_ = api.post(LIST, json=REBOOT).json()["action"]["id"]

    clock.advance(5)
    assert listed(api)[0][0] == id_
    assert api.get(f"/v2/actions/{id_}").status_code == 404


def test_without_the_rule_it_is_listed_at_once(sim, api) -> None:
    id_ = api.post(LIST, json=REBOOT).json()["action"]["id"]

    assert listed(api) == listed(api, "/v2/actions") == ([id_], 1)


def test_an_action_may_be_over_when_it_is_first_listed(lagging, connect, clock) -> None:
    api = connect(lagging(durations={"reboot": 1.0}))
    api.post(LIST, json=REBOOT)
    clock.advance(2)
    second = api.post(LIST, json=REBOOT)

    assert second.status_code == 201
    assert listed(api)[1] == 3
    clock.advance(3)
    first, *_ = api.get(LIST).json()["actions"]
    assert (first["status"], listed(api)[1]) == ("completed", 4)
    clock.advance(2)
    assert listed(api)[0] == [second.json()["action"]["id"], first["id"], 3, 2, 1]


@pytest.mark.parametrize("order", ["desc", "asc", "shuffled"])
def test_pages_are_cut_as_if_it_were_not_there(lagging, connect, order) -> None:
    api = connect(lagging(order=order))
    api.post(LIST, json=REBOOT)
    pages = [listed(api, per_page=2, page=n) for n in (1, 2)]

    assert [len(ids) for ids, _ in pages] == [2, 1]
    assert sorted(id_ for ids, _ in pages for id_ in ids) == [1, 2, 3]


def test_history_that_is_added_has_no_lag_and_keeps_its_place(lagging, connect, clock) -> None:
    """The action that lags is then not the last by id."""
    sim = lagging()
    api = connect(sim)
    lags = api.post(LIST, json=REBOOT).json()["action"]["id"]
    sim.account.add_action(DROPLET, id=lags + 100)
    sim.account.add_action(DROPLET, id=lags + 50)
    following = sim.account.add_action(DROPLET).id

    assert following == lags + 101
    assert listed(api) == ([following, lags + 100, lags + 50, 3, 2, 1], 6)
    clock.advance(5)
    assert listed(api)[0] == [following, lags + 100, lags + 50, lags, 3, 2, 1]


def test_an_id_is_taken_before_it_is_listed(lagging, connect) -> None:
    sim = lagging()
    sim.account.add_droplet(1)
    api = connect(sim)
    first = api.post(LIST, json=REBOOT).json()["action"]["id"]
    second = api.post("/v2/droplets/1/actions", json=REBOOT).json()["action"]["id"]

    assert second == first + 1
    with pytest.raises(ValueError, match=f"there is an action {first} already"):
        sim.account.add_action(DROPLET, id=first)


def test_the_actions_of_tags_and_colleagues_lag_too(lagging, connect, clock) -> None:
    sim = lagging()
    sim.colleague(Colleague(when="after"))
    api = connect(sim)
    answer = api.post("/v2/droplets/actions?tag_name=web", json={"type": "shutdown"})

    assert answer.status_code == 201
    assert (len(sim.account.actions), listed(api)[1]) == (5, 3)
    clock.advance(5)
    assert listed(api)[1] == 5


def test_a_list_costs_the_same_however_long_the_history() -> None:
    """A thousand looks at a hundred thousand rows are no work."""
    ledger = Ledger()
    for id_ in range(1, 100_001):
        ledger.add(
            Action(id_, "completed", "reboot", "", None, DROPLET, "droplet", "nyc3"),
            listed=id_ % 1000 != 0,
        )
    start = time.perf_counter()
    for _ in range(1000):
        assert len(ledger.rows()) == len(ledger.rows(DROPLET)) == 99_900

    assert time.perf_counter() - start < 1
