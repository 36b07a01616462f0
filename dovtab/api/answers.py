"""What an answer means: the JSON that was asked for, or the error to raise.

Status and ``id`` decide; the API's message is quoted and never matched, since
its wording differs from page to page. Every text that a server wrote passes
through `quoted`, which keeps an error on one line and a token out of it.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/HTTP-Statuses
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from dovtab.api.exchange import Exchange, Json
from dovtab.api.token import Token
from dovtab.errors import AnswerError, APIError, DovtabError, RateLimitError

_LONGEST_QUOTE = 300
_LAST_MOMENT = 253_402_300_799.0  # of the year 9999, where datetime ends
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whole, or the problem with its body.

    ``headers`` have lower-case names.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    problem: str | None = None


def read_reply(exchange: Exchange, reply: Reply, token: Token) -> None:
    """Write into the exchange what this answer says.

    A 404 counts as "there is no such thing" only in the API's own words: a
    wrong address answers 404 too, and that must not look like an empty table.
    """
    exchange.status = reply.status
    exchange.error = None
    exchange.ratelimit_limit = _whole(reply.headers.get("ratelimit-limit"))
    exchange.ratelimit_remaining = _whole(reply.headers.get("ratelimit-remaining"))
    well = 200 <= reply.status < 300
    # What went well is read by whoever wants it, and in his own time.
    body = None if well else _json_object(reply.body)
    request_id = reply.headers.get("x-request-id") or (body or {}).get("request_id")
    exchange.request_id = quoted(request_id, token) if isinstance(request_id, str) else None
    if well:
        exchange.body = reply.body
        if reply.problem is not None:
            exchange.error = _unreadable(exchange, reply.problem)
        elif exchange.request.acts and _json_object(reply.body) is None:
            # A POST that was answered like this may have run.
            exchange.error = _no_object(exchange, reply.body)
        return
    exchange.not_found = reply.status == 404 and (body or {}).get("id") == "not_found"
    exchange.error = _api_error(exchange, reply.status, body, token)


def decode(exchange: Exchange) -> dict[str, Json]:
    """The JSON object that a 2xx has brought.

    Raises:
        AnswerError: it is none; ``exchange.error`` too.
    """
    body = exchange.body or b""
    decoded = _json_object(body)
    if decoded is None:
        exchange.error = _no_object(exchange, body)
        raise exchange.error
    return decoded


def _no_object(exchange: Exchange, body: bytes) -> AnswerError:
    return _unreadable(exchange, f"{len(body)} bytes) is not a JSON object")


def _unreadable(exchange: Exchange, problem: str) -> AnswerError:
    return AnswerError(f"{exchange.request}: the answer ({exchange.status}, {problem}")


def rate_limit_error(error: DovtabError | None, until: float, max_wait: float) -> DovtabError:
    """The 429 as the error that says how long it would last.

    Args:
        until: when the quota is expected back, in seconds since 1970.
        max_wait: the setting ``max_wait_seconds``.
    """
    assert isinstance(error, APIError)
    return RateLimitError(
        f"{error}; {_used_up(until, max_wait)}",
        status=error.status,
        id=error.id,
        request_id=error.request_id,
    )


def quota_error(until: float, max_wait: float) -> DovtabError:
    """The same, where our own count says what the API would."""
    return RateLimitError(f"not sent: {_used_up(until, max_wait)}", status=429)


def _used_up(until: float, max_wait: float) -> str:
    when = datetime.fromtimestamp(min(until, _LAST_MOMENT), UTC).strftime(
        "%Y-%m-%d %H:%M:%S UTC"
    )
    return (
        f"the quota is used up until about {when}, which is more than"
        f" max_wait_seconds={max_wait:g} away"
    )


def quoted(text: str, token: Token) -> str:
    """Somebody else's words, on one line, cut, with the token blotted out.

    >>> quoted("Unable to\\n authenticate t0ken", Token("t0ken", "a test"))
    'Unable to authenticate [token]'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = token.removed_from(line)
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "..."


def _api_error(
    exchange: Exchange, status: int, body: dict[str, Json] | None, token: Token
) -> APIError:
    id, message = (
        quoted(value, token) if isinstance(value, str) else None
        for value in ((body or {}).get("id"), (body or {}).get("message"))
    )
    words = " ".join(filter(None, (str(status), id)))
    words = ": ".join(filter(None, (words, message)))
    if id is None and message is None:
        words += ": the answer is not the API's JSON"
    text = f"{exchange.request}: {words}"
    if exchange.request_id:
        text += f" (request id {exchange.request_id})"
    return APIError(
        text + _hint(exchange, status, token),
        status=status,
        id=id,
        request_id=exchange.request_id,
    )


def _hint(exchange: Exchange, status: int, token: Token) -> str:
    if status == 401:
        return f"; the token was taken from {token.source}"
    if status == 403:
        return f"; the token needs the scope {exchange.request.scopes}"
    if status in _REDIRECTS:
        return "; redirects are not followed: the token goes to one host only"
    if status == 404 and not exchange.not_found:
        return "; is api_url right?"
    return ""


def _json_object(body: bytes) -> dict[str, Json] | None:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None
