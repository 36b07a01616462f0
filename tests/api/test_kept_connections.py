"""Connections are kept, used by one request at a time, and to whom they should be."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dovtab.api.connections import Connections, Lost, NotSent
from dovtab.api.token import Token
from dovtab.errors import SettingsError
from raw_server import Conversation, answer, raw_server

TOKEN = Token("a-token", "a test")
# Of nobody, for 127.0.0.1, and good for a hundred years.
CERTIFICATE = Path(__file__).with_name("loopback.pem")
BODY = json.dumps({"actions": []}).encode()


def never() -> bool:
    return False


def get(connections: Connections, path: str = "/v2/actions") -> bytes:
    return connections.send("GET", path, None, 5.0, never).body


class KeepingServer:
    """Answers request after request, and knows by which connection each came."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        self.by: list[int] = []
        self.heads: list[bytes] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.waiting = threading.Semaphore(0)
        self.accepted: list[socket.socket] = []
        self._listener, self._context = listener, context
        self._threads: list[threading.Thread] = []
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                break
            self.accepted.append(accepted)
            thread = threading.Thread(
                target=self._talk, args=(accepted, len(self.accepted) - 1)
            )
            self._threads.append(thread)
            thread.start()

    def hang_up(self) -> None:
        for accepted in self.accepted:
            with contextlib.suppress(OSError):  # It may be closed already.
                accepted.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self.go_on.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()

    def _talk(self, accepted: socket.socket, number: int) -> None:
        try:
            with self._secured(accepted) as connection:
                while head := connection.recv(65536):
                    self.by.append(number)
                    self.heads.append(head)
                    self.waiting.release()
                    self.go_on.wait()
                    length = b"content-length: %d" % len(BODY)
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\n" + length + b"\r\n\r\n" + BODY
                    )
        except OSError:
            pass  # The client did not like us, or has gone.

    def _secured(self, accepted: socket.socket) -> socket.socket:
        if self._context is None:
            return accepted
        return self._context.wrap_socket(accepted, server_side=True)


@contextmanager
def keeping_server(context: ssl.SSLContext | None = None) -> Iterator[KeepingServer]:
    server = KeepingServer(socket.create_server(("127.0.0.1", 0)), context)
    acceptor = threading.Thread(target=server.serve)
    acceptor.start()
    try:
        yield server
    finally:
        server.stop()
        acceptor.join()


@contextmanager
def connections_to(url: str) -> Iterator[Connections]:
    connections = Connections(url, TOKEN)
    try:
        yield connections
    finally:
        connections.close()


def test_one_request_after_the_other_takes_one_connection() -> None:
    with keeping_server() as server, connections_to(server.url) as connections:
        assert [get(connections) for _ in range(3)] == [BODY] * 3
        assert server.by == [0, 0, 0]
        assert all(b"cookie" not in head.lower() for head in server.heads)


def test_requests_at_once_have_a_connection_each_and_the_next_ones_take_those() -> None:
    with keeping_server() as server, connections_to(server.url) as connections:
        server.go_on.clear()
        threads = [threading.Thread(target=get, args=(connections,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for _ in threads:
            server.waiting.acquire()
        server.go_on.set()
        for thread in threads:
            thread.join()
        assert sorted(server.by) == [0, 1, 2, 3, 4]
        get(connections)
        assert len(server.accepted) == 5


def test_one_that_the_server_has_closed_is_not_used_again() -> None:
    with keeping_server() as server, connections_to(server.url) as connections:
        get(connections)
        server.hang_up()
        # Said to the kernel before anything else is: the next request finds it out.
        assert get(connections) == BODY
        assert server.by == [0, 1]


def test_one_whose_answer_was_not_read_to_its_end_is_not_used_again() -> None:
    with (
        raw_server(answer(BODY, b"content-length: 1")) as server,
        connections_to(server.url) as connections,
    ):
        for _ in range(2):
            with pytest.raises(Lost):
                get(connections)
        assert len(server.requests) == 2


def test_those_in_use_are_closed_when_they_come_back() -> None:
    with keeping_server() as server:
        connections = Connections(server.url, TOKEN)
        server.go_on.clear()
        thread = threading.Thread(target=get, args=(connections,))
        thread.start()
        server.waiting.acquire()
        connections.close()
        server.go_on.set()
        thread.join()
        assert get(connections) == BODY
        assert server.by == [0, 1]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"identity", bytes)],
)
def test_a_packed_answer_is_unpacked(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    with (
        raw_server(answer(pack(BODY), b"Content-Encoding: " + encoding)) as server,
        connections_to(server.url) as connections,
    ):
        assert get(connections) == BODY


def test_an_answer_that_cannot_be_unpacked_says_so() -> None:
    with (
        raw_server(answer(b"not packed", b"content-encoding: gzip")) as server,
        connections_to(server.url) as connections,
    ):
        reply = connections.send("GET", "/v2/actions", None, 5.0, never)
        assert (reply.status, reply.problem) == (200, "broken compression)")


@pytest.mark.parametrize("encodings", [b"gzip, gzip", b"deflate, gzip", b"br", b"zstd"])
def test_what_nobody_asked_for_is_not_unpacked(encodings: bytes) -> None:
    """Packed twice, five kilobytes are gigabytes, all at once."""
    packed = gzip.compress(gzip.compress(BODY))
    with (
        raw_server(answer(packed, b"content-encoding: " + encodings)) as server,
        connections_to(server.url) as connections,
    ):
        assert get(connections) == packed


def test_headers_have_small_letters_and_those_that_repeat_are_one() -> None:
    with (
        raw_server(answer(BODY, b"X-Some: a", b"x-some: b", b"x-\xc3\xa9: c")) as server,
        connections_to(server.url) as connections,
        pytest.raises(Lost),
    ):
        get(connections)
    with (
        raw_server(answer(BODY, b"X-Some: a", b"x-some: \xe9")) as server,
        connections_to(server.url) as connections,
    ):
        reply = connections.send("GET", "/v2/actions", None, 5.0, never)
        assert reply.headers["x-some"] == "a, \u00e9"


@pytest.mark.parametrize(
    ("path", "asked"),
    [("", b"/v2/actions"), ("/a b/\u00e9%2F", b"/a%20b/%C3%A9%2F/v2/actions")],
)
def test_the_path_of_the_url_comes_before_the_request_s(path: str, asked: bytes) -> None:
    with raw_server(answer(BODY)) as server, connections_to(server.url + path) as connections:
        get(connections)
        line, *headers = server.requests[0].split(b"\r\n")
        assert line == b"GET " + asked + b" HTTP/1.1"
        host = server.url.removeprefix("http://").encode()
        assert b"host: " + host in [header.lower() for header in headers]


def test_a_body_is_sent_whole_and_as_json() -> None:
    with raw_server(answer(BODY)) as server, connections_to(server.url) as connections:
        connections.send("POST", "/v2/x", b'{"type": "reboot"}', 5.0, never)
        head = server.requests[0].lower()
        assert b"content-type: application/json\r\ncontent-length: 18\r\n" in head
        assert b"authorization: bearer a-token" in head


def test_what_nobody_waits_for_any_more_is_held_back_at_the_last_moment() -> None:
    with keeping_server() as server, connections_to(server.url) as connections:
        with pytest.raises(NotSent, match="given up before it was sent"):
            connections.send("POST", "/v2/x", b"{}", 5.0, lambda: True)
        get(connections)
        assert len(server.heads) == 1


def secure() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_whom_nobody_vouches_for_is_not_sent_the_token() -> None:
    with keeping_server(secure()) as server, connections_to(server.url) as connections:
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            get(connections)
        assert server.heads == []


def test_whom_the_environment_vouches_for_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with keeping_server(secure()) as server, connections_to(server.url) as connections:
        assert [get(connections) for _ in range(2)] == [BODY] * 2
        assert server.by == [0, 0]


def test_another_s_certificate_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for the address alone, and not for the name."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with keeping_server(secure()) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with (
            connections_to(url) as connections,
            pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            get(connections)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the environment's proxy."""
    for name in ("https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return lambda address: monkeypatch.setenv("HTTPS_PROXY", address)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_without_a_scheme_is_one(proxy: Callable[[str], None], scheme: str) -> None:
    refusing = answer(b"", status=b"403 Not here")
    with raw_server(refusing) as server:
        proxy(server.url.replace("http://", f"{scheme}user:secret@"))
        with (
            connections_to("https://example.test") as connections,
            pytest.raises(NotSent, match="403 Not here"),
        ):
            get(connections)
        (head,) = server.requests
        assert head.startswith(b"CONNECT example.test:443 ")
        assert b"roxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in head
        assert b"a-token" not in head


@pytest.mark.parametrize("bad", ["ftp://user:secret@host", "http://user:secret", "user:secret"])
def test_the_password_of_a_wrong_proxy_is_not_shown(
    proxy: Callable[[str], None], bad: str
) -> None:
    proxy(bad)
    with pytest.raises(SettingsError, match="the proxy's address is none") as caught:
        Connections("https://example.test", TOKEN)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_url_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="api_url, cannot be used: InvalidURL"):
        Connections("https://a/\x7f", TOKEN)


def refuse(connection: socket.socket, stopped: threading.Event) -> None:
    connection.close()


@pytest.mark.parametrize("converse", [refuse])
def test_an_answer_that_does_not_come_is_lost(converse: Conversation) -> None:
    with raw_server(converse) as server, connections_to(server.url) as connections:
        with pytest.raises(Lost, match="the connection was lost") as caught:
            get(connections)
        assert not isinstance(caught.value, NotSent)
