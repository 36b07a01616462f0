"""A statement that waits for a server can be stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import apsw
import pytest

from dovtab.simulator import Fault, Rules, Simulator

# Far less than what it would take to wait for the answer, and more than any machine needs.
SOON = 5.0
QUERY = "SELECT * FROM droplet_actions WHERE droplet_id = 1"
POST = "SELECT droplet_actions_post(1, 'reboot')"


@pytest.fixture
def blocked(simulator: Simulator) -> threading.Event:
    """Answers stall; gives an event that is set once a request is under way."""
    simulator.account.add_droplet(droplet_id=1)
    simulator.fault(Fault(kind="stall", times=None))
    arrived = threading.Event()

    def look() -> None:
        while not simulator.requests:
            time.sleep(0.005)
        arrived.set()

    threading.Thread(target=look).start()
    return arrived


@pytest.mark.parametrize("query", [QUERY, POST, "SELECT droplet_actions_wait(1, 5)"])
def test_interrupt_ends_a_blocked_statement(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    blocked: threading.Event,
    query: str,
) -> None:
    db = connect()

    def interrupt() -> None:
        blocked.wait()
        db.interrupt()

    helper = threading.Thread(target=interrupt)
    helper.start()
    began = time.monotonic()
    with pytest.raises(apsw.InterruptError) as caught:
        list(db.execute(query))
    assert time.monotonic() - began < SOON
    helper.join()
    text = str(caught.value)
    assert "interrupted before it was answered" in text
    assert ("may have been carried out" in text) == (query == POST)
    assert db.execute("SELECT 1").get == 1
    assert "interrupted" in db.execute("SELECT error FROM dovtab_requests").get
    simulator.stop()


@pytest.mark.parametrize("query", [QUERY, POST])
def test_control_c_ends_a_blocked_statement(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    blocked: threading.Event,
    query: str,
) -> None:
    db = connect()

    def press() -> None:
        blocked.wait()
        os.kill(os.getpid(), signal.SIGINT)

    # Whoever runs the tests in the background may have had the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    helper = threading.Thread(target=press)
    helper.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        list(db.execute(query))
    assert time.monotonic() - began < SOON
    (note,) = caught.value.__notes__
    assert ("may have been carried out" in note) == (query == POST)
    assert db.execute("SELECT error FROM dovtab_requests").get == note
    signal.signal(signal.SIGINT, before)
    helper.join()
    assert db.execute("SELECT 1").get == 1
    simulator.stop()


def test_nothing_more_is_sent_for_a_statement_that_was_stopped() -> None:
    """A POST that waits for the rate limit must not go out after all."""
    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach

    with Simulator(rules=Rules(minute_limit=1)) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        db = apsw.Connection(":memory:")
        given = {"token": simulator.token, "api_url": simulator.url}
        attach(db, resolve(given, lambda _: None))
        list(db.execute(QUERY))

        def interrupt() -> None:
            while len(simulator.requests) < 2:
                time.sleep(0.005)
            db.interrupt()

        helper = threading.Thread(target=interrupt)
        helper.start()
        with pytest.raises(apsw.InterruptError):
            list(db.execute(POST))
        helper.join()
        assert [r.status for r in simulator.requests] == [200, 429]
        # The thread that would have sent it again is gone.
        deadline = time.monotonic() + SOON
        while any(t.name == "dovtab request" for t in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert len(simulator.requests) == 2
        db.close()


def test_interrupt_ends_a_wait() -> None:
    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach

    with Simulator(rules=Rules(durations={"reboot": 3600})) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        db = apsw.Connection(":memory:")
        given = {"token": simulator.token, "api_url": simulator.url}
        attach(db, resolve(given, lambda _: None))

        def interrupt() -> None:
            while len(simulator.requests) < 2:
                time.sleep(0.005)
            db.interrupt()

        helper = threading.Thread(target=interrupt)
        helper.start()
        began = time.monotonic()
        with pytest.raises(apsw.InterruptError):
            list(db.execute(f"SELECT droplet_actions_wait(1, ({POST}) ->> 'id')"))
        helper.join()
        assert time.monotonic() - began < SOON
        db.close()
