"""What was asked of the API, kept for the table ``dovtab_requests``.

Bounded, in memory, one for each connection. It shows paths, statuses and
errors: never a header, never a token, never a body.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from itertools import count

from dovtab.api.exchange import Exchange
from dovtab.resources import Column, Row

KEPT = 10_000

REQUEST_COLUMNS = (
    Column("seq", "INTEGER", "the first is 1"),
    Column("started_at", "TEXT", "RFC 3339", time=True),
    Column("method", "TEXT", "GET or POST"),
    Column("path", "TEXT", "with its parameters"),
    Column("status", "INTEGER", "of HTTP; NULL: there was no answer"),
    Column("duration_ms", "REAL", "of its attempts, without the pauses between them"),
    Column("attempts", "INTEGER", "how often it was sent"),
    Column("request_id", "TEXT", "what DigitalOcean's support asks for"),
    Column("ratelimit_remaining", "INTEGER", "of the hour, as the API says"),
    Column("error", "TEXT", "why there is no answer"),
    Column("look_ahead", "TEXT", "ahead: before it was wanted; else why it could not be"),
)


class Journal:
    """The last ``KEPT`` requests of a connection, oldest first.

    A request is here from its beginning, and learns its end in place.
    """

    def __init__(self) -> None:
        self._seq = count(1)
        self._exchanges: deque[tuple[int, Exchange]] = deque(maxlen=KEPT)

    def add(self, exchange: Exchange) -> None:
        """Record a request that begins."""
        self._exchanges.append((next(self._seq), exchange))

    def requests(self) -> list[Row]:
        """The requests so far, in the order of ``REQUEST_COLUMNS``."""
        return [_row(seq, exchange) for seq, exchange in list(self._exchanges)]


def _row(seq: int, exchange: Exchange) -> Row:
    # A 404 that means "no such Droplet" is an answer, not an error.
    error = None if exchange.not_found or exchange.error is None else str(exchange.error)
    duration = exchange.duration
    return (
        seq,
        rfc3339(exchange.started_at),
        exchange.request.operation.method,
        exchange.request.path,
        exchange.status,
        None if duration is None else round(duration * 1000, 3),
        exchange.attempts,
        exchange.request_id,
        exchange.ratelimit_remaining,
        error,
        exchange.look_ahead or None,
    )


def rfc3339(seconds: float) -> str:
    """A time as the API writes it, with milliseconds.

    >>> rfc3339(0)
    '1970-01-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
