"""Who started an action, and with which request: the truth behind a client's claim."""

from __future__ import annotations

import httpx
import pytest

from dovtab.simulator import Fault

DROPLET = 3164444
LIST = f"/v2/droplets/{DROPLET}/actions"
BY_TAG = "/v2/droplets/actions?tag_name=web"
REBOOT = {"type": "reboot"}
SHUTDOWN = {"type": "shutdown"}  # a reboot is not available by tag


def test_an_action_has_the_label_of_its_token_and_the_number_of_its_request(
    sim, connect
) -> None:
    sim.account.add_token("secret", label="prod")
    sim.account.add_droplet(1)
    old = sim.account.add_action(DROPLET).id
    connect(sim).get(LIST)
    ours = connect(sim, "secret").post(LIST, json=REBOOT).json()["action"]["id"]
    theirs = connect(sim).post("/v2/droplets/1/actions", json=REBOOT).json()["action"]["id"]

    account = sim.account
    assert [account.started_by(id) for id in (old, ours, theirs)] == [None, "prod", "simulator"]
    seqs = [account.started_by_request(id) for id in (old, ours, theirs)]
    assert seqs == [None, 2, 3]
    assert [sim.requests[seq - 1].authorized_as for seq in seqs[1:]] == ["prod", "simulator"]


def test_the_actions_of_a_tag_have_one_request(sim, api) -> None:
    sim.account.add_droplet(1, tags=["web"])
    ids = [action["id"] for action in api.post(BY_TAG, json=SHUTDOWN).json()["actions"]]

    assert [sim.account.started_by_request(id) for id in ids] == [1, 1]
    assert [sim.account.started_by(id) for id in ids] == ["simulator"] * 2


@pytest.mark.parametrize("kind", ["status_after_effect", "lost_after_effect"])
def test_an_action_is_ours_though_its_answer_was_lost(sim, api, kind) -> None:
    sim.fault(Fault(kind))
    try:
        api.post(LIST, json=REBOOT)
    except httpx.RemoteProtocolError:
        assert kind == "lost_after_effect"

    (id,) = sim.account.actions
    assert (sim.account.started_by(id), sim.account.started_by_request(id)) == ("simulator", 1)


def test_what_was_only_added_was_started_by_nobody(sim) -> None:
    sim.account.populate(droplets=2, actions=3, in_progress=1)

    starters = {sim.account.started_by(id) for id in sim.account.actions}
    assert starters | {sim.account.started_by_request(id) for id in sim.account.actions} == {
        None
    }
    with pytest.raises(KeyError):
        sim.account.started_by(1)
