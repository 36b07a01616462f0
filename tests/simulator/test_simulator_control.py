"""The second port: state, requests, faults."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from dovtab.simulator.control import Control


@pytest.fixture
def control(sim) -> Iterator[httpx.Client]:
    port = Control(sim)
    with httpx.Client(base_url=port.url, trust_env=False) as client:
        yield client
    port.stop()


def test_the_state_is_shown(sim, control) -> None:
    sim.account.add_action(3164444)
    state = control.get("/_sim/state").json()

    assert state["actions"] == {"completed": 1}
    assert state["droplets"][0]["powered"] is True


def test_the_requests_are_shown_without_the_token(sim, api, control) -> None:
    api.post("/v2/droplets/3164444/actions", json={"type": "reboot"})
    (entry,) = control.get("/_sim/requests").json()

    assert (entry["method"], entry["status"]) == ("POST", 201)
    assert entry["body"] == '{"type":"reboot"}'
    assert entry["headers"]["authorization"] == "Bearer ***"


def test_faults_are_set_and_cleared(api, control) -> None:
    control.post("/_sim/faults", json={"kind": "status", "times": None})
    assert api.get("/v2/actions").status_code == 500

    control.delete("/_sim/faults")
    assert api.get("/v2/actions").status_code == 200


@pytest.mark.parametrize(
    "body", ['{"kind": "x"}', "{}", "[]", "{", '{"kind":"close","path":"("}']
)
def test_a_fault_that_makes_no_sense_is_refused(control, body) -> None:
    assert control.post("/_sim/faults", content=body).status_code == 422


def test_the_control_port_has_no_api(control) -> None:
    assert control.get("/v2/actions").status_code == 404


def test_colleagues_are_set_and_cleared(sim, api, control) -> None:
    colleague = {"path": "droplets", "times": None, "when": "before"}
    assert control.post("/_sim/colleagues", json=colleague).status_code == 204
    assert api.post("/v2/droplets/3164444/actions", json={"type": "reboot"}).status_code == 422
    assert [sim.account.started_by(id) for id in sim.account.actions] == ["colleague"]

    sim.account.add_droplet(1)
    control.delete("/_sim/faults")
    assert api.post("/v2/droplets/1/actions", json={"type": "reboot"}).status_code == 422
    sim.account.add_droplet(2)
    assert control.delete("/_sim/colleagues").status_code == 204
    assert api.post("/v2/droplets/2/actions", json={"type": "reboot"}).status_code == 201


@pytest.mark.parametrize(
    "body", ['{"when": "x"}', "[]", "{", '{"path":"("}', '{"kind":"close"}']
)
def test_a_colleague_that_makes_no_sense_is_refused(control, body) -> None:
    assert control.post("/_sim/colleagues", content=body).status_code == 422
