"""Somebody else who starts the same action at the same moment."""

from __future__ import annotations

import random

import httpx
import pytest

from dovtab.simulator import Colleague, Fault

DROPLET = 3164444
LIST = f"/v2/droplets/{DROPLET}/actions"
BY_TAG = "/v2/droplets/actions?tag_name=web"
REBOOT = {"type": "reboot"}
SNAPSHOT = {"type": "snapshot"}
SHUTDOWN = {"type": "shutdown"}  # a reboot is not available by tag


def whose(sim) -> list[tuple[int, str, str | None]]:
    """Each action's Droplet, type and starter, the oldest first."""
    actions = sim.account.actions.values()
    return [(a.resource_id, a.type, sim.account.started_by(a.id)) for a in actions]


def test_a_colleague_before_us_has_the_lock(sim, api) -> None:
    sim.colleague(Colleague())
    answer = api.post(LIST, json=REBOOT)

    assert (answer.status_code, answer.json()["message"]) == (
        422,
        "Droplet already has a pending event.",
    )
    assert whose(sim) == [(DROPLET, "reboot", "colleague")]
    (action,) = sim.account.actions.values()
    assert (action.status, sim.account.started_by_request(action.id)) == ("in-progress", None)


def test_a_colleagues_action_runs_its_course(sim, api, clock) -> None:
    sim.colleague(Colleague())
    api.post(LIST, json={"type": "rename", "name": "theirs"})
    clock.advance(2)

    assert sim.account.droplets[DROPLET].name == "theirs"
    assert not sim.account.droplets[DROPLET].locked


def test_a_colleague_instead_of_us_leaves_us_without_an_answer(sim, api) -> None:
    sim.colleague(Colleague(when="instead"))

    with pytest.raises(httpx.RemoteProtocolError):
        api.post(LIST, json=REBOOT)
    assert whose(sim) == [(DROPLET, "reboot", "colleague")]
    assert (sim.requests[0].status, sim.requests[0].fault) == (None, "close")


@pytest.mark.parametrize("when", ["before", "instead", "after"])
def test_a_fault_at_the_edge_stops_us_and_no_colleague(sim, api, when) -> None:
    sim.fault(Fault("status", status=502))
    sim.colleague(Colleague(when=when))

    assert api.post(LIST, json=REBOOT).status_code == 502
    assert whose(sim) == [(DROPLET, "reboot", "colleague")]


def test_a_fault_after_the_effect_has_none_instead(sim, api) -> None:
    """``instead`` says that ours takes no effect, and that comes first."""
    sim.fault(Fault("status_after_effect"))
    sim.colleague(Colleague(when="instead"))

    with pytest.raises(httpx.RemoteProtocolError):
        api.post(LIST, json=REBOOT)
    assert whose(sim) == [(DROPLET, "reboot", "colleague")]


def test_a_colleague_after_us_leaves_two_actions(sim, api, clock) -> None:
    sim.colleague(Colleague(when="after"))
    answer = api.post(LIST, json=SNAPSHOT)

    assert answer.status_code == 201
    assert whose(sim) == [
        (DROPLET, "snapshot", "simulator"),
        (DROPLET, "snapshot", "colleague"),
    ]
    rows = api.get(LIST).json()["actions"]
    assert [row["status"] for row in rows] == ["in-progress"] * 2
    assert rows[1]["id"] == answer.json()["action"]["id"]
    assert len({row["started_at"] for row in rows}) == 1

    clock.advance(60)
    assert [row["status"] for row in api.get(LIST).json()["actions"]] == ["completed"] * 2
    droplet = sim.account.droplets[DROPLET]
    assert (len(droplet.snapshot_ids), droplet.locked) == (2, False)


def test_the_droplet_is_locked_until_the_last_of_two_ends(sim, clock) -> None:
    for seconds in (5, 10):
        sim.account.add_action(DROPLET, status="in-progress", seconds=seconds)

    clock.advance(5)
    assert sim.account.droplets[DROPLET].locked
    clock.advance(5)
    assert not sim.account.droplets[DROPLET].locked


@pytest.mark.parametrize(
    ("when", "starters"),
    [("before", ["colleague"] * 2), ("after", ["simulator"] * 2 + ["colleague"] * 2)],
)
def test_a_colleague_acts_by_tag_too(sim, api, when, starters) -> None:
    sim.account.add_droplet(1, tags=["web"])
    sim.account.add_droplet(2, tags=["db"])
    sim.account.add_droplet(3, tags=["web"], status="off")
    sim.colleague(Colleague(when=when))
    answer = api.post(BY_TAG, json=SHUTDOWN)

    droplets = [1, DROPLET]
    assert [action["resource_id"] for action in answer.json()["actions"]] == (
        droplets if when == "after" else []
    )
    pairs = [(droplet, starter) for droplet, _, starter in whose(sim)]
    assert pairs == list(zip(droplets * (len(starters) // 2), starters, strict=True))


@pytest.mark.parametrize("when", ["before", "after"])
def test_our_scopes_and_limits_are_nothing_to_a_colleague(sim, connect, when) -> None:
    sim.account.add_token("narrow", scopes=frozenset())
    sim.colleague(Colleague(when=when))

    assert connect(sim, "narrow").post(LIST, json=REBOOT).status_code == 403
    assert whose(sim) == [(DROPLET, "reboot", "colleague")]


def test_a_colleague_counts_against_no_limit_of_ours(simulate, connect) -> None:
    sim = simulate(minute_limit=1)
    sim.account.add_droplet(DROPLET)
    sim.colleague(Colleague(when="after"))

    assert connect(sim).post(LIST, json=REBOOT).status_code == 201
    assert len(whose(sim)) == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (LIST, {"type": "unheard_of"}, 422),
        (LIST, {"type": "power_on"}, 422),
        ("/v2/droplets/77/actions", REBOOT, 404),
        ("/v2/droplets/actions?tag_name=", SHUTDOWN, 422),
        ("/v2/actions", REBOOT, 405),
    ],
)
def test_what_nobody_may_do_no_colleague_does(sim, api, when, path, body, status) -> None:
    sim.colleague(Colleague(when=when))

    assert api.post(path, json=body).status_code == status
    assert whose(sim) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_locked_droplet_is_locked_for_colleagues_too(sim, api, when) -> None:
    sim.account.add_action(DROPLET, status="in-progress")
    sim.colleague(Colleague(when=when))

    assert api.post(LIST, json=REBOOT).status_code == 422
    assert whose(sim) == [(DROPLET, "reboot", None)]


def test_a_colleague_has_path_skip_and_times(sim, api, clock) -> None:
    sim.colleague(Colleague(path=f"/{DROPLET}/", skip=1, times=2))
    sim.account.add_droplet(1)

    assert api.post("/v2/droplets/1/actions", json=REBOOT).status_code == 201
    assert api.get(LIST).status_code == 200
    statuses = []
    for _ in range(4):
        clock.advance(10)
        statuses.append(api.post(LIST, json=REBOOT).status_code)
    assert statuses == [201, 422, 422, 201]


def test_colleagues_may_come_by_chance_and_be_cleared(simulate, connect, clock) -> None:
    def statuses(seed: int) -> list[int]:
        sim = simulate(seed=seed)
        sim.account.add_droplet(DROPLET)
        sim.colleague(Colleague(probability=0.5, times=None))
        api, seen = connect(sim), []
        for n in range(40):
            if n == 30:
                sim.clear_colleagues()
            seen.append(api.post(LIST, json=REBOOT).status_code)
            clock.advance(10)
        return seen

    first = statuses(1)
    assert set(first[:30]) == {201, 422}
    assert set(first[30:]) == {201}
    assert statuses(1) == first
    assert statuses(2) != first


def test_chance_is_not_that_of_the_faults(sim, api, clock) -> None:
    """Or a colleague would act exactly when a fault strikes."""
    sim.fault(Fault("lost_after_effect", probability=0.5, times=None))
    sim.colleague(Colleague(probability=0.5, times=None))
    outcomes = set()
    for _ in range(30):
        before = len(sim.account.actions)
        try:
            api.post(LIST, json=REBOOT)
            lost = False
        except httpx.RemoteProtocolError:
            lost = True
        (starter,) = [starter for *_, starter in whose(sim)[before:]]
        outcomes.add((lost, starter))
        clock.advance(10)

    assert len(outcomes) == 4


def test_a_colleague_changes_nothing_about_the_draws_of_faults(simulate, connect) -> None:
    def lost(*colleagues: Colleague) -> list[bool]:
        sim = simulate()
        sim.fault(Fault("status", probability=0.5, times=None))
        for colleague in colleagues:
            sim.colleague(colleague)
        api = connect(sim)
        return [api.post(LIST, json=REBOOT).status_code == 500 for _ in range(20)]

    assert lost() == lost(Colleague(probability=0.5, times=None))


@pytest.mark.parametrize("seed", range(5))
def test_every_action_in_the_truth_is_ours_or_theirs(simulate, connect, clock, seed) -> None:
    """However faults and colleagues mix, an answer of 201 names only what is ours."""
    sim = simulate(seed=seed, minute_limit=None)
    sim.account.add_droplet(DROPLET)
    for when in ("before", "instead", "after"):
        sim.colleague(Colleague(when=when, probability=0.3, times=None))
    sim.fault(Fault("close", probability=0.2, times=None))
    sim.fault(Fault("lost_after_effect", probability=0.2, times=None))
    api, chance = connect(sim), random.Random(seed)
    told = set()
    for _ in range(60):
        try:
            answer = api.post(LIST, json=chance.choice([REBOOT, SNAPSHOT]))
            if answer.status_code == 201:
                told.add(answer.json()["action"]["id"])
        except httpx.RemoteProtocolError:
            pass
        clock.advance(60)

    ours = {id for id in sim.account.actions if sim.account.started_by(id) == "simulator"}
    theirs = {id for id in sim.account.actions if sim.account.started_by(id) == "colleague"}
    assert told < ours
    assert ours | theirs == set(sim.account.actions)
    for id in ours:
        request = sim.requests[sim.account.started_by_request(id) - 1]
        assert request.json["type"] == sim.account.actions[id].type


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"when": "never"}, ValueError), ({"path": "("}, Exception), ({"kind": "x"}, TypeError)],
)
def test_a_colleague_that_makes_no_sense_is_an_error(arguments, error) -> None:
    with pytest.raises(error, match=r"never|unterminated|unexpected"):
        Colleague(**arguments)
