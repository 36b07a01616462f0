"""Each fault, as a client on the socket sees it."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from typing import Any

import httpx
import pytest

from dovtab.simulator import Fault, Simulator
from dovtab.simulator.faults import KINDS

LIST = "/v2/droplets/3164444/actions"
HEADERS = {"authorization": "Bearer simulator"}
REBOOT = {"type": "reboot"}


def raw(
    sim: Simulator, method: str = "GET", body: Any = None
) -> tuple[int, dict[str, str], bytes]:
    """A request without any client's cleverness: status, headers, body."""
    host, port = sim.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, LIST, content, HEADERS)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read()
    finally:
        connection.close()


@pytest.fixture
def sim(sim) -> Simulator:
    for id_ in range(1, 4):
        sim.account.add_action(3164444, id=id_)
    return sim


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_comes_before_the_effect(sim, api, status) -> None:
    sim.fault(Fault("status", status=status, retry_after=7))
    answer = api.post(LIST, json=REBOOT)

    assert answer.status_code == status
    assert answer.headers["retry-after"] == "7"
    assert set(answer.json()) == {"id", "message", "request_id"}
    assert len(sim.account.actions) == 3


@pytest.mark.parametrize("kind", ["status_after_effect", "lost_after_effect"])
def test_the_effect_may_come_and_the_answer_not(sim, kind) -> None:
    """The trap for a client that repeats a POST."""
    sim.fault(Fault(kind))
    if kind == "lost_after_effect":
        with pytest.raises(http.client.RemoteDisconnected):
            raw(sim, "POST", REBOOT)
    else:
        assert raw(sim, "POST", REBOOT)[0] == 500

    assert len(sim.account.actions) == 4
    expected = 500 if kind == "status_after_effect" else None
    assert (sim.requests[-1].status, sim.requests[-1].fault) == (expected, kind)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("close", http.client.RemoteDisconnected), ("reset", ConnectionResetError)],
)
def test_the_connection_may_end_before_the_effect(sim, kind, error) -> None:
    sim.fault(Fault(kind))

    with pytest.raises(error):
        raw(sim, "POST", REBOOT)
    assert len(sim.account.actions) == 3
    assert sim.requests[-1].status is None


def test_a_delay_is_real_time_whatever_the_clock(sim, api) -> None:
    sim.fault(Fault("delay", seconds=0.2))
    start = time.perf_counter()

    assert api.get(LIST).status_code == 200
    assert 0.2 <= time.perf_counter() - start < 2


def test_a_delay_comes_after_the_effect(sim, api) -> None:
    sim.fault(Fault("delay", seconds=30))

    with pytest.raises(httpx.ReadTimeout):
        api.post(LIST, json=REBOOT, timeout=0.1)
    assert len(sim.account.actions) == 4


def test_a_stall_gives_half_an_answer_and_then_nothing(sim, connect) -> None:
    sim.fault(Fault("stall"))

    pieces: list[bytes] = []
    with connect(sim).stream("GET", LIST, timeout=0.2) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            pieces.extend(answer.iter_raw())
    received = b"".join(pieces)
    assert received.startswith(b'{"actions":[')
    assert len(received) == int(answer.headers["content-length"]) // 2


def test_a_truncated_answer_ends_early(sim) -> None:
    sim.fault(Fault("truncated"))

    with pytest.raises(http.client.IncompleteRead):
        raw(sim)


def test_malformed_json_cannot_be_read(sim) -> None:
    sim.fault(Fault("malformed_json"))
    status, _, body = raw(sim)

    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_of_html_may_come_instead(sim, status) -> None:
    sim.fault(Fault("html", status=status))
    got, headers, body = raw(sim)

    assert (got, headers["content-type"]) == (status, "text/html")
    assert body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize(("kind", "status"), [("empty", 200), ("no_content", 204)])
def test_an_answer_may_be_empty(sim, kind, status) -> None:
    sim.fault(Fault(kind))
    got, _, body = raw(sim)

    assert (got, body) == (status, b"")


def test_a_connection_is_in_step_after_no_content(sim, api) -> None:
    sim.fault(Fault("no_content"))

    assert [api.get(LIST).status_code for _ in range(2)] == [204, 200]


def test_a_redirect_points_where_it_is_told(sim) -> None:
    sim.fault(Fault("redirect", location="https://elsewhere.example/v2"))
    status, headers, _ = raw(sim)

    assert (status, headers["location"]) == (302, "https://elsewhere.example/v2")


def test_an_answer_may_be_compressed(sim) -> None:
    sim.fault(Fault("gzip"))
    _, headers, body = raw(sim)

    assert headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(body))["actions"]) == 3


def test_an_answer_may_be_big(sim) -> None:
    sim.fault(Fault("big"))
    _, _, body = raw(sim)

    assert len(body) > 10_000_000
    assert len(json.loads(body)["actions"]) == 3


def test_an_answer_may_be_slow(sim) -> None:
    sim.fault(Fault("slow", seconds=0.02))
    start = time.perf_counter()
    _, _, body = raw(sim)

    assert time.perf_counter() - start >= 0.2
    assert len(json.loads(body)["actions"]) == 3


def test_an_answer_can_be_changed_by_any_function(sim, api) -> None:
    sim.fault(Fault("answer", mutate=lambda answer: {"seen": len(answer["actions"])}))

    assert api.get(LIST).json() == {"seen": 3}


WRONG_SHAPES = {
    "actions_missing": lambda body: "actions" not in body,
    "actions_null": lambda body: body["actions"] is None,
    "actions_object": lambda body: body["actions"] == {},
    "action_without_id": lambda body: all("id" not in row for row in body["actions"]),
    "id_string": lambda body: body["actions"][0]["id"] == "3",
    "status_pending": lambda body: body["actions"][0]["status"] == "pending",
    "region_string": lambda body: body["actions"][0]["region"] == "nyc3",
    "region_null": lambda body: body["actions"][0]["region"] is None,
    "region_absent": lambda body: "region" not in body["actions"][0],
    "started_at_null": lambda body: body["actions"][0]["started_at"] is None,
    "started_at_without_z": lambda body: body["actions"][0]["started_at"][-1] == "0",
    "duplicate_rows": lambda body: len(body["actions"]) == 3,
    "next_loop": lambda body: body["links"]["pages"]["next"].endswith("?page=2"),
    "total_too_small": lambda body: body["meta"]["total"] == 1,
    "total_too_big": lambda body: body["meta"]["total"] == 1003,
    "total_missing": lambda body: body["meta"] == {},
    "links_null": lambda body: body["links"] is None,
    "not_an_object": lambda body: isinstance(body, list),
}


@pytest.mark.parametrize("name", WRONG_SHAPES)
def test_an_answer_may_have_the_wrong_shape(sim, api, name) -> None:
    sim.fault(Fault(name))
    sim.fault(Fault("answer", mutate=name))

    by_kind, by_name, unharmed = (api.get(LIST).json() for _ in range(3))
    assert WRONG_SHAPES[name](by_kind)
    assert by_kind == by_name
    assert len(unharmed["actions"]) == 3


@pytest.mark.parametrize("name", WRONG_SHAPES)
def test_a_single_action_and_an_error_pass_through_every_shape(sim, api, name) -> None:
    sim.fault(Fault(name, times=None))

    assert api.get("/v2/actions/1").status_code == 200
    assert api.get("/v2/actions/77").status_code == 404
    assert api.get("/v2/droplets").status_code == 200


def test_rows_may_repeat_the_page_before(sim, api) -> None:
    sim.fault(Fault("duplicate_rows", times=None))
    pages = [api.get(LIST, params={"per_page": 1, "page": n}).json() for n in (1, 2, 3)]

    assert [page["actions"][0]["id"] for page in pages] == [3, 3, 2]
    assert "prev" in pages[1]["links"]["pages"]


def test_the_links_may_go_round_for_ever(sim, api) -> None:
    sim.fault(Fault("next_loop", times=None))

    url, seen = f"{LIST}?per_page=2", []
    for _ in range(4):
        page = api.get(url).json()
        seen.append([row["id"] for row in page["actions"]])
        url = page["links"]["pages"]["next"]
    assert seen == [[3, 2], [1], [1], [1]]


def test_a_fault_has_method_path_skip_and_times(sim, api) -> None:
    sim.fault(Fault("status", method="GET", path=r"actions\?page=2$", skip=1, times=2))

    pages = [api.get(LIST, params={"page": 2}).status_code for _ in range(5)]
    assert pages == [200, 500, 500, 200, 200]
    assert api.get(LIST).status_code == 200


def test_faults_follow_one_another(sim, api) -> None:
    sim.fault(Fault("status", status=500))
    sim.fault(Fault("status", status=429, times=2))

    assert [api.get(LIST).status_code for _ in range(4)] == [500, 429, 429, 200]


def test_a_fault_may_last_until_it_is_cleared(sim, api) -> None:
    sim.fault(Fault("status", times=None))
    assert {api.get(LIST).status_code for _ in range(10)} == {500}

    sim.clear_faults()
    assert api.get(LIST).status_code == 200


def test_chance_is_the_same_for_the_same_seed(simulate, connect) -> None:
    def statuses(seed: int) -> list[int]:
        sim = simulate(seed=seed)
        sim.fault(Fault("status", probability=0.5, times=None))
        api = connect(sim)
        return [api.get("/v2/actions").status_code for _ in range(30)]

    first = statuses(1)
    assert set(first) == {200, 500}
    assert statuses(1) == first
    assert statuses(2) != first


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "earthquake"},
        {"kind": "answer"},
        {"kind": "answer", "mutate": "unheard_of"},
        {"kind": "status", "mutate": "links_null"},
    ],
)
def test_a_fault_that_does_not_exist_is_an_error(arguments) -> None:
    with pytest.raises(ValueError, match=r"fault|wrong shape|mutate"):
        Fault(**arguments)


def test_every_kind_is_tested_here() -> None:
    edge = {"status", "html", "redirect", "close", "reset"}
    after = {"status_after_effect", "lost_after_effect", "delay", "stall", "truncated", "slow"}
    bodies = {"malformed_json", "empty", "no_content", "gzip", "big", "answer"}

    assert edge | after | bodies | WRONG_SHAPES.keys() == KINDS
