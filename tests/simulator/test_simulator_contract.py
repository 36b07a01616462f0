"""What the simulator answers is what DigitalOcean's own OpenAPI file describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from dovtab.resources import ACTION_TYPES
from dovtab.simulator import Fault, Simulator

DROPLET = 3164444
OPENAPI = Path(__file__).parents[3] / "shared" / "openapi"
FILE = OPENAPI / "digitalocean-droplet-actions.openapi.json"

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason="DigitalOcean's OpenAPI file is not beside this repository"
)


@pytest.fixture(scope="module")
def description() -> Any:
    return json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def contract(description: Any) -> OpenAPI:
    return OpenAPI.from_dict(description)


@pytest.fixture
def sim(simulate) -> Simulator:
    """A whole fleet, with one of everything that looks different."""
    simulator = simulate(minute_limit=None)
    account = simulator.account
    account.populate(droplets=10, actions=8, in_progress=1)
    account.add_droplet(1, "gpu", gpu=True)
    account.add_droplet(2, "old", kernel_managed=True, status="off", tags=["odd"])
    account.add_droplet(3, "six", features=["ipv6", "backups"], backup_ids=[7])
    account.add_action(3, "reboot", "errored", id=500)
    return simulator


def check(contract: OpenAPI, answer: httpx.Response) -> None:
    """The answer has a documented status, headers and body."""
    request = answer.request
    asked = MockRequest(
        "https://api.digitalocean.com", request.method.lower(), request.url.path
    )
    given = MockResponse(
        answer.content, answer.status_code, dict(answer.headers), "application/json"
    )
    contract.validate_response(asked, given)


READS = (
    "/v2/droplets",
    "/v2/droplets?type=gpus",
    "/v2/droplets?tag_name=odd",
    "/v2/droplets?per_page=2&page=2",
    "/v2/droplets/2",
    "/v2/droplets/3",
    f"/v2/droplets/{DROPLET}",
    f"/v2/droplets/{DROPLET}/actions",
    f"/v2/droplets/{DROPLET}/actions?per_page=3&page=2",
    f"/v2/droplets/{DROPLET}/actions?page=99",
    "/v2/droplets/3/actions/500",
    "/v2/actions",
    "/v2/actions?per_page=200",
    "/v2/actions/2300000001",
)


@pytest.mark.parametrize("path", READS)
def test_every_get_answers_as_described(api, contract, path) -> None:
    answer = api.get(path)

    assert answer.status_code == 200
    check(contract, answer)


def test_the_check_would_notice_a_wrong_answer(sim, api, contract) -> None:
    sim.fault(Fault("status_pending"))

    with pytest.raises(OpenAPIError):
        check(contract, api.get("/v2/actions"))


@pytest.mark.parametrize("shape", ["absent", "{}", '{"pages": {}}', "full"])
def test_every_shape_of_links_is_as_described(simulate, connect, contract, shape) -> None:
    sim = simulate(single_page_links=shape)
    sim.account.populate(droplets=2, actions=2)

    check(contract, connect(sim).get("/v2/actions"))


@pytest.mark.parametrize("type_", ["reboot", "snapshot", "enable_ipv6", "password_reset"])
def test_every_post_answers_as_described(api, contract, type_) -> None:
    answer = api.post("/v2/droplets/3164447/actions", json={"type": type_})

    assert answer.status_code == 201
    check(contract, answer)


def test_a_post_by_tag_answers_as_described(api, contract) -> None:
    answer = api.post("/v2/droplets/actions?tag_name=web", json={"type": "power_cycle"})

    assert answer.status_code == 201
    assert len(answer.json()["actions"]) > 1
    check(contract, answer)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v2/droplets/77", None, 404),
        ("GET", "/v2/droplets/77/actions", None, 404),
        ("GET", "/v2/actions/77", None, 404),
        ("POST", "/v2/droplets/77/actions", {"type": "reboot"}, 404),
        ("POST", "/v2/droplets/2/actions", {"type": "nonsense"}, 422),
        ("POST", "/v2/droplets/2/actions", {"type": "power_off"}, 422),
        ("POST", "/v2/droplets/actions?tag_name=web", {"type": "reboot"}, 422),
        ("POST", "/v2/droplets/2/actions", None, 400),
    ],
)
def test_every_error_answers_as_described(api, contract, method, path, body, status) -> None:
    answer = api.request(method, path, json=body)

    assert answer.status_code == status
    check(contract, answer)


@pytest.mark.parametrize("path", ["/v2/droplets", "/v2/actions", "/v2/droplets/2/actions"])
def test_an_unknown_token_is_answered_as_described(sim, connect, contract, path) -> None:
    answer = connect(sim, "wrong").get(path)

    assert answer.status_code == 401
    check(contract, answer)


def test_a_spent_limit_is_answered_as_described(simulate, connect, contract) -> None:
    api = connect(simulate(minute_limit=1))
    api.get("/v2/actions")
    answer = api.get("/v2/actions")

    assert answer.status_code == 429
    check(contract, answer)


def test_the_types_by_tag_are_those_of_the_description(description) -> None:
    """The simulator validates by the product's own list, so check that list here."""
    post = description["paths"]["/v2/droplets/actions"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]

    by_tag = {action_type.name for action_type in ACTION_TYPES.values() if action_type.by_tag}
    assert by_tag == set(body["discriminator"]["mapping"])


def test_the_types_are_those_of_the_description(description) -> None:
    post = description["paths"]["/v2/droplets/{droplet_id}/actions"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]

    assert set(ACTION_TYPES) == set(body["discriminator"]["mapping"])
