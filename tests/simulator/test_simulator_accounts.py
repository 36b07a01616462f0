"""Several accounts at one URL: the token says which."""

from __future__ import annotations


def test_a_token_sees_its_own_account_and_no_other(simulate, connect) -> None:
    simulator = simulate(minute_limit=1)
    other = simulator.add_account("token-of-prod")
    simulator.account.add_droplet(1, "ours")
    other.add_droplet(2, "theirs")
    ours, theirs = connect(simulator), connect(simulator, "token-of-prod")
    assert [d["name"] for d in ours.get("/v2/droplets").json()["droplets"]] == ["ours"]
    assert [d["name"] for d in theirs.get("/v2/droplets").json()["droplets"]] == ["theirs"]
    assert [request.authorized_as for request in simulator.requests] == [
        "simulator",
        "token-of-prod",
    ]
    # Each has its own rate limit.
    assert ours.get("/v2/droplets/2").status_code == 429
    assert connect(simulator, "unknown").get("/v2/droplets/1").status_code == 401


def test_what_is_started_is_started_in_the_account_of_the_token(simulate, connect) -> None:
    simulator = simulate()
    other = simulator.add_account("token-of-prod")
    other.add_droplet(2)
    asked = {"type": "snapshot"}
    assert connect(simulator).post("/v2/droplets/2/actions", json=asked).status_code == 404
    theirs = connect(simulator, "token-of-prod").post("/v2/droplets/2/actions", json=asked)
    assert theirs.status_code == 201
    assert len(simulator.account.actions) == 0
    assert [action.type for action in other.actions.values()] == ["snapshot"]
