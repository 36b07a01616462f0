"""Frames on a socket: one request, one answer, and between them a word that may stop it.

Nothing is read that is not needed yet, so that a look at the socket shows whether the
other side has spoken meanwhile, or has gone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from dovtab.hosts.pipe.wire import HEADER_SIZE, frame, header

INTERRUPT, ALIVE = "I", "a"
# The other side takes a long silence for a process that hangs.
BEAT_SECONDS = 1.0


class Ended(Exception):
    """The other side has gone."""


class Stream:
    """One connection's socket.

    Args:
        monotonic: gives seconds.
    """

    def __init__(self, connection: socket.socket, monotonic: Callable[[], float]) -> None:
        self._socket = connection
        self._monotonic = monotonic
        self._last_sent = 0.0
        self._stopped = False

    def receive(self) -> tuple[str, bytes]:
        """The next request.

        Raises:
            Ended: there is none any more.
            WireError: it is too large.
        """
        length, kind = header(self._exactly(HEADER_SIZE))
        body = self._exactly(length)
        self._stopped = False
        self._last_sent = self._monotonic()
        return kind, body

    def send(self, kind: str, *parts: bytes) -> None:
        """An answer.

        Raises:
            Ended: nobody is there to read it.
        """
        try:
            self._socket.sendall(frame(kind, *parts))
        except OSError:
            raise Ended from None
        self._last_sent = self._monotonic()

    def is_stopped(self) -> bool:
        """Whether nobody wants the answer any more; asked again and again until there is one."""
        if not self._stopped:
            if self._monotonic() - self._last_sent >= BEAT_SECONDS:
                self._beat()
            self._stopped = self._stopped or self._is_told_to_stop()
        return self._stopped

    def _beat(self) -> None:
        try:
            self.send(ALIVE)
        except Ended:
            self._stopped = True

    def _is_told_to_stop(self) -> bool:
        try:
            seen = self._socket.recv(HEADER_SIZE, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        if len(seen) == HEADER_SIZE and header(seen) == (0, INTERRUPT):
            self._exactly(HEADER_SIZE)
        # Whoever says anything else before he has his answer does not wait for it.
        return len(seen) in (0, HEADER_SIZE)

    def _exactly(self, length: int) -> bytes:
        parts: list[bytes] = []
        while length:
            try:
                part = self._socket.recv(min(length, 1 << 20), socket.MSG_WAITALL)
            except OSError:
                raise Ended from None
            if not part:
                raise Ended
            parts.append(part)
            length -= len(part)
        return b"".join(parts)
