"""Whatever goes wrong: a statement fails and says why, or gives the whole truth."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import apsw
import httpx
import pytest

import dovtab
from dovtab.simulator import Fault, Rules, Simulator
from dovtab.simulator.faults import KINDS
from dovtab.simulator.wrong_shapes import WRONG_SHAPES
from shared_clock import SharedClock

COUNT = 450
QUERY = "SELECT id FROM droplet_actions WHERE droplet_id = 1 AND per_page = 100"
PAGES = 5


@pytest.fixture
def truth(simulator: Simulator) -> list[int]:
    simulator.account.add_droplet(droplet_id=1)
    for _ in range(COUNT):
        simulator.account.add_action(1)
    return sorted(simulator.account.actions, reverse=True)


@pytest.mark.parametrize("page", [1, 3, PAGES])
@pytest.mark.parametrize("times", [1, None])
@pytest.mark.parametrize("kind", sorted(KINDS - {"stall"}))
def test_a_page_that_goes_wrong_never_leaves_a_part(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    truth: list[int],
    kind: str,
    times: int | None,
    page: int,
) -> None:
    # A delay and a trickle are only faults if they last longer than the patience.
    db = connect(timeout_seconds=0.2)
    simulator.fault(
        Fault(
            kind=kind,
            method="GET",
            path=rf"page={page}&",
            times=times,
            seconds=0.3 if kind in ("delay", "slow") else 1.0,
            mutate=(lambda answer: answer) if kind == "answer" else None,
        )
    )
    try:
        rows = [id for (id,) in db.execute(QUERY)]
    except dovtab.DovtabError as error:
        assert_says_what_failed(error)
    else:
        # In any order: rows that fell between two pages come last.
        assert sorted(rows) == sorted(truth)


def assert_says_what_failed(error: dovtab.DovtabError) -> None:
    text = str(error)
    assert re.match(r"GET /v2/droplets/1/actions", text)
    assert "\n" not in text
    assert len(text) < 600


@pytest.mark.parametrize("kind", ["close", "reset", "truncated", "stall", "delay", "slow"])
def test_a_connection_that_fails_once_is_tried_again(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    shared_clock: SharedClock,
    truth: list[int],
    kind: str,
) -> None:
    db = connect(timeout_seconds=0.2)
    simulator.fault(Fault(kind=kind, path="page=3&", seconds=0.3))
    assert [id for (id,) in db.execute(QUERY)] == truth
    assert len(simulator.requests) == PAGES + 1
    assert 0.25 <= shared_clock.waits[0] < 0.5


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_tried_four_times(
    simulator: Simulator, db: apsw.Connection, truth: list[int], status: int
) -> None:
    simulator.fault(Fault(kind="status", status=status, path="page=2&", times=3))
    assert [id for (id,) in db.execute(QUERY)] == truth
    simulator.clear_faults()
    simulator.fault(Fault(kind="status", status=status, path="page=2&", times=None))
    with pytest.raises(dovtab.APIError) as caught:
        list(db.execute(QUERY))
    assert caught.value.status == status
    assert caught.value.request_id
    assert caught.value.request_id in str(caught.value)
    last = "SELECT attempts, status, error FROM dovtab_requests WHERE error IS NOT NULL"
    assert next(db.execute(last)) == (4, status, str(caught.value))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("malformed_json", "is not a JSON object"),
        ("empty", r"\(200, 0 bytes\) is not a JSON object"),
        ("no_content", r"\(204, 0 bytes\) is not a JSON object"),
        ("redirect", "redirects are not followed: the token goes to one host only"),
        ("actions_missing", "'actions' is not a list"),
        ("action_without_id", "an object has no id"),
        ("id_string", "id is a str, where the API documents an integer"),
        ("total_missing", "does not say how many there are"),
        ("not_an_object", "is not a JSON object"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_an_error(
    simulator: Simulator, db: apsw.Connection, truth: list[int], kind: str, message: str
) -> None:
    simulator.fault(Fault(kind=kind, path="page=2&", times=None))
    with pytest.raises(dovtab.DovtabError, match=message):
        list(db.execute(QUERY))
    assert sum(1 for r in simulator.requests if r.query.get("page") == "2") == 1


def test_every_wrong_shape_of_one_action_is_an_error_or_the_truth(
    simulator: Simulator, db: apsw.Connection, truth: list[int]
) -> None:
    for kind in sorted(WRONG_SHAPES):
        simulator.clear_faults()
        simulator.fault(Fault(kind=kind, path=f"actions/{truth[5]}$", times=None))
        query = f"SELECT id FROM droplet_actions WHERE droplet_id = 1 AND id = {truth[5]}"
        try:
            rows = list(db.execute(query))
        except dovtab.AnswerError as error:
            assert_says_what_failed(error)
        else:
            assert rows == [(truth[5],)], kind


def test_another_action_than_the_one_asked_for_is_an_error(
    simulator: Simulator, db: apsw.Connection, truth: list[int]
) -> None:
    def other(answer: Any) -> Any:
        return {"action": {**answer["action"], "id": truth[0]}}

    simulator.fault(Fault(kind="answer", mutate=other))
    with pytest.raises(dovtab.AnswerError, match="is not the one asked for"):
        list(db.execute(f"SELECT * FROM droplet_actions(1, {truth[1]})"))


def test_actions_that_start_while_a_list_is_read_are_not_read_twice(
    simulator: Simulator, db: apsw.Connection, truth: list[int]
) -> None:
    """Every row after them moves down, to the next page, which may have been read before."""
    simulator.before_page(lambda page: simulator.account.add_action(1) if page > 1 else None)
    rows = [id for (id,) in db.execute(QUERY)]
    assert len(rows) == len(set(rows))
    assert set(rows) >= set(truth)


@pytest.mark.parametrize("shape", ["absent", "{}", '{"pages": {}}', "full"])
@pytest.mark.parametrize("order", ["desc", "asc", "shuffled"])
def test_links_and_order_may_be_as_they_like(
    clock: Any, connect_to: Callable[..., apsw.Connection], shape: Any, order: Any
) -> None:
    rules = Rules(order=order, single_page_links=shape, link_base="http://example.com")
    with Simulator(rules=rules, clock=clock) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        ids = [simulator.account.add_action(1).id for _ in range(30)]
        db = connect_to(simulator)
        for per_page in (7, 30, 200):
            query = (
                f"SELECT id FROM droplet_actions WHERE droplet_id = 1 AND per_page = {per_page}"
            )
            assert sorted(id for (id,) in db.execute(query)) == sorted(ids)
        db.close()


@pytest.fixture
def connect_to(shared_clock: SharedClock) -> Callable[..., apsw.Connection]:
    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach

    def open_connection(simulator: Simulator, **settings: Any) -> apsw.Connection:
        given = {"cache_seconds": 0, "token": simulator.token, "api_url": simulator.url}
        given |= settings
        connection = apsw.Connection(":memory:")
        attach(connection, resolve(given, lambda _: None), shared_clock)
        return connection

    return open_connection


def test_the_burst_limit_is_waited_for(
    clock: Any, connect_to: Callable[..., apsw.Connection], shared_clock: SharedClock
) -> None:
    with Simulator(rules=Rules(minute_limit=5), clock=clock) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        ids = [simulator.account.add_action(1).id for _ in range(12)]
        db = connect_to(simulator)
        query = "SELECT id FROM droplet_actions WHERE droplet_id = 1 AND per_page = 1"
        assert sorted(id for (id,) in db.execute(query)) == ids
        assert max(shared_clock.waits) <= 60
        refused = [r for r in simulator.requests if r.status == 429]
        assert len(simulator.requests) == 12 + len(refused)
        db.close()


def test_the_hourly_limit_is_an_error_that_says_until_when(
    clock: Any, connect_to: Callable[..., apsw.Connection], shared_clock: SharedClock
) -> None:
    with Simulator(rules=Rules(hour_limit=3), clock=clock) as simulator:
        simulator.account.add_droplet(droplet_id=1)
        for _ in range(5):
            simulator.account.add_action(1)
        db = connect_to(simulator, max_wait_seconds=120)
        query = "SELECT id FROM droplet_actions WHERE droplet_id = 1 AND per_page = 1"
        with pytest.raises(dovtab.RateLimitError) as caught:
            list(db.execute(query))
        assert "used up until about 2026-11-18 12:06:40 UTC" in str(caught.value)
        assert "max_wait_seconds=120" in str(caught.value)
        assert caught.value.status == 429
        assert shared_clock.waits == []
        db.close()


def test_a_reset_in_the_past_is_not_believed(
    clock: Any, connect_to: Callable[..., apsw.Connection], shared_clock: SharedClock
) -> None:
    with Simulator(rules=Rules(hour_limit=1, reset_in_past=True), clock=clock) as simulator:
        # Somebody else with the same token was here first.
        httpx.get(
            simulator.url + "/v2/actions",
            headers={"authorization": f"Bearer {simulator.token}"},
            trust_env=False,
        )
        db = connect_to(simulator, max_wait_seconds=100)
        with pytest.raises(dovtab.RateLimitError):
            list(db.execute("SELECT id FROM droplet_actions(1)"))
        assert shared_clock.waits == [2, 4, 8, 16, 32]
        db.close()


def test_a_droplet_that_vanishes_between_two_pages_is_an_error(
    simulator: Simulator, db: apsw.Connection, truth: list[int]
) -> None:
    simulator.before_page(lambda page: simulator.account.destroy(1) if page == 3 else None)
    with pytest.raises(dovtab.AnswerError, match="not found any more"):
        list(db.execute(QUERY))


def test_a_404_that_is_not_the_apis_is_not_an_empty_table(
    simulator: Simulator, connect: Callable[..., apsw.Connection], truth: list[int]
) -> None:
    db = connect(api_url=simulator.url + "/elsewhere")
    simulator.fault(Fault(kind="html", status=404, times=None))
    with pytest.raises(
        dovtab.APIError, match=r"404: the answer is not the API's JSON.*api_url"
    ):
        list(db.execute(QUERY))


def test_an_account_that_is_not_found_is_an_error(
    simulator: Simulator, db: apsw.Connection
) -> None:
    """No Droplet was named, so there is none that could be gone."""
    not_found = {"id": "not_found", "message": "The resource you requested could not be found."}
    simulator.fault(Fault(kind="status", status=404, times=None))
    simulator.fault(Fault(kind="answer", mutate=lambda answer: not_found, times=None))
    with pytest.raises(dovtab.APIError, match="404"):
        list(db.execute("SELECT id FROM droplet_actions"))


@pytest.mark.parametrize(
    ("scopes", "query", "needed"),
    [
        ({"actions:read"}, "SELECT * FROM droplet_actions(1)", "droplet:read"),
        ({"droplet:read"}, "SELECT * FROM droplet_actions LIMIT 1", "actions:read"),
        ({"droplet:read"}, "SELECT droplet_actions_post(1, 'reboot')", "droplet:update"),
    ],
)
def test_a_missing_scope_is_named(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    truth: list[int],
    scopes: set[str],
    query: str,
    needed: str,
) -> None:
    simulator.account.add_token("narrow", scopes=frozenset(scopes))
    db = connect(token="narrow")
    with pytest.raises(dovtab.APIError, match=f"403 forbidden.*needs the scope {needed}"):
        list(db.execute(query))


def test_a_wrong_token_is_an_error_that_says_where_it_came_from(
    connect: Callable[..., apsw.Connection],
) -> None:
    db = connect(token="wrong")
    with pytest.raises(
        dovtab.APIError, match=r"401 unauthorized.*taken from the token setting"
    ):
        list(db.execute("SELECT * FROM droplet_actions(1)"))


def test_nobody_listening_is_an_error_after_four_tries(
    connect: Callable[..., apsw.Connection], shared_clock: SharedClock
) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    db = connect(api_url=f"http://127.0.0.1:{port}")
    with pytest.raises(dovtab.NetworkError, match=f"cannot connect to http://127.0.0.1:{port}"):
        list(db.execute("SELECT * FROM droplet_actions(1)"))
    assert len(shared_clock.waits) == 3


@pytest.mark.parametrize(
    "where", ["droplet_id = 1", "droplet_id IN (1, 3)", "droplet_id = 1 AND id = 1000"]
)
def test_an_answer_about_another_droplet_is_an_error(
    simulator: Simulator, db: apsw.Connection, where: str
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    simulator.account.add_action(1, id=1000)

    def of_another(answer: Any) -> Any:
        for action in [answer["action"]] if "action" in answer else answer["actions"]:
            action["resource_id"] = 2
        return answer

    simulator.fault(Fault(kind="answer", path="/1/", mutate=of_another))
    with pytest.raises(
        dovtab.AnswerError,
        match=r"^GET /v2/droplets/1/actions.*about another Droplet: resource_id is 2",
    ):
        list(db.execute(f"SELECT * FROM droplet_actions WHERE {where}"))


def test_a_total_is_only_what_the_server_says(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """Nothing is made ready for as many pages as it promises."""
    simulator.account.add_droplet(droplet_id=1)
    simulator.account.add_action(1)

    def boast(answer: Any) -> Any:
        return answer | {"meta": {"total": 2**62}}

    simulator.fault(Fault(kind="answer", mutate=boast, times=None))
    with pytest.raises(dovtab.AnswerError, match="so the list is not whole"):
        list(connect(max_requests=50).execute("SELECT * FROM droplet_actions(1)"))
    assert len(simulator.requests) < 50
