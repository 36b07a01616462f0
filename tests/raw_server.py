"""A server that says exactly what a test wants, well-formed or not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Conversation = Callable[[socket.socket, threading.Event], None]


class RawServer:
    """Accepts connections, reads a request's head, and lets the test answer."""

    def __init__(self, converse: Conversation) -> None:
        self.requests: list[bytes] = []
        self.stopped = threading.Event()
        self._converse = converse
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._talk, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            head = b""
            try:
                while b"\r\n\r\n" not in head:
                    data = connection.recv(65536)
                    if not data:
                        return
                    head += data
                self.requests.append(head)
                self._converse(connection, self.stopped)
            except OSError:
                pass  # the client had enough, which is what some tests are about

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


@contextmanager
def raw_server(converse: Conversation) -> Iterator[RawServer]:
    """A server on the loopback for the length of a test."""
    server = RawServer(converse)
    acceptor = threading.Thread(target=server.serve)
    acceptor.start()
    try:
        yield server
    finally:
        server.stopped.set()
        acceptor.join()
        server.stop()


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Conversation:
    """An ordinary answer with this body."""

    def converse(connection: socket.socket, stopped: threading.Event) -> None:
        length = b"content-length: %d" % len(body)
        lines = [b"HTTP/1.1 " + status, length, b"connection: close", *headers]
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    return converse


def trickle(start: bytes, piece: bytes) -> Conversation:
    """A beginning, and then a piece of an answer every few milliseconds, for ever."""

    def converse(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(start)
        while not stopped.wait(0.02):
            connection.sendall(piece)

    return converse
