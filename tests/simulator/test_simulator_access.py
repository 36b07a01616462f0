"""Tokens, scopes, rate limits, the headers of every answer."""

from __future__ import annotations

import re

import httpx
import pytest

LIST = "/v2/droplets/3164444/actions"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "simulator", "Basic simulator", "Bearer", "Bearer wrong", "Bearer simulator2"],
)
def test_who_is_not_known_is_unauthorized(sim, authorization) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = httpx.get(sim.url + LIST, headers=headers, trust_env=False)

    assert answer.status_code == 401
    body = answer.json()
    assert (body["id"], body["message"]) == ("unauthorized", "Unable to authenticate you.")


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("droplet:read", "GET", LIST, None),
        ("droplet:read", "GET", "/v2/droplets", None),
        ("droplet:read", "GET", "/v2/droplets/3164444", None),
        ("actions:read", "GET", "/v2/actions", None),
        ("droplet:update", "POST", LIST, {"type": "reboot"}),
        ("droplet:update", "POST", "/v2/droplets/actions?tag_name=web", {"type": "shutdown"}),
        ("tag:read", "GET", "/v2/droplets?tag_name=web", None),
        ("image:create", "POST", LIST, {"type": "snapshot"}),
        ("droplet:admin", "POST", LIST, {"type": "password_reset"}),
        ("droplet:create", "POST", LIST, {"type": "resize", "size": "s-2vcpu-2gb"}),
    ],
)
def test_a_token_without_the_scope_is_forbidden(
    sim, connect, scope, method, path, body
) -> None:
    """With every scope but one it is 403, and with all of them it is not."""
    every = {"droplet:read", "droplet:update", "droplet:admin", "droplet:create"}
    every |= {"actions:read", "tag:read", "image:create"}
    sim.account.add_token("all", every)
    sim.account.add_token("less", every - {scope})

    refused = connect(sim, "less").request(method, path, json=body)
    assert (refused.status_code, refused.json()["id"]) == (403, "forbidden")
    assert sim.account.actions == {}
    assert connect(sim, "all").request(method, path, json=body).status_code != 403


def test_every_answer_has_the_usual_headers(sim, api, connect) -> None:
    for answer in (
        api.get(LIST),
        api.get("/v2/droplets/1"),
        api.get("/nowhere"),
        api.post(LIST, json={"type": "x"}),
        connect(sim, "wrong").get(LIST),
    ):
        headers = answer.headers
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-request-id"])
        assert headers["ratelimit-limit"] == "5000"
        assert int(headers["ratelimit-remaining"]) <= 5000
        assert int(headers["ratelimit-reset"]) == 1_795_003_600
        if answer.is_error:
            assert answer.json()["request_id"] == headers["x-request-id"]


def test_an_error_may_leave_the_request_id_to_the_header(simulate, connect) -> None:
    answer = connect(simulate(request_id_in_error=False)).get("/v2/droplets/1")

    assert set(answer.json()) == {"id", "message"}


def test_the_burst_limit_says_when_to_come_back(simulate, connect, clock) -> None:
    api = connect(simulate(minute_limit=2))
    api.get("/v2/actions")
    clock.advance(10)
    api.get("/v2/actions")

    refused = api.get("/v2/actions")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "50"
    assert refused.headers["ratelimit-remaining"] == "0"
    clock.advance(49.9)
    assert api.get("/v2/actions").status_code == 429
    clock.advance(0.1)
    assert api.get("/v2/actions").status_code == 200


def test_the_hourly_limit_does_not(simulate, connect, clock) -> None:
    api = connect(simulate(hour_limit=2))
    first = api.get("/v2/actions")
    assert first.headers["ratelimit-remaining"] == "1"
    clock.advance(600)
    api.get("/v2/actions")

    refused = api.get("/v2/actions")
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.headers["ratelimit-reset"] == first.headers["ratelimit-reset"]
    clock.advance(3000)
    assert api.get("/v2/actions").status_code == 200
    assert api.get("/v2/actions").status_code == 429  # one slot was free, not two


def test_a_429_has_no_effect(simulate, connect) -> None:
    sim = simulate(minute_limit=0)
    sim.account.add_droplet(3164444)

    assert connect(sim).post(LIST, json={"type": "reboot"}).status_code == 429
    assert sim.account.actions == {}


@pytest.mark.parametrize(("counts", "status"), [(False, 200), (True, 429)])
def test_refused_requests_count_only_if_the_rule_says_so(
    simulate, connect, clock, counts, status
) -> None:
    api = connect(simulate(minute_limit=1, refused_requests_count=counts))
    api.get("/v2/actions")
    clock.advance(30)
    api.get("/v2/actions")
    clock.advance(30)

    assert api.get("/v2/actions").status_code == status


def test_each_token_has_its_own_limit(simulate, connect) -> None:
    sim = simulate(minute_limit=1)
    sim.account.add_token("other")

    assert connect(sim).get("/v2/actions").status_code == 200
    assert connect(sim, "other").get("/v2/actions").status_code == 200
    assert connect(sim).get("/v2/actions").status_code == 429


def test_the_limits_can_be_off(simulate, connect) -> None:
    api = connect(simulate(minute_limit=None, hour_limit=None))

    answers = [api.get("/v2/actions") for _ in range(300)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[-1].headers["ratelimit-remaining"] == "4700"


def test_the_reset_may_lie_in_the_past(simulate, connect, clock) -> None:
    answer = connect(simulate(reset_in_past=True, hour_limit=0)).get("/v2/actions")

    assert answer.status_code == 429
    assert int(answer.headers["ratelimit-reset"]) < clock.time()


def test_the_edge_may_set_a_cookie(simulate, connect) -> None:
    assert "__cf_bm" in connect(simulate(cookie=True)).get("/v2/actions").headers["set-cookie"]


def test_the_log_knows_who_asked_and_never_the_token(sim, connect) -> None:
    sim.account.add_token("dop_v1_secret", label="ops")
    api = connect(sim, "dop_v1_secret")
    api.post(LIST, params={"a": "b c", "empty": ""}, json={"type": "reboot"})
    httpx.get(sim.url, headers={"authorization": "dop_v1_secret"}, trust_env=False)

    posted, bare = sim.requests
    assert (posted.seq, posted.method, posted.path) == (1, "POST", LIST)
    assert posted.query == {"a": "b c", "empty": ""}
    assert posted.json == {"type": "reboot"}
    assert (posted.status, posted.fault, posted.authorized_as) == (201, None, "ops")
    assert posted.headers["authorization"] == "Bearer ***"
    assert (bare.headers["authorization"], bare.authorized_as) == ("***", None)
    assert "secret" not in repr(sim.requests)
