"""HTTP/1.1 on a connection: read a request, write a reply.

A reply goes out in one piece, headers and body together: two small writes
would wait 40 ms for each other (Nagle's algorithm against delayed ACKs), and
every benchmark would measure that. ``Manner`` names the ways to send it badly.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import BinaryIO, Literal
from urllib.parse import parse_qsl

Manner = Literal["whole", "close", "reset", "stall", "truncated", "slow"]

_LONGEST_LINE = 65536
_LENGTH = re.compile("[0-9]{1,9}")
_LINGER_ZERO = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_SLOW_PIECES = 10


class BadRequest(Exception):
    """What arrived is not HTTP."""


@dataclass(frozen=True)
class Request:
    """A request as it arrived. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The decoded query; of a repeated name the last value."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and the manner of its sending.

    Args:
        pause: seconds between the pieces of a ``slow`` one.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    manner: Manner = "whole"
    pause: float = 0.0


def read_request(reader: BinaryIO) -> Request | None:
    """The next request of a connection, or None at its end.

    Raises:
        BadRequest: it cannot be read, so neither can what follows.
    """
    line = reader.readline(_LONGEST_LINE)
    if not line:
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest
    headers = dict(_read_headers(reader))
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not _LENGTH.fullmatch(length):
        raise BadRequest
    return Request(words[0], words[1], headers, reader.read(int(length)))


def _read_headers(reader: BinaryIO) -> Iterator[tuple[str, str]]:
    while line := reader.readline(_LONGEST_LINE).decode("latin-1").rstrip("\r\n"):
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest
        yield name.lower(), value.strip()


def send(
    connection: socket.socket,
    reply: Reply,
    *,
    without_body: bool,
    wait: Callable[[float], bool],
) -> bool:
    """Send a reply in its manner; True if the connection can take another.

    Args:
        without_body: the request was a HEAD.
        wait: sleeps so many seconds; True if the simulator stopped meanwhile.
    """
    if reply.manner == "close":
        return False
    if reply.manner == "reset":
        # With a linger of 0 seconds, closing sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        return False
    head = _head(reply)
    body = b"" if without_body else reply.body
    if reply.manner == "whole":
        connection.sendall(head + body)
        return True
    if reply.manner == "slow":
        return _send_slowly(connection, head, body, reply.pause, wait)
    connection.sendall(head + body[: len(body) // 2])
    if reply.manner == "stall":
        # Returns when the client hangs up, or when the simulator stops.
        connection.recv(1)
    return False


def _send_slowly(
    connection: socket.socket,
    head: bytes,
    body: bytes,
    pause: float,
    wait: Callable[[float], bool],
) -> bool:
    connection.sendall(head)
    size = max(1, -(-len(body) // _SLOW_PIECES))
    for start in range(0, len(body), size):
        if wait(pause):
            return False
        connection.sendall(body[start : start + size])
    return True


def _head(reply: Reply) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.status != HTTPStatus.NO_CONTENT:
        lines.append(f"content-length: {len(reply.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
