"""Starting actions, and waiting for them, from SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.resources import ACTION_TYPES
from dovtab.simulator import Fault, Simulator
from shared_clock import SharedClock

ATTRIBUTES: dict[str, list[dict[str, Any]]] = {
    "enable_backups": [{}, {"backup_policy": {"plan": "weekly", "weekday": "SUN", "hour": 0}}],
    "change_backup_policy": [{"backup_policy": {"plan": "daily", "hour": 20}}],
    "restore": [{"image": 12345}],
    "resize": [{"size": "s-2vcpu-2gb"}, {"size": "s-2vcpu-2gb", "disk": True}],
    "rebuild": [{"image": "debian-12-x64"}, {"image": 12345}],
    "rename": [{"name": "web-01.example.com"}],
    "change_kernel": [{"kernel": 991}],
    "snapshot": [{"name": "before-upgrade"}],
}
BODIES = [(name, extra) for name in ACTION_TYPES for extra in ATTRIBUTES.get(name, [{}])]
BY_TAG = [(n, e) for n, e in BODIES if ACTION_TYPES[n].by_tag and "backup_policy" not in e]


@pytest.fixture
def droplet(simulator: Simulator) -> int:
    """A Droplet on which every type of action is possible in some state."""
    made = simulator.account.add_droplet(
        droplet_id=3164444, tags=("web",), kernel_managed=True, backup_ids=(12345,)
    )
    return made.id


STATES = {"power_on": "off", "resize": "off"}


@pytest.mark.parametrize(("type", "extra"), BODIES)
def test_every_type_sends_its_body_once_and_gives_the_action(
    simulator: Simulator, db: apsw.Connection, type: str, extra: dict[str, Any]
) -> None:
    backups = ("backups",) if type in ("disable_backups", "change_backup_policy") else ()
    simulator.account.add_droplet(
        droplet_id=7,
        status=STATES.get(type, "active"),
        features=backups,
        kernel_managed=True,
        backup_ids=(12345,),
    )
    text = db.execute("SELECT droplet_actions_post(?, ?, ?)", (7, type, json.dumps(extra))).get
    action = json.loads(text)
    assert (action["type"], action["status"], action["resource_id"]) == (
        type, "in-progress", 7,
    )  # fmt: skip
    (sent,) = simulator.requests
    assert (sent.method, sent.path) == ("POST", "/v2/droplets/7/actions")
    assert sent.json == {"type": type, **extra}
    assert sent.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("type", "extra"), BY_TAG)
def test_a_tag_reaches_each_of_its_droplets(
    simulator: Simulator, db: apsw.Connection, type: str, extra: dict[str, Any]
) -> None:
    status = STATES.get(type, "active")
    features = ("backups",) if type == "disable_backups" else ()
    for id in (7, 8):
        simulator.account.add_droplet(
            droplet_id=id, tags=("env:prod",), status=status, features=features
        )
    simulator.account.add_droplet(droplet_id=9)
    query = "SELECT droplet_actions_post_by_tag('env:prod', ?, ?)"
    actions = json.loads(db.execute(query, (type, json.dumps(extra))).get)
    assert {action["resource_id"] for action in actions} == {7, 8}
    (sent,) = simulator.requests
    assert (sent.path, sent.query) == ("/v2/droplets/actions", {"tag_name": "env:prod"})
    assert sent.json == {"type": type, **extra}


def test_a_snapshot_without_a_name_gets_one(
    simulator: Simulator, db: apsw.Connection, droplet: int
) -> None:
    list(db.execute("SELECT droplet_actions_post(?, 'snapshot')", (droplet,)))
    assert simulator.requests[0].json == {"type": "snapshot", "name": "dovtab-20261118T110640Z"}


ALL_TYPES = ", ".join(ACTION_TYPES)
TAG_TYPES = ", ".join(name for name, known in ACTION_TYPES.items() if known.by_tag)
WRONG = [
    ("post(NULL, 'reboot')", "droplet_id must be a whole number from 1, not NULL"),
    ("post(0, 'reboot')", "droplet_id must be a whole number from 1, not 0"),
    ("post(-1, 'reboot')", "droplet_id must be a whole number from 1, not -1"),
    ("post(1.5, 'reboot')", "droplet_id must be a whole number from 1, not 1.5"),
    ("post('web', 'reboot')", "droplet_id must be a whole number from 1, not 'web'"),
    ("post(x'31', 'reboot')", "droplet_id must be a whole number from 1, not a blob"),
    ("post(1, 'rebot')", f"type must be one of {ALL_TYPES}, not 'rebot': did you mean reboot?"),
    ("post(1, NULL)", f"type must be one of {ALL_TYPES}, not NULL"),
    ("post(1, 5)", f"type must be one of {ALL_TYPES}, not 5"),
    ("post(1, 'destroy')", f"type must be one of {ALL_TYPES}, not 'destroy'"),
    ("post(1, 'reboot', '{\"now\": 1}')", "reboot has no attribute 'now'; it takes: none"),
    (
        "post(1, 'resize', '{\"type\": 1}')",
        "resize has no attribute 'type'; it takes: size, disk",
    ),
    ("post(1, 'resize')", "resize needs the attribute 'size' (a text that is not empty)"),
    ("post(1, 'resize', '{}')", "resize needs the attribute 'size' (a text that is not empty)"),
    (
        "post(1, 'resize', '{\"size\": 5}')",
        "resize: 'size' must be a text that is not empty, not 5",
    ),
    (
        "post(1, 'resize', '{\"size\": \" \"}')",
        "resize: 'size' must be a text that is not empty, not ' '",
    ),
    (
        'post(1, \'resize\', \'{"size": "x", "disk": 1}\')',
        "resize: 'disk' must be true or false, not 1",
    ),
    (
        "post(1, 'restore', '{\"image\": \"x\"}')",
        "restore: 'image' must be a whole number from 1, not 'x'",
    ),
    (
        "post(1, 'restore', '{\"image\": true}')",
        "restore: 'image' must be a whole number from 1, not true",
    ),
    (
        "post(1, 'rebuild', '{\"image\": null}')",
        "rebuild: 'image' must be a whole number from 1 or a text that is not empty, not NULL",
    ),
    (
        "post(1, 'rename', '{\"name\": \"\"}')",
        "rename: 'name' must be a text that is not empty, not ''",
    ),
    (
        "post(1, 'change_kernel', '{\"kernel\": 0}')",
        "change_kernel: 'kernel' must be a whole number from 1, not 0",
    ),
    (
        "post(1, 'change_backup_policy')",
        "change_backup_policy needs the attribute 'backup_policy' (an object)",
    ),
    (
        'post(1, \'enable_backups\', \'{"backup_policy": {"plan": "daily", "hour": 3}}\')',
        "enable_backups: 'hour' of backup_policy must be one of 0, 4, 8, 12, 16, 20, not 3",
    ),
    (
        'post(1, \'enable_backups\', \'{"backup_policy": {"plan": "weekly", "weekday": "Sunday"}}\')',
        "enable_backups: 'weekday' of backup_policy must be one of SUN, MON, TUE, WED, THU, FRI, SAT, not 'Sunday'",
    ),
    (
        "post(1, 'enable_backups', '{\"backup_policy\": {\"hour\": false}}')",
        "enable_backups: 'hour' of backup_policy must be a whole number, not false",
    ),
    *(
        (
            f"post(1, 'snapshot', {text})",
            'attributes must be a JSON object, such as \'{"name": "before-upgrade"}\', not '
            + shown,
        )
        for text, shown in (
            ("'name'", "'name'"),
            ("'[]'", "'[]'"),
            ("''", "''"),
            ("5", "5"),
            ("x'7b7d'", "a blob"),
            ("'{\"name\": NaN}'", "'{\"name\": NaN}'"),
        )
    ),
    ('post(1, \'snapshot\', \'{"name": "a", "name": "b"}\')', "attributes has 'name' twice"),
    ("post(1)", "it is called as droplet_actions_post(droplet_id, type [, attributes])"),
    ("post()", "it is called as droplet_actions_post(droplet_id, type [, attributes])"),
    (
        "post(1, 'reboot', NULL, 4)",
        "it is called as droplet_actions_post(droplet_id, type [, attributes])",
    ),
    *(
        (
            f"post_by_tag({tag}, 'reboot')",
            "tag_name must be 1 to 255 letters, digits, colons, dashes and underscores, not "
            + shown,
        )
        for tag, shown in (("''", "''"), ("NULL", "NULL"), ("'a b'", "'a b'"), ("5", "5"))
    ),
    (
        "post_by_tag('web', 'reboot')",
        f"type 'reboot' cannot go by tag; the types that can: {TAG_TYPES}",
    ),
    (
        "post_by_tag('web')",
        "it is called as droplet_actions_post_by_tag(tag_name, type [, attributes])",
    ),
    (
        "wait(1)",
        "it is called as droplet_actions_wait(droplet_id, action_id [, timeout_seconds])",
    ),
    ("wait(0, 1)", "droplet_id must be a whole number from 1, not 0"),
    ("wait(1, 'x')", "action_id must be a whole number from 1, not 'x'"),
    ("wait(1, 1, -1)", "timeout_seconds must be a number from 0 to 86400, not -1"),
    (
        "post(1, 'rename', '{\"name\": \"a\\ud800\"}')",
        "attributes has \\ud800, half of a letter, in it",
    ),
    ("wait(1, 1, 'soon')", "timeout_seconds must be a number from 0 to 86400, not 'soon'"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_a_wrong_argument_is_refused_before_anything_is_sent(
    simulator: Simulator, db: apsw.Connection, call: str, message: str
) -> None:
    with pytest.raises(dovtab.ArgumentError) as caught:
        list(db.execute(f"SELECT droplet_actions_{call}"))
    assert str(caught.value) == message
    assert simulator.requests == []


def test_what_the_api_may_grow_is_passed_on(
    simulator: Simulator, db: apsw.Connection, droplet: int
) -> None:
    policy = {"plan": "intra_daily_4h", "hour": 0, "window_length_hours": 4, "new": [1]}
    attributes = json.dumps({"backup_policy": policy})
    list(
        db.execute("SELECT droplet_actions_post(?, 'enable_backups', ?)", (droplet, attributes))
    )
    assert simulator.requests[0].json["backup_policy"] == policy


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *((Fault(kind="status", status=s, times=None), dovtab.APIError) for s in (500, 502, 503)),
        (Fault(kind="status_after_effect", status=504, times=None), dovtab.APIError),
        (Fault(kind="lost_after_effect", times=None), dovtab.NetworkError),
        (Fault(kind="close", times=None), dovtab.NetworkError),
        (Fault(kind="reset", times=None), dovtab.NetworkError),
        (Fault(kind="delay", seconds=0.5, times=None), dovtab.NetworkError),
        (Fault(kind="stall", times=None), dovtab.NetworkError),
        (Fault(kind="truncated", times=None), dovtab.NetworkError),
        (Fault(kind="malformed_json", times=None), dovtab.AnswerError),
        (Fault(kind="empty", times=None), dovtab.AnswerError),
        (Fault(kind="redirect", times=None), dovtab.APIError),
        (Fault(kind="status", status=408, times=None), dovtab.APIError),
        (Fault(kind="status", status=499, times=None), dovtab.APIError),
    ],
)  # fmt: skip
def test_a_post_that_may_have_run_is_never_sent_again(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    droplet: int,
    fault: Fault,
    error: type[dovtab.DovtabError],
) -> None:
    """A second POST could reboot the Droplet twice."""
    db = connect(timeout_seconds=0.2)
    simulator.fault(fault)
    for call in (f"post({droplet}, 'power_cycle')", "post_by_tag('web', 'power_cycle')"):
        before = posts_sent(simulator)
        with pytest.raises(error, match="it may have been carried out, and was not sent again"):
            list(db.execute(f"SELECT droplet_actions_{call}"))
        assert posts_sent(simulator) == before + 1
        assert (
            db.execute("SELECT outcome FROM dovtab_posts ORDER BY seq DESC LIMIT 1").get
            == "unknown"
        )


def posts_sent(simulator: Simulator) -> int:
    return sum(request.method == "POST" for request in simulator.requests)


def test_a_post_that_was_refused_by_the_rate_limit_goes_again(
    simulator: Simulator, db: apsw.Connection, droplet: int, shared_clock: SharedClock
) -> None:
    simulator.fault(Fault(kind="status", status=429, retry_after=7, times=2))
    assert db.execute("SELECT droplet_actions_post(?, 'reboot')", (droplet,)).get
    assert [r.status for r in simulator.requests] == [429, 429, 201]
    assert shared_clock.waits == [7, 7]


def test_the_api_s_refusal_is_quoted(
    simulator: Simulator, db: apsw.Connection, droplet: int
) -> None:
    list(db.execute("SELECT droplet_actions_post(?, 'reboot')", (droplet,)))
    with pytest.raises(dovtab.APIError) as caught:
        list(db.execute("SELECT droplet_actions_post(?, 'reboot')", (droplet,)))
    text = str(caught.value)
    assert text.startswith(
        f"POST /v2/droplets/{droplet}/actions: 422 unprocessable_entity:"
        " Droplet already has a pending event. (request id "
    )
    assert "may have been carried out" not in text


def test_acting_that_is_off_says_how_to_allow_it(
    simulator: Simulator, connect: Callable[..., apsw.Connection], droplet: int
) -> None:
    db = connect(allow_actions=False)
    for call in (
        "post(3164444, 'reboot')",
        "post_by_tag('web', 'power_off')",
        "wait(3164444, 1)",
    ):
        with pytest.raises(dovtab.NotAllowedError, match="DOVTAB_ALLOW_ACTIONS=1"):
            list(db.execute(f"SELECT droplet_actions_{call}"))
    assert simulator.requests == []


def test_a_dry_run_gives_the_request_and_sends_nothing(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    simulator.account.add_droplet(droplet_id=7)
    db = connect(dry_run=True)
    one = db.execute("SELECT droplet_actions_post(7, 'rename', '{\"name\": \"a\"}')").get
    assert json.loads(one) == {
        "method": "POST",
        "path": "/v2/droplets/7/actions",
        "body": {"type": "rename", "name": "a"},
    }
    many = db.execute("SELECT droplet_actions_post_by_tag('env:prod', 'power_off')").get
    assert json.loads(many)["path"] == "/v2/droplets/actions?tag_name=env%3Aprod"
    with pytest.raises(dovtab.ArgumentError):
        list(db.execute("SELECT droplet_actions_post(7, 'rename')"))
    assert {r.method for r in simulator.requests} == {"GET"}


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW v AS SELECT droplet_actions_post(3164444, 'reboot') AS r",
        "CREATE TABLE v(r DEFAULT (droplet_actions_post(3164444, 'reboot')))",
        "CREATE TABLE v(a, r AS (droplet_actions_post(3164444, 'reboot')))",
        "CREATE TABLE v(a CHECK (droplet_actions_post(3164444, 'reboot')))",
        "CREATE TABLE v(a); CREATE INDEX i ON v(droplet_actions_post(3164444, 'reboot'))",
        "CREATE TABLE v(a); CREATE TRIGGER t AFTER INSERT ON v BEGIN SELECT droplet_actions_post(3164444, 'reboot'); END",
    ],
)
def test_nothing_in_a_database_file_can_act(
    simulator: Simulator, db: apsw.Connection, droplet: int, schema: str
) -> None:
    script = f"{schema}; INSERT INTO v DEFAULT VALUES; SELECT * FROM v"
    with pytest.raises(apsw.SQLError, match=r"unsafe use|prohibited|non-deterministic"):
        list(db.execute(script))
    assert [r for r in simulator.requests if r.method == "POST"] == []


def test_waiting_ends_when_the_action_does(
    simulator: Simulator, db: apsw.Connection, droplet: int, shared_clock: SharedClock
) -> None:
    action = json.loads(
        db.execute("SELECT droplet_actions_post(?, 'snapshot')", (droplet,)).get
    )
    query = "SELECT droplet_actions_wait(?, ?) ->> 'status'"
    assert db.execute(query, (droplet, action["id"])).get == "completed"
    polls = [r for r in simulator.requests if r.method == "GET"]
    assert len(polls) == len(shared_clock.waits) + 1
    assert shared_clock.waits[0] < 1.5
    assert max(shared_clock.waits) <= 15 * 1.25
    assert sum(shared_clock.waits) < 60 + 20


def test_an_errored_action_is_an_answer(
    simulator: Simulator, db: apsw.Connection, droplet: int
) -> None:
    simulator.account.fail_next(droplet)
    list(db.execute("SELECT droplet_actions_post(?, 'reboot')", (droplet,)))
    query = (
        "SELECT droplet_actions_wait(droplet_id, id) ->> 'status' FROM droplet_actions"
        " WHERE droplet_id = ? AND status = 'in-progress'"
    )
    assert db.execute(query, (droplet,)).get == "errored"


def test_waiting_for_too_long_is_an_error(
    simulator: Simulator, db: apsw.Connection, droplet: int, shared_clock: SharedClock
) -> None:
    action = json.loads(
        db.execute("SELECT droplet_actions_post(?, 'snapshot')", (droplet,)).get
    )
    with pytest.raises(dovtab.WaitError, match=r"not ended after 20 s"):
        list(db.execute("SELECT droplet_actions_wait(?, ?, 20)", (droplet, action["id"])))
    assert sum(shared_clock.waits) == pytest.approx(20)


def test_waiting_for_nothing_is_an_error(
    simulator: Simulator, db: apsw.Connection, droplet: int, shared_clock: SharedClock
) -> None:
    """But not at once: a new action has been seen to answer 404 for a moment."""
    with pytest.raises(dovtab.WaitError, match="there is no such action"):
        list(db.execute("SELECT droplet_actions_wait(?, 77)", (droplet,)))
    assert 5 <= sum(shared_clock.waits) < 15


def test_waiting_does_not_use_up_the_requests_of_a_statement(
    simulator: Simulator, connect: Callable[..., apsw.Connection], droplet: int
) -> None:
    db = connect(max_requests=1)
    query = (
        "SELECT droplet_actions_wait(?1, droplet_actions_post(?1, 'snapshot') ->> 'id')"
        " ->> 'status'"
    )
    assert db.execute(query, (droplet,)).get == "completed"


def test_a_limit_in_the_middle_says_what_was_started(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    for id in (1, 2, 3):
        simulator.account.add_droplet(droplet_id=id)
    db = connect(max_requests=2)
    query = (
        "WITH d(id) AS (VALUES (1), (2), (3)) SELECT droplet_actions_post(id, 'reboot') FROM d"
    )
    with pytest.raises(dovtab.TooManyRequestsError, match="2, 2 of which started actions,"):
        list(db.execute(query))
