"""What each type of action needs, and what it changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from dovtab.resources import ACTION_TYPES
from dovtab.simulator import Simulator

DROPLET = 3164444
BACKUP = 53_893_572
DROPLET_PATH = f"/v2/droplets/{DROPLET}"
POST_PATH = f"{DROPLET_PATH}/actions"


def post(api: httpx.Client, type: str, **attributes: Any) -> httpx.Response:
    return api.post(POST_PATH, json={"type": type, **attributes})


def droplet(api: httpx.Client) -> Any:
    return api.get(DROPLET_PATH).json()["droplet"]


def refusal(answer: httpx.Response) -> str:
    """The message of a 422."""
    assert answer.status_code == 422, answer.text
    return answer.json()["message"]


@pytest.fixture
def with_droplet(simulate, connect):
    """A client of an account with one Droplet, under some rules."""

    def arrange(rules: dict[str, Any], **attributes: Any) -> httpx.Client:
        simulator = simulate(**rules)
        simulator.account.add_droplet(DROPLET, **attributes)
        return connect(simulator)

    return arrange


WORKS = [
    # type, attributes, the Droplet before, what changes, seconds
    ("power_on", {}, {"status": "off"}, {"status": "active"}, 10),
    ("power_off", {}, {}, {"status": "off"}, 5),
    ("shutdown", {}, {}, {"status": "off"}, 4),
    ("reboot", {}, {}, {"status": "active"}, 10),
    ("power_cycle", {}, {"status": "off"}, {"status": "active"}, 10),
    ("resize", {"size": "s-2vcpu-4gb"}, {"status": "off"}, {"memory": 4096, "disk": 25}, 60),
    (
        "resize",
        {"size": "s-2vcpu-4gb", "disk": True},
        {"status": "off"},
        {"size_slug": "s-2vcpu-4gb", "vcpus": 2, "disk": 80, "status": "off"},
        60,
    ),
    ("snapshot", {"name": "before"}, {}, {"snapshot_ids": [67_512_819]}, 60),
    ("snapshot", {}, {}, {"snapshot_ids": [67_512_819]}, 60),
    ("rename", {"name": "web-02"}, {}, {"name": "web-02"}, 2),
    ("rebuild", {"image": "debian-12-x64"}, {"status": "off"}, {"status": "active"}, 60),
    ("rebuild", {"image": 12}, {}, {"status": "active"}, 60),
    ("restore", {"image": BACKUP}, {"backup_ids": [BACKUP]}, {"status": "active"}, 60),
    ("password_reset", {}, {"status": "off"}, {"status": "active"}, 15),
    (
        "change_kernel",
        {"kernel": 991},
        {"kernel_managed": True},
        {"kernel": {"id": 991, "name": "kernel 991", "version": "generic"}},
        5,
    ),
    ("enable_ipv6", {}, {}, {"features": ["ipv6"]}, 2),
    ("enable_backups", {}, {}, {"features": ["backups"]}, 2),
    ("disable_backups", {}, {"features": ["backups", "ipv6"]}, {"features": ["ipv6"]}, 2),
    (
        "change_backup_policy",
        {"backup_policy": {"plan": "weekly", "weekday": "SUN", "hour": 4}},
        {"features": ["backups"]},
        {"features": ["backups"]},
        2,
    ),
]


@pytest.mark.parametrize(
    ("type_", "attributes", "before", "after", "seconds"),
    WORKS,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(WORKS)],
)
def test_an_action_runs_its_course(
    with_droplet, clock, type_, attributes, before, after, seconds
) -> None:
    api = with_droplet({}, **before)
    unchanged = droplet(api)

    answer = post(api, type_, **attributes)
    action = answer.json()["action"]
    assert answer.status_code == 201
    assert (action["type"], action["status"]) == (type_, "in-progress")
    assert action["completed_at"] is None
    assert action["resource_id"] == DROPLET

    clock.advance(seconds - 0.5)
    assert droplet(api) == {**unchanged, "locked": True}
    clock.advance(0.5)
    now = droplet(api)
    assert now["locked"] is False
    assert {name: now[name] for name in after} == after

    done = api.get(f"/v2/actions/{action['id']}").json()["action"]
    assert done["status"] == "completed"
    assert done["completed_at"] is not None


def test_each_of_the_sixteen_types_is_among_them() -> None:
    assert {case[0] for case in WORKS} == set(ACTION_TYPES)


OFF_FIRST = "Droplet is currently on. Please power it off to run this event."


@pytest.mark.parametrize(
    ("type_", "attributes", "before", "message"),
    [
        ("power_on", {}, {}, "Droplet is already powered on"),
        ("power_off", {}, {"status": "off"}, "Droplet is already powered off"),
        ("shutdown", {}, {"status": "off"}, "Droplet is already powered off"),
        ("reboot", {}, {"status": "off"}, "Droplet is already powered off"),
        ("resize", {"size": "s-2vcpu-4gb"}, {}, OFF_FIRST),
        (
            "resize",
            {"size": "s-1vcpu-1gb"},
            {"status": "off"},
            "The droplet is already set to this size.",
        ),
        (
            "resize",
            {"size": "s-1vcpu-512mb-10gb"},
            {"status": "off"},
            "Size can not decrease size of Droplet's disk image",
        ),
        ("resize", {"size": "huge"}, {"status": "off"}, "You specified an invalid size."),
        ("rename", {}, {}, "Name Droplet must have a name"),
        ("rename", {"name": ""}, {}, "Name Droplet must have a name"),
        (
            "rename",
            {"name": "a b"},
            {},
            "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)",
        ),
        ("restore", {"image": 5}, {}, "The image is no backup of this Droplet."),
        ("change_kernel", {"kernel": 1}, {}, "The Droplet manages its own kernel."),
        ("disable_backups", {}, {}, "Backups have already been disabled on this Droplet."),
        (
            "change_backup_policy",
            {"backup_policy": {"plan": "daily"}},
            {},
            "Backups are not enabled on this Droplet.",
        ),
        ("enable_ipv6", {}, {"features": ["ipv6"]}, "The Droplet has ipv6 already."),
        ("enable_backups", {}, {"features": ["backups"]}, "The Droplet has backups already."),
    ],
)
def test_a_droplet_that_is_not_fit_refuses(
    with_droplet, type_, attributes, before, message
) -> None:
    api = with_droplet({}, **before)

    assert refusal(post(api, type_, **attributes)) == message
    assert api.get(POST_PATH).json()["actions"] == []


@pytest.mark.parametrize(
    ("rule", "type_", "attributes", "before", "status"),
    [
        ({"resize_requires_off": False}, "resize", {"size": "s-1vcpu-2gb"}, {}, 201),
        ({"snapshot_requires_off": True}, "snapshot", {}, {}, 422),
        ({"snapshot_requires_off": True}, "snapshot", {}, {"status": "off"}, 201),
        ({"reboot_requires_on": False}, "reboot", {}, {"status": "off"}, 201),
        ({"power_cycle_requires_on": True}, "power_cycle", {}, {"status": "off"}, 422),
        ({"repeats_refused": False}, "enable_ipv6", {}, {"features": ["ipv6"]}, 201),
        ({"private_networking": True}, "enable_private_networking", {}, {}, 201),
        ({}, "enable_private_networking", {}, {}, 422),
    ],
)
def test_an_assumption_can_be_switched(
    with_droplet, rule, type_, attributes, before, status
) -> None:
    assert post(with_droplet(rule, **before), type_, **attributes).status_code == status


def test_a_locked_droplet_refuses_every_action(api, clock) -> None:
    post(api, "reboot")

    assert refusal(post(api, "snapshot")) == "Droplet already has a pending event."
    clock.advance(10)
    assert post(api, "snapshot").status_code == 201


def test_of_two_posts_at_once_exactly_one_is_accepted(sim, connect) -> None:
    clients = [connect(sim) for _ in range(8)]

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: post(client, "reboot"), clients))

    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
    assert len(sim.account.actions) == 1


@pytest.mark.parametrize("with_time", [True, False])
def test_an_action_that_fails_changes_nothing(with_droplet, clock, with_time) -> None:
    rules = {"errored_types": {"power_off"}, "errored_has_completed_at": with_time}
    api = with_droplet(rules)
    action_id = post(api, "power_off").json()["action"]["id"]
    clock.advance(5)

    action = api.get(f"/v2/actions/{action_id}").json()["action"]
    assert action["status"] == "errored"
    assert (action["completed_at"] is not None) is with_time
    assert (droplet(api)["status"], droplet(api)["locked"]) == ("active", False)


def test_only_the_next_action_fails(sim, api, clock) -> None:
    sim.account.fail_next(DROPLET)
    for _ in range(2):
        post(api, "reboot")
        clock.advance(10)

    statuses = [action["status"] for action in api.get(POST_PATH).json()["actions"]]
    assert statuses == ["completed", "errored"]


def test_a_system_may_ignore_a_shutdown(with_droplet, clock) -> None:
    api = with_droplet({"shutdown_ignored": True})
    action_id = post(api, "shutdown").json()["action"]["id"]
    clock.advance(4)

    assert api.get(f"/v2/actions/{action_id}").json()["action"]["status"] == "completed"
    assert droplet(api)["status"] == "active"


def test_the_status_may_lag_behind_the_action(with_droplet, clock) -> None:
    api = with_droplet({"status_lag": 3})
    post(api, "power_off")
    clock.advance(5)

    assert (droplet(api)["status"], droplet(api)["locked"]) == ("active", False)
    assert post(api, "power_off").status_code == 422
    clock.advance(3)
    assert droplet(api)["status"] == "off"


def test_the_status_may_come_before_the_lock_goes(with_droplet, clock) -> None:
    api = with_droplet({"early_status": True})
    post(api, "power_off")
    clock.advance(2.5)

    assert (droplet(api)["status"], droplet(api)["locked"]) == ("off", True)


def test_the_droplets_view_may_never_show_completed_at(with_droplet, clock) -> None:
    api = with_droplet({"droplet_completed_at_null": True})
    action_id = post(api, "reboot").json()["action"]["id"]
    clock.advance(10)

    seen = api.get(f"{POST_PATH}/{action_id}").json()["action"]
    assert (seen["status"], seen["completed_at"]) == ("completed", None)
    assert api.get(f"/v2/actions/{action_id}").json()["action"]["completed_at"]


def test_a_new_action_may_not_be_found_at_first(with_droplet, clock) -> None:
    api = with_droplet({"new_action_404": 2})
    action_id = post(api, "reboot").json()["action"]["id"]

    assert api.get(f"/v2/actions/{action_id}").status_code == 404
    clock.advance(2)
    assert api.get(f"/v2/actions/{action_id}").status_code == 200


def test_a_duration_can_be_set(with_droplet, clock) -> None:
    api = with_droplet({"durations": {"snapshot": 507}})
    post(api, "snapshot")
    clock.advance(506)
    assert droplet(api)["locked"]
    clock.advance(1)
    assert not droplet(api)["locked"]


def test_the_account_read_in_python_moves_with_the_clock(sim, api, clock) -> None:
    post(api, "power_off")
    clock.advance(5)

    assert sim.account.droplets[DROPLET].status == "off"
    assert [action.status for action in sim.account.actions.values()] == ["completed"]


def test_an_added_action_in_progress_locks_its_droplet(sim, api, clock) -> None:
    action = sim.account.add_action(DROPLET, "migrate", "in-progress", seconds=30)

    assert droplet(api)["locked"]
    clock.advance(30)
    assert not droplet(api)["locked"]
    assert action.completed_at == "2026-11-18T11:07:10Z"


class TestByTag:
    PATH = "/v2/droplets/actions"

    @pytest.fixture
    def tagged(self, simulate, connect):
        """Two Droplets with the tag web, of which the second is off; one without."""

        def arrange(**rules: Any) -> tuple[Simulator, httpx.Client]:
            simulator = simulate(**rules)
            simulator.account.add_droplet(1, tags=["web"])
            simulator.account.add_droplet(2, tags=["web", "env:prod"], status="off")
            simulator.account.add_droplet(3, tags=["db"])
            return simulator, connect(simulator)

        return arrange

    def test_every_droplet_of_the_tag_gets_an_action(self, tagged) -> None:
        _, api = tagged()
        answer = api.post(self.PATH, params={"tag_name": "web"}, json={"type": "snapshot"})

        assert answer.status_code == 201
        assert list(answer.json()) == ["actions"]
        assert [action["resource_id"] for action in answer.json()["actions"]] == [1, 2]

    @pytest.mark.parametrize("type_", sorted(ACTION_TYPES))
    def test_eight_types_go_by_tag(self, tagged, type_) -> None:
        _, api = tagged()
        attributes = {"name": "n", "image": 1, "size": "s", "kernel": 1, "backup_policy": {}}
        answer = api.post(
            self.PATH, params={"tag_name": "web"}, json={"type": type_, **attributes}
        )

        by_tag = ACTION_TYPES[type_].by_tag
        assert answer.status_code == (201 if by_tag else 422), answer.text

    def test_unfit_droplets_are_left_out(self, tagged) -> None:
        _, api = tagged()
        answer = api.post(self.PATH, params={"tag_name": "web"}, json={"type": "power_off"})

        assert [action["resource_id"] for action in answer.json()["actions"]] == [1]

    def test_or_an_unfit_droplet_refuses_the_whole(self, tagged) -> None:
        sim, api = tagged(unfit_in_tag="refuse")
        answer = api.post(self.PATH, params={"tag_name": "web"}, json={"type": "power_off"})

        assert refusal(answer) == "Droplet is already powered off"
        assert sim.account.actions == {}

    @pytest.mark.parametrize("rule", ["unknown_tag", "empty_tag"])
    @pytest.mark.parametrize(("mode", "status"), [("empty", 201), ("404", 404), ("422", 422)])
    def test_a_tag_of_no_droplet_has_three_answers(self, tagged, rule, mode, status) -> None:
        _, api = tagged(**{rule: mode})
        tag = "nobody" if rule == "unknown_tag" else ""
        answer = api.post(self.PATH, params={"tag_name": tag}, json={"type": "power_off"})

        assert answer.status_code == status
        if status == 201:
            assert answer.json() == {"actions": []}
