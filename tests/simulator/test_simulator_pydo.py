"""DigitalOcean's own Python client takes the simulator for the service."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import HeadersPolicy

from dovtab.simulator import Simulator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pydo

DROPLET = 3164444


@pytest.fixture
def sim(simulate) -> Simulator:
    simulator = simulate()
    simulator.account.populate(droplets=3, actions=25)
    return simulator


@pytest.fixture
def client(sim) -> Iterator[pydo.Client]:
    """It refuses plain http with its own policy, so the header comes from another."""
    policy = HeadersPolicy({"Authorization": f"Bearer {sim.token}"})
    with pydo.Client("", endpoint=sim.url, authentication_policy=policy) as opened:
        yield opened


def test_pydo_lists_page_by_page(sim, client) -> None:
    pages = [client.droplet_actions.list(DROPLET, per_page=10, page=n) for n in (1, 2, 3)]

    assert [len(page["actions"]) for page in pages] == [10, 10, 5]
    assert "next" not in pages[2]["links"]["pages"]
    assert client.actions.list(per_page=200)["meta"]["total"] == len(sim.account.actions)
    assert [droplet["id"] for droplet in client.droplets.list()["droplets"]] == [
        DROPLET + 2,
        DROPLET + 1,
        DROPLET,
    ]


def test_pydo_gets(client) -> None:
    newest = client.droplet_actions.list(DROPLET)["actions"][0]

    assert client.droplet_actions.get(DROPLET, newest["id"])["action"] == newest
    assert client.actions.get(newest["id"])["action"] == newest
    assert client.droplets.get(DROPLET)["droplet"]["name"] == "web-01"
    assert client.droplet_actions.get(DROPLET, 1)["id"] == "not_found"


def test_pydo_posts(client, clock) -> None:
    action = client.droplet_actions.post(DROPLET, {"type": "power_off"})["action"]
    with pytest.raises(HttpResponseError, match="pending event"):
        client.droplet_actions.post(DROPLET, {"type": "power_on"})

    clock.advance(5)
    assert client.actions.get(action["id"])["action"]["status"] == "completed"
    assert client.droplets.get(DROPLET)["droplet"]["status"] == "off"


def test_pydo_posts_by_tag(client) -> None:
    answer = client.droplet_actions.post_by_tag({"type": "snapshot"}, tag_name="env:prod")

    assert [action["resource_id"] for action in answer["actions"]] == [
        DROPLET,
        DROPLET + 1,
        DROPLET + 2,
    ]
