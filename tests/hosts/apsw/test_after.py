"""The column ``after``: an action waits for what comes before it on its Droplet."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

BIG = "s-2vcpu-2gb"
FIVE = "[1, 2, 3, 4, 5]"
INSERT = "INSERT INTO droplet_actions(droplet_id, type, attributes, after) "
STEPS = f"""
    WITH steps(n, type, attributes, after) AS (VALUES
        (1, 'power_off', NULL, NULL),
        (2, 'resize', '{{"size": "{BIG}"}}', 'completed'),
        (3, 'power_on', NULL, 'ended')),
    fleet(id) AS (SELECT value FROM json_each(?))
"""
RESIZE = STEPS + INSERT + "SELECT id, type, attributes, after FROM fleet, steps ORDER BY id, n"
OUTCOMES = "SELECT type, outcome, error FROM dovtab_posts WHERE droplet_id = ? ORDER BY seq"


@contextmanager
def running(droplets: int = 5, **rules: Any) -> Iterator[Simulator]:
    with Simulator(clock=ManualClock(), rules=Rules(**rules)) as simulator:
        for id in range(1, droplets + 1):
            simulator.account.add_droplet(id, f"web-{id:02}", tags=("web",))
        yield simulator


@contextmanager
def connected(
    simulator: Simulator, clock: SharedClock | None = None, **settings: Any
) -> Iterator[apsw.Connection]:
    db = apsw.Connection(":memory:")
    given = {"token": simulator.token, "api_url": simulator.url, "max_actions": 0}
    given |= {"max_wait_seconds": 86_400} | settings
    if clock is None:
        assert isinstance(simulator.clock, ManualClock)
        clock = SharedClock(simulator.clock)
    attach(db, resolve(given, os.getenv), clock)
    try:
        yield db
    finally:
        db.close(True)


def posts(simulator: Simulator, droplet: int) -> list[tuple[str, float]]:
    path = f"/v2/droplets/{droplet}/actions"
    sent = [r for r in simulator.requests if r.method == "POST" and r.path == path]
    return [(r.json["type"], r.time) for r in sent]


def once_posted(simulator: Simulator, step: int, do: Callable[[int], object]) -> None:
    """Once Droplet 3's POST of this number has been answered, do something with its id."""

    def mutate(answer: Any) -> Any:
        do(answer["action"]["id"])
        return answer

    path = "/3/actions$"
    simulator.fault(Fault(kind="answer", method="POST", path=path, skip=step, mutate=mutate))


WAYS = [
    *("422", "500 before its effect", "500 after its effect", "lost after its effect"),
    *("errored", "poll answers 500", "poll answers 403", "all polls answer 500"),
]


def let_fail(simulator: Simulator, step: int, way: str) -> None:
    """Of Droplet 3 the action of this number fails."""

    def fault(kind: str, status: int = 500) -> None:
        path = "/3/actions$"
        simulator.fault(Fault(kind=kind, status=status, method="POST", path=path, skip=step))

    def polls_fail(path: str, status: int) -> None:
        simulator.fault(
            Fault(kind="status", status=status, method="GET", path=path, times=None)
        )

    if way == "422":
        fault("status", 422)
    elif way == "500 before its effect":
        fault("status")
    elif way == "500 after its effect":
        fault("status_after_effect")
    elif way == "lost after its effect":
        fault("lost_after_effect")
    elif way == "errored":
        if step == 0:
            simulator.account.fail_next(3)
        else:
            once_posted(simulator, step - 1, lambda id: simulator.account.fail_next(3))
    elif way == "all polls answer 500":
        # An outage of half a minute, in which nobody can see anything of this Droplet.
        def outage(id: int) -> None:
            polls = Fault(kind="status", method="GET", path="/3/actions", times=30)
            simulator.fault(polls)

        once_posted(simulator, step, outage)
    else:
        status = int(way.split()[-1])
        once_posted(simulator, step, lambda id: polls_fail(f"/3/actions/{id}$", status))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    ("ids", "list_lag"),
    # Of one alone the time is not turned on by the others' waiting.
    [(FIVE, 0.0), ("[3]", 0.0), ("[3]", 2.5), ("[3]", 10.0)],
)
def test_whatever_fails_a_machine_that_was_switched_off_is_on_again(
    ids: str, list_lag: float, step: int, way: str
) -> None:
    """And with the others nothing is amiss."""
    with running(list_lag=list_lag) as simulator:
        let_fail(simulator, step, way)
        with connected(simulator) as db:
            with suppress(dovtab.ActionsError):
                db.execute(RESIZE, (ids,))
            assert isinstance(simulator.clock, ManualClock)
            simulator.clock.advance(1000)
            told = list(db.execute(OUTCOMES, (3,)))
        droplets = simulator.account.droplets
        assert droplets[3].powered, told
        for id in set(json.loads(ids)) - {3}:
            assert (droplets[id].size, droplets[id].powered) == (BIG, True)
            types = [type for type, _ in posts(simulator, id)]
            assert types == ["power_off", "resize", "power_on"]
        # Never twice, and never in another order.
        order = [["power_off", "resize", "power_on"].index(t) for t, _ in posts(simulator, 3)]
        assert order == sorted(set(order))


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("422", "not sent: an action before it on this Droplet failed"),
        ("500 before its effect", "not sent: an action before it on this Droplet failed"),
        ("errored", r"not sent: action \d+, which it comes after, is errored"),
        (
            "poll answers 403",
            r"not sent: action \d+, which it comes after, is failed: GET .*/3/actions/.*403",
        ),
    ],
)
def test_what_comes_after_a_failure_is_not_sent_and_says_why(way: str, error: str) -> None:
    with running() as simulator:
        let_fail(simulator, 0, way)
        with connected(simulator) as db:
            with pytest.raises(dovtab.ActionsError) as caught:
                db.execute(RESIZE, (FIVE,))
            found = {type: (outcome, why) for type, outcome, why in db.execute(OUTCOMES, (3,))}
        outcome, why = found["resize"]
        assert outcome == "refused"
        assert re.match(error, why)
        assert re.search(f"POST /v2/droplets/3/actions: {error}", str(caught.value))
        assert "resize" not in [type for type, _ in posts(simulator, 3)]


@pytest.mark.parametrize(
    ("way", "is_told", "is_on"),
    [
        ("422", True, False),
        ("500 before its effect", True, False),
        ("lost after its effect", False, True),
    ],
)
def test_a_machine_that_is_not_switched_on_again_is_told(
    way: str, is_told: bool, is_on: bool
) -> None:
    """A POST is sent once: nobody can do more about the last one."""
    with running() as simulator:
        let_fail(simulator, 2, way)
        with connected(simulator) as db:
            if is_told:
                with pytest.raises(dovtab.ActionsError, match="POST /v2/droplets/3/actions"):
                    db.execute(RESIZE, (FIVE,))
            else:
                db.execute(RESIZE, (FIVE,))
        assert isinstance(simulator.clock, ManualClock)
        simulator.clock.advance(1000)
        droplets = simulator.account.droplets
        assert (droplets[3].size, droplets[3].powered) == (BIG, is_on)


def test_completed_waits_for_the_end() -> None:
    with running(1) as simulator, connected(simulator) as db:
        began = simulator.clock.time()
        db.execute(
            INSERT + "VALUES (1, 'snapshot', NULL, NULL), (1, 'reboot', '{}', 'completed')"
        )
        (_, first), (_, second) = posts(simulator, 1)
        assert first == began
        # A snapshot takes a minute here, and polls come at most 18 seconds apart.
        assert began + 60 <= second < began + 80
        assert list(db.execute("SELECT outcome, error FROM dovtab_posts")) == [
            ("sent", None),
            ("sent", None),
        ]


def test_of_what_does_not_end_that_is_told() -> None:
    with running(1, durations={"snapshot": 1e9}) as simulator, connected(simulator) as db:
        with pytest.raises(dovtab.ActionsError, match=r"which it comes after, is timeout"):
            db.execute(
                INSERT + "VALUES (1, 'snapshot', NULL, NULL), (1, 'reboot', '{}', 'completed')"
            )
        assert len(posts(simulator, 1)) == 1


class Patient(SharedClock):
    """Time that goes on only once so many POSTs have come, or never would."""

    def __init__(self, simulator: Simulator, posts: int) -> None:
        assert isinstance(simulator.clock, ManualClock)
        super().__init__(simulator.clock)
        self._simulator, self._posts = simulator, posts
        self._deadline = time.monotonic() + 15

    def wait(self, event: threading.Event, seconds: float) -> bool:
        come = sum(r.method == "POST" for r in self._simulator.requests)
        if come < self._posts and time.monotonic() < self._deadline:
            return event.wait(0.005)
        return super().wait(event, seconds)


@pytest.mark.parametrize("concurrency", [1, 16])
def test_of_forty_side_by_side_none_is_in_another_s_way(concurrency: int) -> None:
    """So that all take as long as one, with fewer requests at once than Droplets."""
    with running(40, minute_limit=None) as simulator:
        with connected(simulator, Patient(simulator, 40), concurrency=concurrency) as db:
            db.execute(
                "WITH RECURSIVE fleet(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM fleet"
                " LIMIT 40) " + INSERT + "SELECT id, type, NULL, after FROM fleet,"
                " (SELECT 'snapshot' type, NULL after UNION ALL SELECT 'reboot', 'completed')"
            )
        sent = [r.json["type"] for r in simulator.requests if r.method == "POST"]
        assert sent == ["snapshot"] * 40 + ["reboot"] * 40


def test_ended_waits_for_a_colleague_s_action_too() -> None:
    with running(1) as simulator, connected(simulator) as db:
        simulator.account.add_action(1, "snapshot", "in-progress", seconds=50)
        began = simulator.clock.time()
        db.execute(INSERT + "VALUES (1, 'reboot', NULL, 'ended')")
        ((_, sent_at),) = posts(simulator, 1)
        assert sent_at >= began + 50


def test_ended_waits_for_what_a_colleague_has_begun_meanwhile() -> None:
    """Theirs begins as ours is answered, and takes longer."""
    with running(1, durations={"rename": 1.0}) as simulator, connected(simulator) as db:

        def longer(answer: Any) -> Any:
            simulator.account.add_action(1, "snapshot", "in-progress", seconds=50)
            return answer

        simulator.fault(Fault(kind="answer", method="POST", mutate=longer))
        began = simulator.clock.time()
        db.execute(
            INSERT
            + "VALUES (1, 'rename', '{\"name\": \"x\"}', NULL), (1, 'reboot', NULL, 'ended')"
        )
        (_, (_, sent_at)) = posts(simulator, 1)
        assert sent_at >= began + 50


def test_ended_on_a_droplet_without_a_history_goes_at_once() -> None:
    with running(1) as simulator, connected(simulator) as db:
        began = simulator.clock.time()
        db.execute(INSERT + "VALUES (1, 'reboot', NULL, 'ended')")
        assert posts(simulator, 1) == [("reboot", began)]


def test_with_a_token_that_sees_nothing_nothing_is_switched_off() -> None:
    """Nobody could tell when to switch it on again."""
    with running(1) as simulator:
        simulator.account.add_token("blind", {"droplet:update", "droplet:create"})
        refused = pytest.raises(dovtab.NotAllowedError, match="needs the scope droplet:read")
        with connected(simulator, token="blind") as db, refused:
            db.execute(RESIZE, ("[1]",))
        assert posts(simulator, 1) == []


def test_a_lock_that_outlasts_its_action_is_waited_for() -> None:
    """The power_on is refused, and goes again: a 422 has not run."""
    with running(1) as simulator:
        locked = replace_in_lists(simulator, locked=True)
        simulator.fault(Fault(kind="status", status=422, method="POST", skip=2, times=2))
        with connected(simulator) as db:
            db.execute(RESIZE, ("[1]",))
        assert locked
        assert [type for type, _ in posts(simulator, 1)] == [
            "power_off",
            "resize",
            *["power_on"] * 3,
        ]


def replace_in_lists(simulator: Simulator, **members: object) -> list[int]:
    """Let the list of Droplets say this of each; gives whether anybody has asked."""
    asked: list[int] = []

    def change(answer: Any) -> object:
        asked.append(1)
        return answer | {"droplets": [droplet | members for droplet in answer["droplets"]]}

    simulator.fault(Fault(kind="answer", path=r"/v2/droplets\?", times=None, mutate=change))
    return asked


@pytest.mark.parametrize("max_actions", [0, 25])
@pytest.mark.parametrize("errored", [False, True])
def test_by_tag_in_the_chain(max_actions: int, errored: bool) -> None:
    with running() as simulator, connected(simulator, max_actions=max_actions) as db:
        if errored:
            simulator.account.fail_next(3)
        by_tag = "INSERT INTO droplet_actions(tag_name, type, after) VALUES "
        db.execute("BEGIN")
        db.execute(by_tag + "('web', 'power_off', NULL)")
        db.execute(
            INSERT
            + "SELECT column1, 'resize', ?, 'completed' FROM (VALUES (1), (2), (3), (4), (5))",
            (f'{{"size": "{BIG}"}}',),
        )
        db.execute(by_tag + "('web', 'power_on', 'ended')")
        if errored:
            with pytest.raises(dovtab.ActionsError, match=r"which it comes after, is errored"):
                db.execute("COMMIT")
        else:
            db.execute("COMMIT")
        assert isinstance(simulator.clock, ManualClock)
        simulator.clock.advance(1000)
        droplets = simulator.account.droplets
        assert all(droplets[id].powered for id in range(1, 6))
        sizes = [droplets[id].size == BIG for id in range(1, 6)]
        assert sizes == [True, True, not errored, True, True]


def test_by_tag_completed_waits_for_every_droplet() -> None:
    slow = running(durations={"enable_ipv6": 40.0})
    with slow as simulator, connected(simulator, max_actions=25) as db:
        began = simulator.clock.time()
        db.execute("BEGIN")
        db.execute(INSERT + "VALUES (4, 'enable_ipv6', NULL, NULL)")
        db.execute(
            "INSERT INTO droplet_actions(tag_name, type, after)"
            " VALUES ('web', 'power_off', 'completed')"
        )
        db.execute("COMMIT")
        last = [r for r in simulator.requests if r.method == "POST"][-1]
        assert last.path == "/v2/droplets/actions"
        assert last.time >= began + 40


@pytest.mark.parametrize(("max_actions", "goes"), [(25, True), (0, False)])
def test_by_tag_what_failed_elsewhere_is_no_matter_if_that_is_known(
    max_actions: int, goes: bool
) -> None:
    """If nobody has looked, any Droplet may have the tag."""
    with running() as simulator, connected(simulator, max_actions=max_actions) as db:
        simulator.account.add_droplet(9)
        simulator.fault(Fault(kind="status", status=422, path="/9/actions"))
        db.execute("BEGIN")
        db.execute(INSERT + "VALUES (9, 'reboot', NULL, NULL), (1, 'enable_ipv6', NULL, NULL)")
        db.execute(
            "INSERT INTO droplet_actions(tag_name, type, after)"
            " VALUES ('web', 'power_off', 'completed')"
        )
        with pytest.raises(dovtab.ActionsError, match="422"):
            db.execute("COMMIT")
        by_tag = [r for r in simulator.requests if r.path == "/v2/droplets/actions"]
        assert len(by_tag) == goes


class Interrupting(SharedClock):
    """Somebody presses Ctrl-C as soon as anybody waits."""

    db: apsw.Connection

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.db.interrupt()
        return event.wait(5)


@pytest.mark.parametrize("concurrency", [1, 16])
def test_an_interrupt_in_the_wait_sends_nothing_more_and_says_so(concurrency: int) -> None:
    with running() as simulator:
        assert isinstance(simulator.clock, ManualClock)
        clock = Interrupting(simulator.clock)
        with connected(simulator, clock, concurrency=concurrency) as db:
            clock.db = db
            db.execute("BEGIN")
            db.execute(RESIZE, (FIVE,))
            db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'snapshot')")
            with pytest.raises(apsw.InterruptError, match="what was sent stays sent"):
                db.execute("COMMIT")
            # The threads of it end in their own time, which is short.
            while any(t.name == "dovtab request" for t in threading.enumerate()):
                time.sleep(0.005)
            sent = [r.json["type"] for r in simulator.requests if r.method == "POST"]
            assert set(sent) == {"power_off"}
            told = list(db.execute("SELECT outcome, error FROM dovtab_posts"))
            assert told.count(("sent", None)) == len(sent)
            others = [(outcome, error) for outcome, error in told if outcome != "sent"]
            assert len(others) == 16 - len(sent)
            for outcome, error in others:
                assert outcome == "refused"
                assert error.endswith(
                    ("interrupted before it was sent", "given up before it was sent")
                )


@pytest.mark.parametrize("value", ["'complete'", "''", "1", "'COMPLETED'", "x'00'"])
def test_another_value_is_a_constraint_that_fails(value: str) -> None:
    with running(1) as simulator, connected(simulator) as db:
        with pytest.raises(
            dovtab.ArgumentError, match="after must be NULL, completed or ended, not "
        ) as caught:
            db.execute(INSERT + f"VALUES (1, 'reboot', NULL, {value})")
        assert isinstance(caught.value, apsw.ConstraintError)
        assert simulator.requests == []


def test_without_it_the_next_action_goes_at_once_and_is_refused() -> None:
    with running(1) as simulator, connected(simulator) as db:
        began = simulator.clock.time()
        with pytest.raises(dovtab.ActionsError, match="Droplet already has a pending event"):
            db.execute(INSERT + "VALUES (1, 'reboot', NULL, NULL), (1, 'snapshot', NULL, NULL)")
        assert [moment for _, moment in posts(simulator, 1)] == [began, began]


def test_without_a_thread_nothing_is_sent_and_each_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "dovtab request":
            raise RuntimeError("can't start new thread")
        start(thread)

    with running() as simulator, connected(simulator) as db:
        monkeypatch.setattr(threading.Thread, "start", none_left)
        db.execute("BEGIN")
        db.execute(INSERT + "VALUES (1, 'reboot', NULL, NULL)")
        db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'power_off')")
        with pytest.raises(dovtab.NetworkError, match="no request can be sent"):
            db.execute("COMMIT")
        told = "SELECT outcome, error LIKE '%can''t start new thread' FROM dovtab_posts"
        assert list(db.execute(told)) == [("refused", 1), ("refused", 1)]
        assert simulator.requests == []
