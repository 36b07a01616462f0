"""Every request that reached the simulator, in the order of arrival.

A test's strongest sentence is about this list: exactly one POST, three GETs of
200 rows. A token is never kept: of the Authorization header only its scheme is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dovtab.simulator.wire import Request


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request, and what became of it.

    ``status`` is None until an answer goes out, and stays None where none does.
    ``time`` is the clock's. ``at_once`` counts the requests that were being
    answered when this one came, itself included. ``authorized_as`` is the label
    of the token, or None.
    """

    seq: int
    time: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    json: Any
    at_once: int
    authorized_as: str | None = None
    status: int | None = None
    fault: str | None = None


class RequestLog:
    """An append-only list; a request's status is filled in when it is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[LoggedRequest] = []
        self._open = 0

    def arrived(self, request: Request, time: float, authorized_as: str | None) -> int:
        """Note a request and return its ``seq``, from 1."""
        content = _json_or_none(request.body)
        with self._lock:
            self._open += 1
            seq = len(self._requests) + 1
            self._requests.append(
                LoggedRequest(
                    seq=seq,
                    time=time,
                    method=request.method,
                    path=request.path,
                    query=request.query,
                    headers=_without_token(request.headers),
                    body=request.body,
                    json=content,
                    at_once=self._open,
                    authorized_as=authorized_as,
                )
            )
        return seq

    def answered(self, seq: int, status: int | None, fault: str | None) -> None:
        """Note what is about to be sent; None: nothing."""
        with self._lock:
            self._open -= 1
            entry = self._requests[seq - 1]
            self._requests[seq - 1] = replace(entry, status=status, fault=fault)

    def snapshot(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._requests)


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _without_token(headers: Mapping[str, str]) -> dict[str, str]:
    kept = dict(headers)
    if "authorization" in kept:
        scheme, space, _ = kept["authorization"].partition(" ")
        kept["authorization"] = f"{scheme} ***" if space else "***"
    return kept
