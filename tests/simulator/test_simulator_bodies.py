"""Which bodies of a POST are accepted, and the order of the checks."""

from __future__ import annotations

import pytest

POST_PATH = "/v2/droplets/3164444/actions"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"reboot"', b"null", b"\xff"])
def test_what_is_no_json_object_is_a_bad_request(api, body) -> None:
    answer = api.post(POST_PATH, content=body)

    assert (answer.status_code, answer.json()["id"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": None},
        {"type": 5},
        {"type": "explode"},
        {"type": "upgrade"},
        {"type": "restore"},
        {"type": "restore", "image": "abc"},
        {"type": "restore", "image": True},
        {"type": "rebuild"},
        {"type": "rebuild", "image": ""},
        {"type": "rebuild", "image": 1.5},
        {"type": "resize"},
        {"type": "resize", "size": 5},
        {"type": "resize", "size": "s-1vcpu-2gb", "disk": "yes"},
        {"type": "change_kernel"},
        {"type": "change_kernel", "kernel": "a"},
        {"type": "rename", "name": 5},
        {"type": "snapshot", "name": 5},
        {"type": "change_backup_policy"},
        {"type": "change_backup_policy", "backup_policy": "daily"},
        {"type": "enable_backups", "backup_policy": {"plan": 1}},
        {"type": "enable_backups", "backup_policy": {"plan": "daily", "hour": 3}},
        {"type": "enable_backups", "backup_policy": {"plan": "daily", "weekday": "XXX"}},
        {"type": "enable_backups", "backup_policy": {"plan": "weekly", "weekday": ""}},
    ],
    ids=str,
)
def test_a_body_that_makes_no_sense_is_refused(sim, api, body) -> None:
    answer = api.post(POST_PATH, json=body)

    assert (answer.status_code, answer.json()["id"]) == (422, "unprocessable_entity")
    assert sim.account.actions == {}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "reboot", "unknown": [1]},
        {"type": "snapshot", "name": None},
        {"type": "snapshot", "name": ""},
        {"type": "enable_backups", "backup_policy": {}},
        {"type": "enable_backups", "backup_policy": {"plan": "weekly", "weekday": "SUN"}},
        # As the official command line sends a daily plan.
        {
            "type": "enable_backups",
            "backup_policy": {"hour": 4, "plan": "daily", "weekday": ""},
        },
        # A plan that no document lists yet.
        {
            "type": "enable_backups",
            "backup_policy": {
                "plan": "intra_daily_4h",
                "hour": 3,
                "window_length_hours": 4,
                "retention_period_days": 7,
            },
        },
    ],
    ids=str,
)
def test_a_body_with_more_than_the_documentation_knows_is_accepted(api, body) -> None:
    assert api.post(POST_PATH, json=body).status_code == 201


def test_the_type_is_checked_before_the_droplet(api) -> None:
    assert api.post("/v2/droplets/77/actions", json={"type": "x"}).status_code == 422


def test_the_droplet_is_checked_before_its_state(sim, api) -> None:
    sim.account.destroy(3164444)

    assert api.post(POST_PATH, json={"type": "power_on"}).status_code == 404


def test_the_lock_is_checked_before_the_precondition(api) -> None:
    api.post(POST_PATH, json={"type": "reboot"})
    answer = api.post(POST_PATH, json={"type": "power_on"})

    assert answer.json()["message"] == "Droplet already has a pending event."
