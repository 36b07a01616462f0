"""Interrupts and breaks that come when they fit worst."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import apsw
import httpcore
import pytest

import dovtab
from dovtab.simulator import Simulator

POST = "SELECT droplet_actions_post(1, 'reboot')"
SOON = 5.0


def test_an_interrupt_counts_also_between_quick_answers(simulator: Simulator) -> None:
    """SQLite does not look between the functions of one row."""
    for id in range(1, 31):
        simulator.account.add_droplet(droplet_id=id)
    db = dovtab.connect(token="simulator", api_url=simulator.url)

    def interrupt() -> None:
        while len(simulator.requests) < before + 3:
            time.sleep(0.0005)
        db.interrupt()

    simulator.latency = 0.01
    for query in (
        "SELECT " + ", ".join(f"droplet_actions_post({n}, 'reboot')" for n in range(1, 31)),
        "SELECT id FROM droplet_actions WHERE id IN ("
        + ",".join(map(str, range(1, 200)))
        + ")",
    ):
        before = len(simulator.requests)
        helper = threading.Thread(target=interrupt)
        helper.start()
        with pytest.raises(apsw.InterruptError):
            list(db.execute(query))
        helper.join()
        assert len(simulator.requests) - before < 25 + 16
    db.close()


def test_a_post_is_not_sent_by_a_connection_that_was_made_too_late(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt came while the connection was being made."""
    import httpcore

    simulator.account.add_droplet(droplet_id=1)
    connecting, go_on = threading.Event(), threading.Event()
    connect_tcp = httpcore.SyncBackend.connect_tcp

    def slowly(*arguments: Any) -> httpcore.NetworkStream:
        connecting.set()
        go_on.wait(SOON)
        return connect_tcp(*arguments)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", slowly)
    db = dovtab.connect(token="simulator", api_url=simulator.url)

    def interrupt() -> None:
        connecting.wait()
        db.interrupt()

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(apsw.InterruptError):
        list(db.execute(POST))
    helper.join()
    go_on.set()
    deadline = time.monotonic() + SOON
    while any(t.name == "dovtab request" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert simulator.requests == []
    db.close()


@pytest.mark.parametrize(
    "error", [httpcore.WriteError, httpcore.ReadError, httpcore.WriteTimeout]
)
def test_a_post_whose_sending_broke_off_is_not_sent_again(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    sent: list[str] = []

    def break_off(self: object, request: httpcore.Request) -> httpcore.Response:
        sent.append(request.method.decode())
        raise error("broken")

    monkeypatch.setattr(httpcore.HTTPConnection, "handle_request", break_off)
    with pytest.raises(dovtab.NetworkError, match="may have been carried out"):
        list(connect().execute(POST))
    assert sent.count("POST") == 1


def test_what_is_no_number_of_json_is_not_sent(
    simulator: Simulator, db: apsw.Connection
) -> None:
    attributes = '{"backup_policy": {"plan": "x", "more": 1e999}}'
    with pytest.raises(dovtab.ArgumentError, match="must be a JSON object"):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_backups', ?)", (attributes,)))
    assert simulator.requests == []
