"""Servers, environments and files that mean no good, and moments that fit badly."""

from __future__ import annotations

import gc
import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

import dovtab
from dovtab.api.clock import SystemClock
from dovtab.api.settings import resolve
from dovtab.hosts.connection import attach
from dovtab.simulator import Simulator
from engine.memory_account import action
from raw_server import Conversation, answer, raw_server, trickle

READ = "SELECT * FROM droplet_actions(1)"
POST = "SELECT droplet_actions_post(1, 'reboot')"
SOON = 5.0


class Impatient(SystemClock):
    """The machine's clock, but nobody pauses before another attempt."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.is_set()


def connect_to(url: str, **settings: Any) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    given = {"token": "a-token", "api_url": url, "cache_seconds": 0, **settings}
    attach(db, resolve(given, os.getenv), Impatient())
    return db


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("query", [READ, POST])
@pytest.mark.parametrize(
    "converse",
    [
        trickle(HEAD, b"x-more: 1\r\n"),
        trickle(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        trickle(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"0"),
        trickle(HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-trailer: 1\r\n"),
        trickle(HEAD + b"content-length: 1000000\r\n\r\n", b" "),
        trickle(
            HEAD + b"content-encoding: gzip\r\ncontent-length: 1000000\r\n\r\n",
            gzip.compress(b""),
        ),
    ],
    ids=["headers", "102", "chunk length", "trailers", "body", "empty gzip"],
)
def test_the_time_limit_is_for_the_whole_request(query: str, converse: Conversation) -> None:
    with raw_server(converse) as server:
        db = connect_to(server.url, timeout_seconds=0.2)
        began = time.monotonic()
        with pytest.raises(dovtab.NetworkError):
            list(db.execute(query))
        # Four attempts with their pauses, or one: never a minute.
        assert time.monotonic() - began < 15
        sent = [r for r in server.requests if r.startswith(query_method(query))]
        assert len(sent) == (1 if query == POST else 4)
        db.close()


def query_method(query: str) -> bytes:
    return b"POST" if query == POST else b"GET"


@pytest.mark.parametrize("year", ["0001", "x", "9" * 30, "2026 00:00:00 +" + "9" * 20])
def test_a_date_that_is_none_does_no_harm(year: str) -> None:
    date = f"date: Mon, 01 Jan {year} 00:00:00 GMT".encode()
    body = json.dumps({"actions": [], "meta": {"total": 0}}).encode()
    with raw_server(answer(body, date)) as server:
        db = connect_to(server.url)
        assert list(db.execute(READ)) == []
        db.close()


def test_an_answer_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dovtab.api.client._LARGEST_ANSWER", 1 << 20)
    packed = gzip.compress(b" " * (64 << 20))
    with raw_server(answer(packed, b"content-encoding: gzip")) as server:
        db = connect_to(server.url)
        with pytest.raises(dovtab.AnswerError, match=r"more than 1 MB\) is too large"):
            list(db.execute(READ))
        assert len(server.requests) == 1
        db.close()


LIST = {"actions": [action(5, 1)], "meta": {"total": 1}}


@pytest.mark.parametrize("query", [READ, POST])
@pytest.mark.parametrize(
    "body",
    [
        b"\xed\xa0\x80",
        json.dumps(LIST).encode("utf-16"),
        json.dumps(LIST).encode().replace(b"reboot", b"\\ud800"),
        json.dumps(LIST).encode().replace(b"reboot", b"\xed\xa0\x80"),
        json.dumps({**LIST, "actions": [action(5, 1, region=float("nan"))]}).encode(),
        b"[" * 100_000,
        b'{"actions": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_text_is_an_error(query: str, body: bytes) -> None:
    with raw_server(answer(body)) as server:
        db = connect_to(server.url)
        with pytest.raises(dovtab.AnswerError) as caught:
            list(db.execute(query))
        assert ("may have been carried out" in str(caught.value)) == (query == POST)
        db.close()


@pytest.mark.parametrize("query", [READ, POST])
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (b"302 Found", [b"location: mailto:x@y"]),
        (b"301 Moved", [b"location: //xn--a/"]),
        (b"303 See Other", []),
        (b"304 Not Modified", []),
        (b"429 Too Many", [b"retry-after: 900000000000"]),
        (b"429 Too Many", [b"retry-after: nan", b"ratelimit-reset: 1e300"]),
    ],
)
def test_odd_headers_are_an_ordinary_error(
    query: str, status: bytes, headers: list[bytes]
) -> None:
    with raw_server(answer(b"{}", *headers, status=status)) as server:
        db = connect_to(server.url, max_wait_seconds=0)
        with pytest.raises(dovtab.DovtabError) as caught:
            list(db.execute(query))
        assert "\n" not in str(caught.value)
        # An answer that the HTTP library chokes on is one that was lost.
        sent = [r for r in server.requests if r.startswith(query_method(query))]
        assert len(sent) == 1 or query == READ
        db.close()


@pytest.mark.parametrize(
    "url",
    ["https://a..b", "https://" + "a" * 64 + ".com", "https://xn--a", "https://a/\x7f"],
)
def test_an_odd_url_is_an_ordinary_error(url: str) -> None:
    db = connect_to(url, timeout_seconds=0.5)
    with pytest.raises(dovtab.DovtabError):
        list(db.execute(POST))
    db.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "/nowhere"),
        ("HTTPS_PROXY", "foo://127.0.0.1:1"),
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
    ],
)
def test_an_odd_environment_is_an_ordinary_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    db = connect_to("https://127.0.0.1:9", timeout_seconds=0.5)
    with pytest.raises((dovtab.SettingsError, dovtab.NetworkError)):
        list(db.execute(POST))
    db.close()


def test_a_proxy_of_the_environment_is_asked_for_the_real_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with raw_server(answer(b"", status=b"403 Forbidden")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        db = connect_to("https://api.example", timeout_seconds=5)
        with pytest.raises(dovtab.NetworkError, match="cannot connect"):
            list(db.execute(POST))
        assert proxy.requests[0].startswith(b"CONNECT api.example:443")
        assert b"a-token" not in b"".join(proxy.requests)
        db.close()


def test_a_cookie_is_not_kept(simulator: Simulator) -> None:
    with raw_server(answer(json.dumps(LIST).encode(), b"set-cookie: a=b; path=/")) as server:
        db = connect_to(server.url)
        list(db.execute(READ))
        list(db.execute(READ))
        assert all(b"cookie" not in request.lower() for request in server.requests)
        db.close()


def test_the_status_of_an_endless_wait_is_not_quoted() -> None:
    body = json.dumps({"action": action(5, 1, status="a-token\n" * 50)}).encode()
    with raw_server(answer(body)) as server:
        db = connect_to(server.url)
        with pytest.raises(dovtab.WaitError) as caught:
            list(db.execute("SELECT droplet_actions_wait(1, 5, 0)"))
        assert "a-token" not in str(caught.value)
        db.close()


def test_a_wait_s_last_look_takes_no_longer_than_what_is_left() -> None:
    with raw_server(trickle(HEAD, b"x-more: 1\r\n")) as server:
        db = connect_to(server.url)
        began = time.monotonic()
        with pytest.raises(dovtab.WaitError):
            list(db.execute("SELECT droplet_actions_wait(1, 5, 0)"))
        assert time.monotonic() - began < 20
        db.close()


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


@pytest.mark.parametrize("error", [httpx.WriteError, httpx.ReadError, httpx.WriteTimeout])
def test_a_post_whose_sending_broke_off_is_not_sent_again(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    monkeypatch: pytest.MonkeyPatch,
    error: type[httpx.TransportError],
) -> None:
    sent: list[str] = []

    def break_off(self: object, request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        raise error("broken")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", break_off)
    with pytest.raises(dovtab.NetworkError, match="may have been carried out"):
        list(connect().execute(POST))
    assert sent.count("POST") == 1


@pytest.mark.parametrize(
    "url", ["http://localhost.evil.example", "http://127.0.0.1@evil.example"]
)
def test_a_host_that_only_looks_like_the_loopback_is_refused(url: str) -> None:
    with pytest.raises(dovtab.SettingsError):
        dovtab.connect(api_url=url)


def test_a_token_of_another_kind_is_not_shown() -> None:
    import traceback

    with pytest.raises(dovtab.SettingsError, match="token must be a text") as caught:
        dovtab.connect(token=b"dop_v1_secret")
    below = caught.value.__traceback__.tb_next if caught.value.__traceback__ else None
    shown = traceback.TracebackException(
        type(caught.value), caught.value, below, capture_locals=True
    )
    assert "dop_v1_secret" not in "".join(shown.format())


@pytest.mark.parametrize(
    "text",
    [
        "access-token: !!timestamp 'SECRET'",
        "access-token: !!bool 'SECRET'",
        "access-token: SECRET\nx: " + "[" * 3000,
        "access-token: SECRET\n"
        + "".join(
            f"{c}: &{c} [*{p}, *{p}]\n"
            for c, p in zip(
                "bcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxy", strict=True
            )
        ),
    ],
)
def test_odd_yaml_is_an_ordinary_error_or_a_token(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    db = dovtab.connect(api_url=simulator.url)
    with pytest.raises((dovtab.SettingsError, dovtab.APIError)) as caught:
        list(db.execute(READ))
    assert "SECRET" not in str(caught.value)
    db.close()


@pytest.mark.parametrize("path", ["/" + "x" * 5000, "/tmp"])
def test_a_config_file_that_cannot_be_read_is_an_ordinary_error(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", path)
    db = dovtab.connect()
    with pytest.raises(dovtab.SettingsError, match="cannot be read"):
        list(db.execute(READ))
    db.close()


def test_a_number_too_long_to_write_is_an_ordinary_error() -> None:
    with pytest.raises(dovtab.SettingsError, match="max_requests must be a whole number"):
        dovtab.connect(max_requests=10**5000)


def test_what_is_no_number_of_json_is_not_sent(
    simulator: Simulator, db: apsw.Connection
) -> None:
    attributes = '{"backup_policy": {"plan": "x", "more": 1e999}}'
    with pytest.raises(dovtab.ArgumentError, match="must be a JSON object"):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_backups', ?)", (attributes,)))
    assert simulator.requests == []


@pytest.fixture
def paged(simulator: Simulator) -> Simulator:
    """Droplets 1 and 2 with three actions each, and an inventory that SQLite likes inside."""
    for droplet in (1, 2):
        simulator.account.add_droplet(droplet_id=droplet)
        for n in range(3):
            simulator.account.add_action(droplet, id=10 * droplet + n)
    return simulator


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.id FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.droplet_id AND a.page = 1",
        "SELECT a.id FROM inventory i LEFT JOIN droplet_actions a ON a.droplet_id = i.droplet_id AND a.page = 1",
        "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2) AND (page = 1 OR type = 'nope')",
        "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2) AND +page = 1",
        "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2) AND page < 2",
        "SELECT id FROM droplet_actions a WHERE droplet_id IN (1, 2) AND coalesce(page, 1) = 1",
    ],
)
def test_a_page_is_of_the_droplet_s_list_in_every_kind_of_query(
    paged: Simulator, db: apsw.Connection, query: str
) -> None:
    db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO inventory VALUES (1), (2)")
    assert sorted(id for (id,) in db.execute(query)) == [10, 11, 12, 20, 21, 22]


def test_a_row_knows_the_page_it_came_from(paged: Simulator, db: apsw.Connection) -> None:
    query = (
        "SELECT id, page, per_page FROM droplet_actions WHERE droplet_id = 1 AND per_page = 2"
    )
    assert list(db.execute(query)) == [(12, 1, 2), (11, 1, 2), (10, 2, 2)]
    query = "SELECT id, page FROM droplet_actions WHERE droplet_id = 1 LIMIT 2"
    assert list(db.execute(query)) == [(12, 1), (11, 1)]


def test_a_set_of_actions_is_more_than_one_row(paged: Simulator, db: apsw.Connection) -> None:
    query = "SELECT a.id, b.id FROM droplet_actions a JOIN droplet_actions b ON b.droplet_id = 2 WHERE a.id IN (10, 11)"
    assert len(list(db.execute(query))) == 6


def test_a_statement_that_begins_with_a_comment_has_requests_of_its_own(
    paged: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    db = connect(max_requests=1)
    for _ in range(4):
        list(db.execute("-- every row\nSELECT id FROM droplet_actions(1)"))


def test_a_function_s_requests_are_its_statement_s(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """Also while other statements come and go between its rows."""
    for id in range(1, 7):
        simulator.account.add_droplet(droplet_id=id)
    db = connect(max_requests=3)
    rows = db.execute(
        "WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 6)"
        " SELECT droplet_actions_post(n, 'reboot') FROM c"
    )
    for _ in range(3):
        next(rows)
        assert db.execute("SELECT 1").get == 1
    with pytest.raises(dovtab.TooManyRequestsError):
        next(rows)
    assert len(simulator.requests) == 3


def test_a_forked_child_uses_sockets_of_its_own(
    paged: Simulator, db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(db.execute(READ))
    accounts = [
        o for o in gc.get_objects() if type(o).__name__ == "Account" and hasattr(o, "journal")
    ]
    (ours,) = [a for a in accounts if a._shared and a._shared.client.api_url == paged.url]
    parent = ours.shared()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert ours.shared() is not parent


def test_a_thousand_connections_leave_nothing(paged: Simulator) -> None:
    """Nothing that is registered may keep its connection alive."""
    before = len(apsw.connections())
    for _ in range(1000):
        dovtab.connect(token="simulator", api_url=paged.url).execute("SELECT 1").fetchall()
    gc.collect()
    assert sum(c is not None for c in apsw.connections()) <= before + 1
