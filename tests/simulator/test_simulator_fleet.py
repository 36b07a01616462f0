"""The demo fleet: the same each time, and worth a query."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dovtab.simulator import Simulator, inventory
from dovtab.simulator.clock import timestamp

WEEK = 7 * 86400


@pytest.fixture
def fleet(clock):
    """A simulator that was not started: the account is enough."""

    def build(droplets: int, actions: int, seed: int = 1) -> Simulator:
        simulator = Simulator(clock=clock, seed=seed)
        simulator.account.populate(droplets=droplets, actions=actions)
        return simulator

    return build


@pytest.mark.parametrize(
    ("droplets", "actions"), [(0, 0), (1, 0), (1, 1), (3, 2), (10, 8), (2, 300)]
)
def test_each_droplet_has_its_number_of_actions(fleet, droplets, actions) -> None:
    account = fleet(droplets, actions).account

    ids = list(account.droplets)
    assert ids == list(range(3164444, 3164444 + droplets))
    for droplet_id in ids:
        history = account.history(droplet_id)
        assert len(history) == actions
        assert all(action.type != "create" for action in history[1:])
        if history:
            assert history[0].type == "create"


def test_the_same_seed_gives_the_same_fleet(fleet) -> None:
    def rows(seed: int) -> list[str]:
        return [action.text() for action in fleet(10, 8, seed).account.actions.values()]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_ids_ascend_in_time_beyond_32_bits(fleet, clock) -> None:
    actions = list(fleet(10, 8).account.actions.values())

    assert actions[0].id == 2_300_000_000
    assert all(a.id < b.id and a.started_at <= b.started_at for a, b in pairwise(actions))
    assert all(action.completed_at for action in actions)


def test_the_last_week_has_something_to_find(fleet, clock) -> None:
    account = fleet(10, 8).account
    since = timestamp(clock.time() - WEEK)
    recent = [action for action in account.actions.values() if action.started_at > since]
    reboots = [action.resource_id for action in recent if action.type == "reboot"]
    failed = [action for action in recent if action.status == "errored"]

    assert 8 <= len(recent) <= 20
    assert any(reboots.count(droplet_id) == 2 for droplet_id in reboots)
    assert failed
    assert {action.type for action in failed} == {"backup"}
    assert "in-progress" not in {action.status for action in account.actions.values()}


def test_the_accounts_history_has_foreign_rows(fleet) -> None:
    foreign = [
        (action.resource_type, action.resource_id)
        for action in fleet(10, 8).account.actions.values()
        if action.resource_type != "droplet"
    ]

    assert foreign == [("image", 7_555_620), ("backend", None)]


def test_the_inventory_knows_names_and_teams(fleet) -> None:
    rows = inventory(fleet(10, 8).account)

    assert rows[:4] == [
        (3164444, "web-01", "storefront"),
        (3164445, "web-02", "storefront"),
        (3164446, "db-01", "data"),
        (3164447, "worker-01", "pipeline"),
    ]
    assert len({name for _, name, _ in inventory(fleet(200, 0).account)}) == 200


def test_an_id_is_given_once(clock) -> None:
    account = Simulator(clock=clock).account
    account.add_droplet(1)
    account.add_action(1, id=5)

    with pytest.raises(ValueError, match="there is a Droplet 1 already"):
        account.add_droplet(1)
    with pytest.raises(ValueError, match="there is an action 5 already"):
        account.add_action(1, id=5)


def test_droplets_may_be_just_rebooting(clock) -> None:
    simulator = Simulator(clock=clock)
    simulator.account.populate(droplets=4, actions=3, in_progress=2)

    locked = [droplet.id for droplet in simulator.account.droplets.values() if droplet.locked]
    assert locked == [3164444, 3164445]
    clock.advance(10)
    assert not any(droplet.locked for droplet in simulator.account.droplets.values())
