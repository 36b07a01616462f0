"""Servers that mean no good: slow, endless, broken, and odd."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.clock import SystemClock
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Simulator
from memory_account import action
from raw_server import Conversation, answer, raw_server, trickle

READ = "SELECT * FROM droplet_actions(1)"
POST = "SELECT droplet_actions_post(1, 'reboot')"


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
    monkeypatch.setattr("dovtab.api.connections.LARGEST_ANSWER", 1 << 20)
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
