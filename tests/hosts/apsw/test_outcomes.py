"""droplet_actions_outcome: what came of an action, as a word and not as an error."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock, Simulator
from shared_clock import SharedClock

Connect = Callable[..., apsw.Connection]
OUTCOME = "SELECT droplet_actions_outcome(?, ?)"
USAGE = "droplet_actions_outcome(droplet_id, action_id [, timeout_seconds])"
DROPLETS = range(1, 13)


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in DROPLETS:
        simulator.account.add_droplet(id)
    return simulator


def started(db: apsw.Connection, droplet: int = 1, type: str = "snapshot") -> int:
    call = "SELECT droplet_actions_post(?, ?) ->> 'id'"
    return int(db.execute(call, (droplet, type)).get)


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_the_status_that_the_action_ends_with(
    fleet: Simulator, db: apsw.Connection, fails: bool
) -> None:
    if fails:
        fleet.account.fail_next(1)
    assert db.execute(OUTCOME, (1, started(db))).get == ("errored" if fails else "completed")


def test_timeout_is_a_word_and_it_can_be_waited_for_again(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock
) -> None:
    id, began = started(db), clock.time()
    assert db.execute("SELECT droplet_actions_outcome(1, ?, 20)", (id,)).get == "timeout"
    assert clock.time() - began == pytest.approx(20)
    assert db.execute("SELECT droplet_actions_outcome(1, ?, 0)", (id,)).get == "timeout"
    assert clock.time() - began == pytest.approx(20)
    assert db.execute(OUTCOME, (1, id)).get == "completed"


def test_missing_is_a_word(fleet: Simulator, db: apsw.Connection, clock: ManualClock) -> None:
    began = clock.time()
    assert db.execute(OUTCOME, (1, 77)).get == "missing"
    assert db.execute(OUTCOME, (99, 77)).get == "missing"
    assert 10 <= clock.time() - began < 30


def another(answer: object) -> object:
    return {"action": {"id": 7, "status": "completed", "type": "snapshot"}}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(kind="status", status=403, times=None), "403"),
        (Fault(kind="status", status=500, times=None), "500"),
        (Fault(kind="close", times=None), "the connection was lost"),
        (Fault(kind="malformed_json", times=None), "is not a JSON object"),
        (Fault(kind="answer", mutate=another), "does not hold that action"),
        (Fault(kind="redirect", times=None), "redirects are not followed"),
    ],
)
def test_what_fails_is_told_in_words(
    fleet: Simulator, db: apsw.Connection, fault: Fault, why: str
) -> None:
    id = started(db)
    fleet.fault(fault)
    text = db.execute(OUTCOME, (1, id)).get
    assert text.startswith(f"failed: GET /v2/droplets/1/actions/{id}: ")
    assert why in text
    assert fleet.token not in text
    # The next one may go better.
    fleet.clear_faults()
    assert db.execute(OUTCOME, (1, id)).get == "completed"


def test_without_a_network_it_is_a_word(connect: Connect) -> None:
    db = connect(api_url="http://127.0.0.1:9")
    assert db.execute(OUTCOME, (1, 2)).get.startswith("failed: GET ")


def test_what_was_not_started_has_no_outcome(fleet: Simulator, db: apsw.Connection) -> None:
    """A refused POST has no action_id, and its row need not be left out."""
    rows = [(None, 5), (1, None), (None, None)]
    assert [db.execute(OUTCOME, row).get for row in rows] == [None] * 3
    assert fleet.requests == []
    with pytest.raises(dovtab.ActionsError):
        db.execute(
            "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot'), (99, 'reboot')"
        )
    query = (
        "SELECT droplet_id, droplet_actions_outcome(droplet_id, action_id) FROM dovtab_posts"
    )
    assert dict(db.execute(query)) == {1: "completed", 99: None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("0, 1", "droplet_id must be a whole number from 1, not 0"),
        ("'x', 1", "droplet_id must be a whole number from 1, not 'x'"),
        ("1, x'01'", "action_id must be a whole number from 1, not a blob"),
        ("1, 1, -1", "timeout_seconds must be a number from 0 to 86400, not -1"),
        ("1, 1, 'soon'", "timeout_seconds must be a number from 0 to 86400, not 'soon'"),
        ("1", f"it is called as {USAGE}"),
    ],
)
def test_a_wrong_argument_is_an_error(
    fleet: Simulator, db: apsw.Connection, arguments: str, message: str
) -> None:
    with pytest.raises(dovtab.ArgumentError) as caught:
        list(db.execute(f"SELECT droplet_actions_outcome({arguments})"))
    assert str(caught.value) == message
    assert fleet.requests == []


def test_where_nothing_may_be_started_nothing_is_waited_for(
    fleet: Simulator, connect: Connect
) -> None:
    with pytest.raises(dovtab.NotAllowedError):
        list(connect(allow_actions=False).execute(OUTCOME, (1, 2)))
    assert fleet.requests == []


class Interrupting(SharedClock):
    """Somebody presses Ctrl-C as soon as anybody waits."""

    db: apsw.Connection

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.db.interrupt()
        return event.wait(5)


def test_an_interrupt_is_no_outcome(fleet: Simulator, clock: ManualClock) -> None:
    """Or a batch could not be stopped."""
    turned = Interrupting(clock)
    db = turned.db = apsw.Connection(":memory:")
    given = {"token": fleet.token, "api_url": fleet.url}
    attach(db, resolve(given, os.getenv), turned)
    ids = [(id, started(db, id)) for id in (1, 2)]
    polled = len(fleet.requests)
    values = ", ".join(map(str, ids))
    with pytest.raises(apsw.InterruptError):
        list(
            db.execute(
                "SELECT droplet_actions_outcome(column1, column2) FROM (VALUES " + values + ")"
            )
        )
    # The first one was asked for, and the other beside it.
    assert len(fleet.requests) - polled <= 2
    db.close(True)


def test_a_batch_takes_as_long_as_its_slowest(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock
) -> None:
    """And one that fails does not keep the others from being told of."""
    fleet.account.fail_next(5)
    types = {1: "snapshot", 2: "power_off"}
    with db:
        db.executemany(
            "INSERT INTO droplet_actions(droplet_id, type) VALUES (?, ?)",
            [(id, types.get(id, "reboot")) for id in DROPLETS],
        )
    fleet.fault(Fault(kind="status", status=403, path="/7/actions/", times=None))
    began = clock.time()
    query = (
        "SELECT droplet_id, droplet_actions_outcome(droplet_id, action_id) FROM dovtab_posts"
    )
    found = dict(db.execute(query))
    assert found.pop(5) == "errored"
    assert found.pop(7).startswith("failed: ")
    assert set(found.values()) == {"completed"}
    # A snapshot takes a minute, and pauses come to nineteen seconds.
    assert 60 <= clock.time() - began < 60 + 19
    # Whose end was seen beside another's is not asked for again; of those that were on
    # their way when the clock was turned, some arrive after it.
    paths = {f"/v2/droplets/{id}/actions" for id in DROPLETS if id not in (1, 7)}
    polls = [r for r in fleet.requests if r.path.rpartition("/")[0] in paths]
    assert {r.path.rpartition("/")[0] for r in polls if r.method == "GET"} == paths
    assert len([r for r in polls if r.time >= began + 60]) < len(paths) / 2


def test_what_a_request_took_is_without_the_pauses_after_a_refusal(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock
) -> None:
    """It is the API that took the time, or it is not."""
    began = clock.time()
    refused = Fault(kind="status", status=429, retry_after=30, times=2)
    fleet.fault(refused)
    id = started(db, type="reboot")
    fleet.fault(refused)
    list(db.execute("SELECT * FROM droplet_actions WHERE droplet_id = 1"))
    assert clock.time() - began == pytest.approx(120)
    took = "SELECT method, attempts, duration_ms FROM dovtab_requests"
    assert list(db.execute(took)) == [("POST", 3, 0), ("GET", 3, 0)]
    assert db.execute(OUTCOME, (1, id)).get == "completed"
