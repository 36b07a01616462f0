"""dry_run shows what COMMIT would do, and dovtab_plan what it would send."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.simulator import Fault, Simulator

Connect = Callable[..., apsw.Connection]
INSERT = "INSERT INTO droplet_actions(droplet_id, type) "
OUTCOMES = "SELECT seq, droplet_id, outcome, error FROM dovtab_posts"
LISTS = [{"type": "droplets"}, {"type": "gpus"}]


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    """Five Droplets, a GPU Droplet, and one that is locked."""
    for id in range(1, 6):
        simulator.account.add_droplet(id, f"web-{id:02}", tags=("web",))
    simulator.account.add_droplet(6, "gpu-06", gpu=True)
    simulator.account.add_droplet(7, "db-07")
    simulator.account.add_action(7, "snapshot", "in-progress")
    return simulator


@pytest.fixture
def rehearsal(fleet: Simulator, connect: Connect) -> apsw.Connection:
    db = connect(dry_run=True, max_actions=25)
    db.execute("CREATE TABLE noted(x)")
    return db


def asked(simulator: Simulator) -> list[dict[str, str]]:
    """What was asked; and that nothing was sent."""
    assert {(r.method, r.path) for r in simulator.requests} <= {("GET", "/v2/droplets")}
    queries = [r.query for r in simulator.requests]
    return [{k: v for k, v in query.items() if "page" not in k} for query in queries]


def test_what_would_go_is_told_and_the_rest_of_the_transaction_stands(
    fleet: Simulator, rehearsal: apsw.Connection
) -> None:
    with rehearsal:
        rehearsal.execute("INSERT INTO noted VALUES (1)")
        rehearsal.execute(INSERT + "VALUES (1, 'reboot'), (2, 'snapshot'), (6, 'reboot')")
    assert list(rehearsal.execute(OUTCOMES)) == [
        (1, 1, "dry-run", None),
        (2, 2, "dry-run", None),
        (3, 6, "dry-run", None),
    ]
    assert rehearsal.execute("SELECT count(*) FROM noted").get == 1
    nothing = "SELECT DISTINCT sent_at, action_id, request_id FROM dovtab_posts"
    assert rehearsal.execute(nothing).get == (None, None, None)
    assert asked(fleet) == LISTS


def test_what_is_not_there_or_locked_fails_as_commit_would(
    fleet: Simulator, rehearsal: apsw.Connection
) -> None:
    rehearsal.execute("BEGIN")
    rehearsal.execute("INSERT INTO noted VALUES (1)")
    rehearsal.execute(INSERT + "VALUES (1, 'reboot'), (99, 'reboot'), (7, 'reboot')")
    rehearsal.execute(INSERT + "VALUES (99, 'snapshot')")
    with pytest.raises(dovtab.ActionsError) as caught:
        rehearsal.execute("COMMIT")
    assert "POST /v2/droplets/99/actions: there is no Droplet 99" in str(caught.value)
    locked = "db-07 is locked: an action is in progress on it"
    assert f"POST /v2/droplets/7/actions: {locked}" in str(caught.value)
    assert list(rehearsal.execute(OUTCOMES)) == [
        (1, 1, "dry-run", None),
        (2, 99, "refused", "there is no Droplet 99"),
        (3, 7, "refused", locked),
        (4, 99, "refused", "not sent: an action before it on this Droplet failed"),
    ]
    assert (caught.value.sent, caught.value.refused) == (0, 3)
    assert rehearsal.execute("SELECT count(*) FROM noted").get == 0
    assert asked(fleet) == LISTS


ROW = "INSERT INTO droplet_actions(droplet_id, type, after) VALUES "


@pytest.mark.parametrize(
    ("rows", "outcomes"),
    [
        ("(7, 'reboot', NULL)", ["refused"]),
        # There is nothing in the transaction that it could wait for.
        ("(7, 'reboot', 'completed')", ["refused"]),
        ("(7, 'reboot', 'ended')", ["dry-run"]),
        ("(7, 'reboot', 'ended'), (7, 'power_off', 'completed')", ["dry-run", "dry-run"]),
        ("(7, 'reboot', NULL), (7, 'power_off', 'completed')", ["refused", "refused"]),
        ("(7, 'reboot', NULL), (7, 'power_off', 'ended')", ["refused", "dry-run"]),
        ("(99, 'reboot', NULL), (99, 'power_off', 'ended')", ["refused", "refused"]),
        ("(1, 'power_off', NULL), (1, 'power_on', 'completed')", ["dry-run", "dry-run"]),
    ],
)
def test_a_lock_is_no_matter_to_what_waits_for_its_end(
    fleet: Simulator, rehearsal: apsw.Connection, rows: str, outcomes: list[str]
) -> None:
    with contextlib.suppress(dovtab.ActionsError):
        rehearsal.execute(ROW + rows)
    found = [outcome for _, _, outcome, _ in rehearsal.execute(OUTCOMES)]
    assert found == outcomes
    assert asked(fleet) == LISTS


def test_fifty_functions_ask_once(fleet: Simulator, rehearsal: apsw.Connection) -> None:
    call = "droplet_actions_post(x, 'rename', '{\"name\": \"n' || y || '\"}')"
    rows = "(WITH n(x) AS (VALUES (1), (2), (3), (4), (6)) SELECT a.x, b.x y FROM n a, n b)"
    texts = [text for (text,) in rehearsal.execute(f"SELECT {call} FROM {rows}")]
    assert len(texts) == 25
    assert json.loads(texts[0]) == {
        "method": "POST",
        "path": "/v2/droplets/1/actions",
        "body": {"type": "rename", "name": "n1"},
    }
    assert asked(fleet) == LISTS
    # Another statement looks again: a moment later it may be another fleet.
    list(rehearsal.execute("SELECT droplet_actions_post(1, 'reboot')"))
    assert asked(fleet) == LISTS * 2


@pytest.mark.parametrize(
    ("id", "reason"), [(99, "there is no Droplet 99"), (7, "db-07 is locked")]
)
def test_a_function_fails_as_the_post_would(
    fleet: Simulator, rehearsal: apsw.Connection, id: int, reason: str
) -> None:
    with pytest.raises(dovtab.ArgumentError, match=f"POST /v2/droplets/{id}/actions: {reason}"):
        list(rehearsal.execute("SELECT droplet_actions_post(?, 'reboot')", (id,)))
    ((_, droplet, outcome, error),) = rehearsal.execute(OUTCOMES)
    assert (droplet, outcome) == (id, "refused")
    assert error.startswith(reason)
    assert asked(fleet) == LISTS


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(kind="status", status=403, times=None), "403"),
        (Fault(kind="status", status=500, times=None), "500"),
        (Fault(kind="close", times=None), "the connection was lost"),
        (Fault(kind="malformed_json", times=None), "not a JSON object"),
    ],
)
def test_a_list_that_cannot_be_read_is_noted_and_stops_nothing(
    fleet: Simulator, rehearsal: apsw.Connection, fault: Fault, why: str
) -> None:
    """A token that can only act can still be rehearsed with."""
    fleet.fault(fault)
    with rehearsal:
        rehearsal.execute("INSERT INTO noted VALUES (1)")
        rehearsal.execute(INSERT + "VALUES (1, 'reboot'), (99, 'reboot')")
    assert rehearsal.execute("SELECT count(*) FROM noted").get == 1
    assert rehearsal.execute("SELECT droplet_actions_post(98, 'reboot')").get
    rows = list(rehearsal.execute(OUTCOMES))
    assert [(id, outcome) for _, id, outcome, _ in rows] == [
        (1, "dry-run"),
        (99, "dry-run"),
        (98, "dry-run"),
    ]
    assert all(e.startswith("not looked up: GET /v2/droplets?") and why in e for *_, e in rows)
    asked(fleet)


def test_without_a_network_it_is_rehearsed_too(connect: Connect) -> None:
    db = connect(dry_run=True, api_url="http://127.0.0.1:9")
    db.execute(INSERT + "VALUES (1, 'reboot')")
    ((*_, outcome, error),) = db.execute(OUTCOMES)
    assert outcome == "dry-run"
    assert "cannot connect to http://127.0.0.1:9" in error


def test_by_tag_it_says_what_would_be_sent(
    fleet: Simulator, rehearsal: apsw.Connection
) -> None:
    rehearsal.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'snapshot')")
    rows = rehearsal.execute("SELECT droplet_id, tag_name, outcome, error FROM dovtab_posts")
    assert {row[1:] for row in rows} == {("web", "dry-run", None)}
    asked(fleet)


def test_by_tag_it_says_which_are_locked_and_that_nobody_has_it(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(dry_run=True, max_actions=25)
    rows = "SELECT droplet_id, outcome, error FROM dovtab_posts"
    list(db.execute("SELECT droplet_actions_post_by_tag('nobody', 'snapshot')"))
    assert list(db.execute(rows)) == [(None, "dry-run", "no Droplet has the tag")]
    some = next(d for d in fleet.account.droplets.values() if "web" in d.tags)
    fleet.account.add_action(some.id, status="in-progress")
    with pytest.raises(dovtab.ActionsError, match="is locked: an action is in progress on it"):
        db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'snapshot')")
    refused = rows + " WHERE outcome = 'refused'"
    error = f"{some.name} is locked: an action is in progress on it"
    assert list(db.execute(refused)) == [(some.id, "refused", error)]
    assert db.execute("SELECT count(*) FROM dovtab_posts WHERE outcome = 'dry-run'").get > 1


PLAN = "SELECT seq, droplet_id, tag_name, type, attributes, after FROM dovtab_plan"


def test_the_plan_is_what_commit_sends(fleet: Simulator, connect: Connect) -> None:
    db = connect()
    assert list(db.execute(PLAN)) == []
    db.execute("BEGIN")
    db.execute(
        "INSERT INTO droplet_actions(droplet_id, type, attributes, after) VALUES"
        " (2, 'rename', ' {\"name\" : \"x\"}', NULL), ('1', 'reboot', '{}', 'completed')"
    )
    db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('nobody', 'enable_ipv6')")
    db.execute(INSERT + "VALUES (2, 'snapshot')")
    plan = list(db.execute(PLAN))
    assert plan == [
        (1, 2, None, "rename", '{"name":"x"}', None),
        (2, 1, None, "reboot", None, "completed"),
        (3, None, "nobody", "enable_ipv6", None, None),
        (4, 2, None, "snapshot", '{"name":"dovtab-20261118T110640Z"}', None),
    ]
    assert list(db.execute("SELECT * FROM dovtab_plan")) == plan
    assert fleet.requests == []
    with contextlib.suppress(dovtab.ActionsError):
        db.execute("COMMIT")
    sent = "SELECT seq, droplet_id, tag_name, type, attributes FROM dovtab_posts"
    assert [row[:5] for row in plan] == list(db.execute(sent))
    paths = {
        (r.path, r.query.get("tag_name"), r.json["type"])
        for r in fleet.requests
        if r.method == "POST"
    }
    assert paths == {
        ("/v2/droplets/2/actions", None, "rename"),
        ("/v2/droplets/1/actions", None, "reboot"),
        ("/v2/droplets/actions", "nobody", "enable_ipv6"),
        ("/v2/droplets/2/actions", None, "snapshot"),
    }
    assert list(db.execute(PLAN)) == []


def test_the_plan_follows_what_is_undone(fleet: Simulator, connect: Connect) -> None:
    db = connect()

    def planned() -> list[int]:
        return [id for _, id, *_ in db.execute(PLAN)]

    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (1, 'reboot')")
    with pytest.raises(dovtab.ArgumentError):
        db.execute(INSERT + "VALUES (2, 'reboot'), (3, 'wrong')")
    assert planned() == [1]
    db.execute("SAVEPOINT s")
    db.execute(INSERT + "VALUES (2, 'reboot')")
    db.execute("SAVEPOINT t")
    db.execute(INSERT + "VALUES (3, 'reboot')")
    assert planned() == [1, 2, 3]
    db.execute("ROLLBACK TO t")
    assert planned() == [1, 2]
    db.execute(INSERT + "VALUES (4, 'reboot')")
    db.execute("RELEASE s")
    assert planned() == [1, 2, 4]
    numbers = [seq for seq, *_ in db.execute(PLAN)]
    assert numbers == [1, 2, 3]
    db.execute("ROLLBACK")
    assert planned() == []
    db.execute(INSERT + "VALUES (5, 'reboot')")
    assert planned() == []
    assert [r.path for r in fleet.requests] == ["/v2/droplets/5/actions"]


def test_the_plan_is_empty_after_a_commit_that_failed(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect()
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (99, 'reboot')")
    assert db.execute("SELECT count(*) FROM dovtab_plan").get == 1
    with pytest.raises(dovtab.ActionsError):
        db.execute("COMMIT")
    assert db.execute("SELECT count(*) FROM dovtab_plan").get == 0
