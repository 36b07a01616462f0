"""A POST whose answer is lost: what it did is found, or told as unknown."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.server_clock import seconds_ahead
from dovtab.simulator import Fault, ManualClock, Simulator
from shared_clock import SharedClock

AFTER = ["status_after_effect", "lost_after_effect", "truncated", "malformed_json", "empty"]
BEFORE = ["status", "close", "reset"]


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in (1, 2, 3):
        simulator.account.add_droplet(droplet_id=id, tags=("web",))
        # More than a page, and of the same type.
        for _ in range(205):
            simulator.account.add_action(id, type="enable_ipv6")
    return simulator


def posts(simulator: Simulator) -> int:
    return sum(r.method == "POST" for r in simulator.requests)


def just_now(simulator: Simulator, droplet: int) -> None:
    """Somebody else starts the same."""
    simulator.account.add_action(droplet, type="enable_ipv6", started_at=simulator.clock.time())


def newest(simulator: Simulator, droplet: int) -> int:
    return max(a.id for a in simulator.account.actions.values() if a.resource_id == droplet)


@pytest.mark.parametrize("kind", AFTER)
def test_what_was_started_is_found(fleet: Simulator, db: apsw.Connection, kind: str) -> None:
    before = newest(fleet, 1)
    fleet.fault(Fault(kind=kind, method="POST"))
    given = db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')").get
    action = json.loads(given)
    assert action["id"] == newest(fleet, 1) != before
    assert action["outcome"] == "inferred"
    assert posts(fleet) == 1
    row = "SELECT droplet_id, type, outcome, action_id, error FROM dovtab_posts"
    assert list(db.execute(row)) == [(1, "enable_ipv6", "inferred", action["id"], None)]


@pytest.mark.parametrize("kind", BEFORE)
def test_what_is_not_found_is_unknown_and_not_sent_again(
    fleet: Simulator, db: apsw.Connection, shared_clock: SharedClock, kind: str
) -> None:
    fleet.fault(Fault(kind=kind, method="POST"))
    with pytest.raises(
        dovtab.DovtabError,
        match=r"no such action was found in two looks; it may have been carried out, and was"
        r" not sent again",
    ):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')"))
    assert posts(fleet) == 1
    assert shared_clock.waits == [2.0]
    assert db.execute("SELECT outcome FROM dovtab_posts").get == "unknown"


def test_what_shows_late_is_found_by_the_second_look(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock
) -> None:
    fleet.fault(Fault(kind="close", method="POST"))
    looks = 0

    def before_page(number: int) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:  # The first look took two pages.
            just_now(fleet, 1)

    fleet.before_page(before_page)
    assert db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')").get


def test_of_two_that_could_be_it_neither_is(fleet: Simulator, db: apsw.Connection) -> None:
    """Somebody else has started the same at the same time."""
    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    just_now(fleet, 1)
    with pytest.raises(dovtab.NetworkError, match="more than one action looks like it"):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')"))


def test_one_that_was_known_before_is_not_it(fleet: Simulator, db: apsw.Connection) -> None:
    known = json.loads(db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')").get)
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')"))
    assert list(db.execute("SELECT outcome, action_id FROM dovtab_posts")) == [
        ("sent", known["id"]),
        ("unknown", None),
    ]


def test_another_clock_than_the_api_s_does_no_harm(fleet: Simulator) -> None:
    """The API says in each answer what time it is."""
    import os

    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach

    for droplet, ahead in ((1, -3600.0), (2, 3600.0)):
        db = apsw.Connection(":memory:")
        settings = {"token": fleet.token, "api_url": fleet.url}
        attach(db, resolve(settings, os.getenv), Askew(fleet.clock, ahead))
        fleet.fault(Fault(kind="lost_after_effect", method="POST"))
        call = "SELECT droplet_actions_post(?, 'enable_ipv6')"
        assert json.loads(db.execute(call, (droplet,)).get)["id"] == newest(fleet, droplet)
        db.close(True)
        fleet.clock.advance(60)


class Askew(SharedClock):
    """A clock that goes as ours, at another hour."""

    def __init__(self, clock: ManualClock, ahead: float) -> None:
        super().__init__(clock)
        self._ahead = ahead

    def time(self) -> float:
        return super().time() + self._ahead


def test_by_tag_every_droplet_is_looked_at(fleet: Simulator, db: apsw.Connection) -> None:
    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    given = json.loads(
        db.execute("SELECT droplet_actions_post_by_tag('web', 'enable_ipv6')").get
    )
    assert {a["id"] for a in given} == {newest(fleet, id) for id in (1, 2, 3)}
    rows = "SELECT droplet_id, tag_name, outcome, action_id FROM dovtab_posts"
    assert sorted(db.execute(rows)) == [
        (id, "web", "inferred", newest(fleet, id)) for id in (1, 2, 3)
    ]
    assert posts(fleet) == 1


def test_by_tag_it_is_told_of_whom_nobody_knows(fleet: Simulator, db: apsw.Connection) -> None:
    fleet.fault(Fault(kind="close", method="POST"))
    just_now(fleet, 2)
    with pytest.raises(
        dovtab.NetworkError, match="was found in two looks on 1, 3; it may have"
    ):
        list(db.execute("SELECT droplet_actions_post_by_tag('web', 'enable_ipv6')"))
    outcomes = list(db.execute("SELECT droplet_id, outcome FROM dovtab_posts"))
    assert sorted(outcomes) == [(1, "unknown"), (2, "inferred"), (3, "unknown")]


def test_if_looking_fails_that_is_told(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect()
    fleet.fault(Fault(kind="status", status=500, times=None))
    with pytest.raises(
        dovtab.APIError, match=r"looking for it failed: GET .*500.*may have been"
    ):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')"))
    assert posts(fleet) == 1


CALL = "SELECT droplet_actions_post(1, 'enable_ipv6')"


def test_another_connection_s_action_is_not_ours(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    first, second = connect(), connect()
    assert first.execute(CALL).get
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(second.execute(CALL))


def test_an_action_that_was_read_before_is_not_ours(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(cache_seconds=5)
    just_now(fleet, 1)
    assert db.execute("SELECT max(id) FROM droplet_actions(1)").get == newest(fleet, 1)
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(CALL))


def test_what_may_be_of_another_lost_post_is_nobody_s(
    fleet: Simulator, connect: Callable[..., apsw.Connection], clock: ManualClock
) -> None:
    first, second = connect(), connect()
    fleet.fault(Fault(kind="close", method="POST", times=2))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(first.execute(CALL))
    just_now(fleet, 1)  # It ran after all, and late.
    with pytest.raises(dovtab.NetworkError, match="another request for the same may have been"):
        list(second.execute(CALL))


WRONG = {
    "another Droplet": {"resource_id": 7},
    "a text": {"resource_id": "1"},
    "a real": {"resource_id": 1.0},
    "a boolean": {"resource_id": True},
    "something else": {"resource_type": "image"},
    "an id that SQLite cannot hold": {"id": 2**63},
    "an id that is a text": {"id": "7"},
}


@pytest.mark.parametrize("members", WRONG.values(), ids=WRONG.keys())
def test_an_answer_about_something_else_is_not_believed(
    fleet: Simulator, db: apsw.Connection, members: dict[str, Any]
) -> None:
    def other(answer: Any) -> object:
        return {"action": answer["action"] | {"id": 424242} | members}

    fleet.fault(Fault(kind="answer", method="POST", mutate=other))
    assert json.loads(db.execute(CALL).get)["id"] == newest(fleet, 1)
    assert db.execute("SELECT outcome, action_id FROM dovtab_posts").get == (
        "inferred",
        newest(fleet, 1),
    )


def test_an_answer_of_another_type_is_told_and_believed(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """The API has a word of its own for some; an id that it gives is known."""

    def other(answer: Any) -> object:
        return {"action": answer["action"] | {"type": "ipv6"}}

    fleet.fault(Fault(kind="answer", method="POST", mutate=other))
    assert json.loads(db.execute(CALL).get)["id"] == newest(fleet, 1)
    assert db.execute("SELECT outcome, action_id, error FROM dovtab_posts").get == (
        "sent",
        newest(fleet, 1),
        "the answer calls its type 'ipv6'",
    )


def test_an_answer_with_the_action_of_another_post_is_not_believed(
    fleet: Simulator, db: apsw.Connection
) -> None:
    reboot = CALL.replace("enable_ipv6", "reboot")
    first = json.loads(db.execute(reboot).get)
    fleet.clock.advance(60)
    fleet.fault(Fault(kind="answer", method="POST", mutate=lambda answer: {"action": first}))
    assert json.loads(db.execute(CALL).get)["id"] == newest(fleet, 1) != first["id"]
    assert list(db.execute("SELECT outcome, action_id FROM dovtab_posts")) == [
        ("sent", first["id"]),
        ("inferred", newest(fleet, 1)),
    ]


BY_TAG = "SELECT droplet_actions_post_by_tag('web', 'enable_ipv6')"


@pytest.mark.parametrize("member", ["6", 6.0, True, -1, 0, None, 2**63])
def test_by_tag_each_action_has_to_say_of_which_droplet_it_is(
    fleet: Simulator, db: apsw.Connection, member: object
) -> None:
    def other(answer: Any) -> object:
        return {"actions": [action | {"resource_id": member} for action in answer["actions"]]}

    fleet.fault(Fault(kind="answer", method="POST", mutate=other))
    assert json.loads(db.execute(BY_TAG).get)[0]["outcome"] == "inferred"
    rows = "SELECT droplet_id, outcome, action_id FROM dovtab_posts"
    assert list(db.execute(rows)) == [(id, "inferred", newest(fleet, id)) for id in (1, 2, 3)]


def test_by_tag_the_same_action_twice_is_not_believed(
    fleet: Simulator, db: apsw.Connection
) -> None:
    fleet.fault(
        Fault(
            kind="answer",
            method="POST",
            mutate=lambda answer: {"actions": [*answer["actions"], answer["actions"][0]]},
        )
    )
    assert len(json.loads(db.execute(BY_TAG).get)) == 3
    assert set(db.execute("SELECT outcome FROM dovtab_posts")) == {("inferred",)}


def test_by_tag_nothing_with_the_tag_tells_nothing(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """Nobody is missing from an empty list, and yet all three may have been acted on."""
    empty = {"droplets": [], "meta": {"total": 0}}
    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    fleet.fault(
        Fault(kind="answer", path="droplets\\?", times=None, mutate=lambda answer: empty)
    )
    with pytest.raises(dovtab.NetworkError, match="no Droplet was found that has the tag"):
        list(db.execute(BY_TAG))
    assert list(db.execute("SELECT outcome, action_id FROM dovtab_posts")) == [
        ("unknown", None)
    ]


def test_by_tag_what_was_read_before_is_not_ours(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect()
    for droplet in (1, 2, 3):
        just_now(fleet, droplet)
    assert db.execute("SELECT count(*) FROM droplet_actions WHERE droplet_id IN (1, 2, 3)").get
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(BY_TAG))


def test_gpu_droplets_are_looked_at_too(simulator: Simulator, db: apsw.Connection) -> None:
    simulator.account.add_droplet(droplet_id=1, tags=("web",))
    simulator.account.add_droplet(droplet_id=2, tags=("Web",), gpu=True)
    simulator.account.add_droplet(droplet_id=3, tags=("db",), gpu=True)
    simulator.fault(Fault(kind="lost_after_effect", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found in two looks on 2"):
        list(db.execute(BY_TAG))
    assert [r.path for r in simulator.requests][1:3] == ["/v2/droplets", "/v2/droplets"]


def test_only_the_last_attempt_can_have_run(fleet: Simulator, db: apsw.Connection) -> None:
    """A colleague acts while a 429 is waited for."""
    refused = Fault(kind="status", status=429, retry_after=30, method="POST")
    fleet.fault(refused)
    fleet.fault(Fault(kind="close", method="POST"))
    fleet.account.add_action(1, type="enable_ipv6", started_at=fleet.clock.time() + 10)
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(CALL))


def test_of_a_long_list_the_newest_page_is_enough(
    simulator: Simulator, db: apsw.Connection
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    start = simulator.clock.time() - 100_000
    for n in range(1000):
        simulator.account.add_action(1, type="enable_ipv6", started_at=start + 60 * n)
    simulator.fault(Fault(kind="lost_after_effect", method="POST"))
    assert db.execute(CALL).get
    assert sum(r.method == "GET" for r in simulator.requests) == 1


def test_of_a_list_in_another_order_every_page_is_read(simulator: Simulator) -> None:
    import os

    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach
    from dovtab.simulator import Rules

    for order in ("asc", "shuffled"):
        clock = ManualClock()
        with Simulator(clock=clock, rules=Rules(order=order)) as other:
            other.account.add_droplet(droplet_id=1)
            for n in range(1000):
                started = clock.time() - 100_000 + 60 * n
                other.account.add_action(1, type="enable_ipv6", started_at=started)
            other.fault(Fault(kind="lost_after_effect", method="POST"))
            db = apsw.Connection(":memory:")
            settings = {"token": other.token, "api_url": other.url}
            attach(db, resolve(settings, os.getenv), SharedClock(clock))
            assert json.loads(db.execute(CALL).get)["id"] == newest(other, 1)
            assert sum(r.method == "GET" for r in other.requests) == 6
            db.close(True)


def test_a_list_of_a_tag_that_does_not_end_is_given_up(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    pages = iter(range(1, 1000))

    def endless(answer: Any) -> object:
        start = next(pages) * 1000
        rows = [{"id": start + n} for n in range(200)]
        links = {"pages": {"next": "http://localhost/?page=2"}}
        return {"droplets": rows, "links": links, "meta": {"total": 10**9}}

    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    fleet.fault(Fault(kind="answer", path="droplets\\?", times=None, mutate=endless))
    with pytest.raises(
        dovtab.NetworkError, match="more pages would be needed than max_requests=9"
    ):
        list(connect(max_requests=9).execute(BY_TAG))
    assert len(fleet.requests) == 10


def test_two_tokens_of_one_account_do_not_claim_the_same_action(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    fleet.account.add_token("a-second-one")
    first, second = connect(), connect(token="a-second-one")
    assert first.execute(CALL).get
    fleet.fault(Fault(kind="close", method="POST"))
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(second.execute(CALL))


def test_a_slow_look_does_not_turn_the_clock_back(
    fleet: Simulator, db: apsw.Connection
) -> None:
    fleet.account.add_action(1, type="enable_ipv6", started_at=fleet.clock.time() - 6)
    fleet.fault(Fault(kind="close", method="POST"))
    fleet.before_page(lambda number: None)
    assert seconds_ahead(formatdate(1000.0, usegmt=True), 1000.0, 1005.0) == 0.0
    assert seconds_ahead(formatdate(1000.0, usegmt=True), 1100.0, 1105.0) == -99.0
    assert seconds_ahead(formatdate(1000.0, usegmt=True), 900.0, 905.0) == 95.0
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(CALL))


def test_by_tag_a_list_of_droplets_that_is_not_whole_says_nothing(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """Three were started: two that are found are not the outcome."""

    def one_row_short(answer: Any) -> Any:
        return answer | {"droplets": answer["droplets"][:-1]}

    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    fleet.fault(Fault(kind="answer", path="/v2/droplets\\?", mutate=one_row_short, times=None))
    with pytest.raises(dovtab.NetworkError, match="promised 3 rows and gave 2"):
        list(db.execute("SELECT droplet_actions_post_by_tag('web', 'enable_ipv6')"))
    assert db.execute("SELECT outcome, count(*) FROM dovtab_posts").get == ("unknown", 1)


def test_what_is_not_sent_for_want_of_a_log_takes_no_place_in_the_quota(
    fleet: Simulator, connect: Callable[..., apsw.Connection], tmp_path: Path
) -> None:
    """Two hundred and fifty of them, and nobody could read any more."""
    db = connect(log=str(tmp_path), max_wait_seconds=0)
    for _ in range(260):
        with pytest.raises(dovtab.LogError, match="cannot be used"):
            list(db.execute(CALL))
    assert db.execute("SELECT count(*) FROM droplet_actions(1)").get == 205


OTHER_PROCESS = """
import sys, dovtab
db = dovtab.connect(token="simulator", api_url=sys.argv[1], log=sys.argv[2])
db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')").fetchall()
"""


def test_what_another_process_has_is_not_ours(
    fleet: Simulator, connect: Callable[..., apsw.Connection], tmp_path: Path
) -> None:
    """Its log says so: the one that is found was started by it, a moment ago."""
    log = str(tmp_path / "actions.db")
    command = [sys.executable, "-c", OTHER_PROCESS, fleet.url, log]
    subprocess.run(command, check=True, timeout=30)
    fleet.fault(Fault(kind="close", method="POST"))
    db = connect(log=log)
    with pytest.raises(dovtab.NetworkError, match="no such action was found"):
        list(db.execute(CALL))
    assert list(db.execute("SELECT outcome, action_id FROM dovtab_log")) == [
        ("sent", newest(fleet, 1)),
        ("unknown", None),
    ]


DOUBTFUL = {
    "other Droplets": lambda actions: [action | {"resource_id": 77} for action in actions],
    "one Droplet": lambda actions: [action | {"resource_id": 1} for action in actions],
    "from before": lambda actions: [
        action | {"id": 1000 + n, "started_at": "2020-01-01T00:00:00Z"}
        for n, action in enumerate(actions)
    ],
}


@pytest.mark.parametrize("change", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_by_tag_an_answer_that_does_not_fit_what_was_counted_is_not_believed(
    fleet: Simulator, connect: Callable[..., apsw.Connection], change: Callable[[Any], Any]
) -> None:
    db = connect(max_actions=25)
    fleet.fault(
        Fault(kind="answer", method="POST", mutate=lambda a: {"actions": change(a["actions"])})
    )
    list(db.execute(BY_TAG))
    rows = "SELECT droplet_id, outcome, action_id FROM dovtab_posts"
    assert list(db.execute(rows)) == [(id, "inferred", newest(fleet, id)) for id in (1, 2, 3)]


def test_by_tag_a_single_action_for_many_is_not_believed(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(max_actions=25)
    fleet.fault(
        Fault(kind="answer", method="POST", mutate=lambda a: {"action": a["actions"][0]})
    )
    assert len(json.loads(db.execute(BY_TAG).get)) == 3


def test_a_tag_that_has_grown_while_something_was_waited_for_is_not_acted_on(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(max_actions=25)

    def grow(answer: Any) -> Any:
        fleet.account.add_droplet(droplet_id=9, tags=("web",))
        return answer

    fleet.fault(Fault(kind="answer", method="POST", mutate=grow))
    with pytest.raises(
        dovtab.ActionsError, match="1 more Droplets have the tag than were counted"
    ):
        db.execute(
            "INSERT INTO droplet_actions(droplet_id, tag_name, type) VALUES"
            " (1, NULL, 'snapshot'), (NULL, 'web', 'enable_ipv6')"
        )
    assert posts(fleet) == 1
