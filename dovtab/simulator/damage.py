"""What a fault makes of an answer, and of its sending.

Source: the answers that clients of the API reported: pages of HTML from the
edge, bodies cut short, times that no document allows.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

from dovtab.simulator.answers import Answer, encoded, error
from dovtab.simulator.faults import Fault
from dovtab.simulator.wire import Manner, Reply
from dovtab.simulator.wrong_shapes import WRONG_SHAPES, Asked

_HTML = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body></body></html>\n"
_MANNERS: dict[str, Manner] = {
    "close": "close",
    "reset": "reset",
    "lost_after_effect": "close",
    "stall": "stall",
    "truncated": "truncated",
    "slow": "slow",
}


def edge_answer(fault: Fault, request_id: str) -> Answer:
    """What the edge says instead of the account."""
    if fault.kind == "html":
        return Answer(fault.status, _HTML, {"content-type": "text/html"})
    if fault.kind == "redirect":
        return Answer(302, b"", {"location": fault.location})
    answer = error(fault.status, request_id=request_id)
    headers = dict(answer.headers)
    if fault.status == 429:
        headers["ratelimit-remaining"] = "0"
    if fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    return replace(answer, headers=headers)


def damaged(fault: Fault, answer: Answer, asked: Asked, request_id: str) -> Answer:
    """What becomes of the account's answer before it is sent."""
    match fault.kind:
        case "status_after_effect":
            return error(fault.status, request_id=request_id)
        case "malformed_json":
            return replace(answer, body=answer.body[:-1] + b',"}')
        case "empty":
            return replace(answer, status=200, body=b"")
        case "no_content":
            return replace(answer, status=204, body=b"")
        case "gzip":
            headers = {**answer.headers, "content-encoding": "gzip"}
            return replace(answer, headers=headers, body=gzip.compress(answer.body))
        case "big":
            padding = b'{"padding":"' + b"x" * fault.size + b'",'
            return replace(answer, body=padding + answer.body[1:])
        case _:
            return replace(answer, body=_reshaped(fault, answer.body, asked))


def _reshaped(fault: Fault, body: bytes, asked: Asked) -> bytes:
    if callable(fault.mutate):
        return encoded(fault.mutate(json.loads(body)))
    reshape = WRONG_SHAPES.get(fault.mutate or fault.kind)
    if reshape is None:
        return body
    content: Any = json.loads(body)
    return encoded(reshape(content, asked))


def reply(fault: Fault | None, answer: Answer) -> Reply:
    """The answer, and the manner of its sending."""
    if fault is None:
        return Reply(answer.status, answer.headers, answer.body)
    manner = _MANNERS.get(fault.kind, "whole")
    return Reply(answer.status, answer.headers, answer.body, manner, fault.seconds)
