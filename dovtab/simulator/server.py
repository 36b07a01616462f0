"""Sockets and threads: a loopback server with a thread for each connection.

Stopping is prompt and complete: the listening socket closes, every open
connection is shut down (which ends a read that waits on it), every wait ends,
and all threads are joined. Nothing here knows what a Droplet is.

Source: https://docs.python.org/3/library/socket.html
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from dovtab.simulator.wire import BadRequest, Reply, Request, read_request, send

_HOST = "127.0.0.1"
_BACKLOG = 512


class Server:
    """Answers HTTP on 127.0.0.1 with what ``respond`` returns.

    Args:
        respond: called in the connection's thread, many at once.
        port: 0 lets the system choose.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, respond: Callable[[Request], Reply], port: int = 0) -> None:
        self._respond = respond
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._listener = socket.create_server((_HOST, port), backlog=_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    def wait(self, seconds: float) -> bool:
        """Sleep for real seconds; True at once when the server stops."""
        return self._stopping.wait(seconds)

    def stop(self) -> None:
        """End everything and join every thread. A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        # A connection wakes accept() on every system; closing the socket does not.
        with contextlib.suppress(OSError):
            socket.create_connection((_HOST, self.port), timeout=1).close()
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            still_open = list(self._connections.items())
        for connection, _ in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in still_open:
            thread.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the client left already, or no file descriptor is free
                self.wait(0.01)
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._converse(connection)
        finally:
            with self._lock:
                del self._connections[connection]

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as reader:
            goes_on = True
            while goes_on and not self._stopping.is_set():
                try:
                    request = read_request(reader)
                except BadRequest:
                    refusal = Reply(400, {"connection": "close"})
                    send(connection, refusal, without_body=False, wait=self.wait)
                    return
                if request is None:
                    return
                without_body = request.method == "HEAD"
                reply = self._respond(request)
                goes_on = send(connection, reply, without_body=without_body, wait=self.wait)
                goes_on = goes_on and request.headers.get("connection", "").lower() != "close"
