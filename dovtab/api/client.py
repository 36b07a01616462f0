"""A request until there is an answer, or no hope of one.

It is sent, repeated when `retry` allows, after a pause when `rate_limit` asks for one,
and what came of it is an `Exchange`: nothing is raised for what the network or the API
do, so that an answer can come from any thread.

The rule: a POST that may have run is never sent again.
"""

from __future__ import annotations

import json
import random
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from dovtab.api import logger
from dovtab.api.answers import Reply, rate_limit_error, read_reply
from dovtab.api.clock import Clock
from dovtab.api.connections import Connections, Lost, NotSent
from dovtab.api.exchange import Exchange, Json, Request
from dovtab.api.rate_limit import rate_limit_delay
from dovtab.api.retry import REPEATABLE_STATUSES, Failure, RetryPolicy, retry_delay
from dovtab.api.server_clock import seconds_ahead
from dovtab.api.settings import Settings
from dovtab.api.token import Token
from dovtab.errors import NetworkError

_POLICY = RetryPolicy()
# Said by a proxy or a balancer: it waited long enough, or thinks that we did.
_GIVEN_UP = frozenset({408, 460, 499})


@dataclass(frozen=True, slots=True)
class _Lost:
    """No answer: what kind of failure, and why in words."""

    failure: Failure
    reason: str


class Client:
    """One API with one token. Safe in many threads.

    Raises:
        SettingsError: the URL, or the environment's certificates or proxies, cannot be used.
    """

    def __init__(self, api_url: str, token: Token) -> None:
        self.api_url = api_url
        self.token = token
        self._connections = Connections(api_url, token)
        weakref.finalize(self, self._connections.close)

    def exchange(
        self,
        exchange: Exchange,
        settings: Settings,
        clock: Clock,
        cancelled: Event,
        attempts: int | None = None,
        before_attempt: Callable[[], None] = lambda: None,
        refused: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """Send a request until there is an answer, or no hope of one.

        Args:
            exchange: what to ask; what comes of it is written there.
            settings: ``timeout_seconds`` and ``max_wait_seconds`` count here.
            clock: for the pauses and the record.
            cancelled: set by whoever no longer wants the answer; a pause ends
                and nothing more is sent.
            attempts: how often to send it at most; None: as the policies say.
            before_attempt: called each time it is about to be sent.
            refused: told for how long, each time that it was, by a 429.
        """
        request = exchange.request
        duration = took = waited = 0.0
        while not cancelled.is_set():
            before_attempt()
            exchange.attempts += 1
            sent_at, started = clock.time(), clock.monotonic()
            outcome = self._send(request, settings.timeout_seconds, cancelled)
            took = clock.monotonic() - started
            duration += took
            if isinstance(outcome, _Lost):
                delay = self._after_loss(exchange, outcome)
            else:
                read_reply(exchange, outcome, self.token)
                exchange.server_ahead = seconds_ahead(
                    outcome.headers.get("date"), sent_at, clock.time()
                )
                delay = self._after_reply(exchange, outcome, clock)
                if delay is not None and exchange.status == 429:
                    waited += delay
                    refused(delay)
                    if waited > settings.max_wait_seconds:
                        exchange.error = rate_limit_error(
                            exchange.error, clock.time() + delay, settings.max_wait_seconds
                        )
                        break
            if delay is None or exchange.attempts == attempts:
                break
            logger.goes_again(exchange, delay, self.token)
            if clock.wait(cancelled, delay):
                break
        exchange.duration = duration
        if exchange.uncertain:
            logger.lost(exchange, self.token)
        logger.answered(exchange, took, self.token)

    def _after_reply(self, exchange: Exchange, reply: Reply, clock: Clock) -> float | None:
        if reply.status == 429:
            return rate_limit_delay(reply.headers, now=clock.time(), attempt=exchange.attempts)
        if reply.status in REPEATABLE_STATUSES:
            return self._pause(exchange, Failure.SERVER)
        # Neither yes nor no: a 5xx of another kind, a request that somebody on the way
        # gave up, or a yes that cannot be read.
        no_yes = reply.status < 400 and exchange.error is not None
        unclear = reply.status >= 500 or reply.status in _GIVEN_UP or no_yes
        exchange.uncertain = unclear and exchange.request.acts
        return None

    def _after_loss(self, exchange: Exchange, lost: _Lost) -> float | None:
        # What the attempt before it was answered is not this one's: a 429 says that
        # nothing remains.
        exchange.status = exchange.request_id = None
        exchange.ratelimit_limit = exchange.ratelimit_remaining = None
        exchange.error = NetworkError(f"{exchange.request}: {lost.reason}")
        return self._pause(exchange, lost.failure)

    def _pause(self, exchange: Exchange, failure: Failure) -> float | None:
        repeatable = not exchange.request.acts
        exchange.uncertain = not repeatable and failure is not Failure.NOT_SENT
        return retry_delay(
            _POLICY,
            exchange.attempts,
            failure,
            repeatable=repeatable,
            jitter=random.random(),
        )

    def _send(self, request: Request, seconds: float, cancelled: Event) -> Reply | _Lost:
        """One attempt."""
        body = None if request.body is None else _body(request.body)
        method = request.operation.method
        try:
            return self._connections.send(method, request.path, body, seconds, cancelled.is_set)
        except Lost as lost:
            failure = Failure.NOT_SENT if isinstance(lost, NotSent) else Failure.LOST
            return _Lost(failure, str(lost))


def _body(body: dict[str, Json]) -> bytes:
    return json.dumps(body, allow_nan=False).encode()
