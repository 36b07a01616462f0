"""The client: shared, kept alive, and at one host only."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

import apsw
import pytest

from dovtab.api.connections import Connections
from dovtab.api.token import Token
from dovtab.engine.shared import shared
from dovtab.simulator import Fault, Simulator

QUERY = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 1"


def test_connections_of_a_process_share_a_client(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    token = Token(simulator.token, "a test")
    first = shared(simulator.url, token)
    assert shared(simulator.url, Token(simulator.token, "elsewhere")) is first
    assert shared(simulator.url, Token("other", "a test")) is not first
    assert shared(simulator.url + "/v", token) is not first


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Connections]:
    """Those to one API that have been closed."""
    those: list[Connections] = []
    close = Connections.close

    def noted(connections: Connections) -> None:
        those.append(connections)
        close(connections)

    monkeypatch.setattr(Connections, "close", noted)
    return those


def test_a_client_that_nobody_uses_is_closed(
    simulator: Simulator, closed: list[Connections]
) -> None:
    found = shared(simulator.url, Token("unused", "a test"))
    assert closed == []
    del found
    gc.collect()
    assert len(closed) == 1


def test_a_closed_connection_lets_its_client_go(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    closed: list[Connections],
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    db = connect()
    assert db.execute(QUERY).get == 0
    assert closed == []
    db.close()
    del db
    gc.collect()
    assert len(closed) == 1


def test_a_forked_child_does_not_write_into_its_parent_s_sockets(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Token(simulator.token, "a test")
    parent = shared(simulator.url, token)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert shared(simulator.url, token) is not parent


def test_a_redirect_is_not_followed(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    with Simulator() as elsewhere:
        simulator.fault(
            Fault(kind="redirect", location=elsewhere.url + "/v2/actions", times=None)
        )
        with pytest.raises(Exception, match="redirects are not followed"):
            list(connect().execute(QUERY))
        assert elsewhere.requests == []


def test_a_link_to_another_host_is_not_followed(clock: object) -> None:
    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach
    from dovtab.simulator import Rules

    with Simulator() as elsewhere, Simulator(rules=Rules(link_base=elsewhere.url)) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        for _ in range(5):
            simulator.account.add_action(1)
        db = apsw.Connection(":memory:")
        given = {"token": simulator.token, "api_url": simulator.url}
        attach(db, resolve(given, lambda _: None))
        assert db.execute(QUERY + " AND per_page = 2").get == 5
        assert elsewhere.requests == []
        db.close()


def test_the_loopback_is_reached_without_a_proxy(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy would be shown the token, since the loopback speaks plain HTTP."""
    simulator.account.add_droplet(droplet_id=1)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert connect().execute(QUERY).get == 0


def test_a_request_says_who_asks(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    list(connect().execute(QUERY))
    headers = simulator.requests[0].headers
    assert headers["user-agent"].startswith("dovtab/")
    assert headers["accept"] == "application/json"
