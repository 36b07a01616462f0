"""Sockets and threads: speed, many at once, and an end without remains."""

from __future__ import annotations

import gc
import socket
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from dovtab.simulator import Fault, Simulator

LIST = "/v2/droplets/3164444/actions"


def test_stopping_leaves_no_thread_and_no_socket() -> None:
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Simulator() as sim, httpx.Client(base_url=sim.url, trust_env=False) as api:
            api.get("/v2/actions")
            url = sim.url
        gc.collect()

    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


@pytest.mark.parametrize("kind", ["stall", "delay", "slow"])
def test_stopping_ends_what_hangs(kind) -> None:
    before = set(threading.enumerate())
    with ThreadPoolExecutor(8) as pool:
        with Simulator() as sim:
            sim.fault(Fault(kind, seconds=60, times=None))
            headers = {"authorization": f"Bearer {sim.token}"}
            for _ in range(8):
                pool.submit(httpx.get, sim.url + LIST, headers=headers, trust_env=False)
            while len(sim.requests) < 8:
                time.sleep(0.001)
            start = time.perf_counter()
        assert time.perf_counter() - start < 1

    assert set(threading.enumerate()) == before


def test_stopping_twice_does_nothing(simulate) -> None:
    sim = simulate()
    sim.stop()
    sim.stop()

    assert sim.requests == []


def test_there_is_no_url_before_the_start() -> None:
    with pytest.raises(RuntimeError):
        _ = Simulator().url


def test_two_simulators_do_not_meet(simulate, connect) -> None:
    one, other = simulate(), simulate()
    connect(one).get("/v2/actions")

    assert one.url != other.url
    assert (len(one.requests), len(other.requests)) == (1, 0)


def test_sixty_four_clients_are_answered_at_once(simulate, connect) -> None:
    sim = simulate(latency=0.3)
    clients = [connect(sim) for _ in range(64)]
    start = time.perf_counter()
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda client: client.get("/v2/actions"), clients))

    assert {answer.status_code for answer in answers} == {200}
    assert time.perf_counter() - start < 3
    assert 16 < max(request.at_once for request in sim.requests) <= 64


def test_an_answer_is_not_held_back_by_the_network_stack(sim, api) -> None:
    """Headers and body in two packets would take 40 ms each time."""
    api.get(LIST)
    start = time.perf_counter()
    for _ in range(20):
        api.get(LIST)

    assert (time.perf_counter() - start) / 20 < 0.02


def test_a_page_deep_in_a_long_history_costs_no_more(simulate, connect) -> None:
    sim = simulate(minute_limit=None)
    sim.account.add_droplet(3164444)
    for _ in range(50_000):
        sim.account.add_action(3164444, started_at="2026-01-01T00:00:00Z")
    api = connect(sim)
    took: dict[int, list[float]] = {1: [], 241: []}
    for page in [*took] * 10:
        start = time.perf_counter()
        answer = api.get(LIST, params={"per_page": 200, "page": page})
        took[page].append(time.perf_counter() - start)
        assert len(answer.json()["actions"]) == 200

    # In turns, and the quickest of each: whatever else the machine does, it does to both.
    assert min(took[241]) < 5 * min(took[1])


def test_a_connection_takes_many_requests(sim) -> None:
    with socket.create_connection(("127.0.0.1", int(sim.url.rpartition(":")[2]))) as wire:
        request = b"GET /v2/actions HTTP/1.1\r\nHost: x\r\n\r\n"
        wire.sendall(
            request * 3 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        received = b""
        while piece := wire.recv(65536):
            received += piece

    assert received.count(b"HTTP/1.1 401 Unauthorized\r\n") == 4


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\r\n",
        b"hello\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(sim, nonsense) -> None:
    with socket.create_connection(("127.0.0.1", int(sim.url.rpartition(":")[2]))) as wire:
        wire.sendall(nonsense)
        wire.shutdown(socket.SHUT_WR)
        assert wire.recv(65536).startswith(b"HTTP/1.1 400 ")

    assert sim.requests == []


def test_a_client_that_leaves_early_disturbs_nobody(sim, api) -> None:
    port = int(sim.url.rpartition(":")[2])
    for part in (b"", b"GET /v2/act", b"GET /v2/actions HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.sendall(part)

    assert api.get(LIST).status_code == 200
