"""The one place that speaks HTTP.

It sends a request, repeats it when `retry` allows, waits when `rate_limit`
asks, and gives an `Exchange`: it does not raise for what the network or the
API do, so that an answer can come from any thread.

The rules: one host only (redirects are not followed, links are not read); a
POST that may have run is never sent again; nothing that httpx raises gets out,
because its exceptions and their frames hold headers.

Source: https://www.python-httpx.org/
"""

from __future__ import annotations

import json
import random
import time
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Event
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from dovtab.api.answers import Reply, rate_limit_error, read_reply
from dovtab.api.clock import Clock
from dovtab.api.deadline import Deadline, DeadlineBackend
from dovtab.api.exchange import Exchange, Json, Request
from dovtab.api.rate_limit import rate_limit_delay
from dovtab.api.retry import REPEATABLE_STATUSES, Failure, RetryPolicy, retry_delay
from dovtab.api.settings import Settings
from dovtab.api.token import Token
from dovtab.errors import NetworkError, SettingsError
from dovtab.version import VERSION

_CONNECT_SECONDS = 10.0
LARGEST_ANSWER = 64 << 20  # bytes; a page of 200 actions has a five-hundredth of it
_POLICY = RetryPolicy()
# Said by a proxy or a balancer: it waited long enough, or thinks that we did.
_GIVEN_UP = frozenset({408, 460, 499})
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class _Lost:
    """No answer: what kind of failure, and why in words."""

    failure: Failure
    reason: str


class _Cancelled(Exception):
    """Nobody waits for the answer any more."""


class _Bearer(httpx.Auth):
    """Puts the token in as late as possible, where no frame of ours holds it."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = self._token.header()
        yield request


class _Transport(httpx.HTTPTransport):
    """httpx's own, over connections that keep to a deadline."""

    def __init__(self, api_url: str, deadline: Deadline) -> None:
        # On the loopback there is no TLS to prepare for, and no proxy to trust.
        remote = not api_url.startswith("http://")
        super().__init__(
            verify=remote,
            trust_env=remote,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            proxy=_proxy(api_url) if remote else None,
        )
        # The one thing that httpx does not let through to the library below it.
        self._pool._network_backend = DeadlineBackend(deadline)


def _proxy(api_url: str) -> str | None:
    """The environment's proxy for this URL; httpx looks only without a transport."""
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    return None if proxy is None or proxy_bypass(urlsplit(api_url).netloc) else proxy


class Client:
    """Kept-alive connections to one API with one token. Safe in many threads.

    Raises:
        SettingsError: the environment's certificates or proxies cannot be used.
    """

    def __init__(self, api_url: str, token: Token) -> None:
        self.api_url = api_url
        self.token = token
        self._deadline = Deadline()
        problem = ""
        try:
            self._http = httpx.Client(
                auth=_Bearer(token),
                headers={
                    "accept": "application/json",
                    "user-agent": f"dovtab/{VERSION} python-httpx/{httpx.__version__}",
                },
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                transport=_Transport(api_url, self._deadline),
                trust_env=False,
            )
        except Exception as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        if problem:
            raise SettingsError(
                "the environment's certificates (SSL_CERT_FILE, SSL_CERT_DIR) or proxies"
                f" (HTTPS_PROXY, ALL_PROXY) cannot be used: {problem}"
            )
        weakref.finalize(self, self._http.close)

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
        duration = waited = 0.0
        while not cancelled.is_set():
            before_attempt()
            exchange.attempts += 1
            sent_at, started = clock.time(), clock.monotonic()
            outcome = self._send(request, settings.timeout_seconds, cancelled)
            duration += clock.monotonic() - started
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
            if delay is None or exchange.attempts == attempts or clock.wait(cancelled, delay):
                break
        exchange.duration = duration

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

        def trace(event: str, info: object) -> None:
            # The last moment at which a POST can be held back.
            if event.endswith("send_request_headers.started") and cancelled.is_set():
                raise _Cancelled

        self._deadline.at = time.monotonic() + seconds
        failure = Failure.LOST
        try:
            with self._http.stream(
                request.operation.method,
                self.api_url + request.path,
                content=None if request.body is None else _body(request.body),
                headers={} if request.body is None else {"content-type": "application/json"},
                timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
                extensions={"trace": trace} if request.acts else {},
            ) as response:
                return _read(response)
        except _Cancelled:
            return _Lost(Failure.NOT_SENT, "given up before it was sent")
        except httpx.TransportError as error:
            if isinstance(error, _NEVER_SENT):
                failure = Failure.NOT_SENT
            reason = self._reason(error, failure, seconds)
        except Exception as error:
            # Nothing of httpx's gets out: its messages and frames hold headers.
            reason = f"the answer cannot be read ({type(error).__name__})"
        return _Lost(failure, reason)

    def _reason(self, error: httpx.TransportError, failure: Failure, seconds: float) -> str:
        if isinstance(error, httpx.TimeoutException):
            return f"no whole answer within {seconds:g} s"
        if failure is Failure.NOT_SENT:
            why = self.token.removed_from(" ".join(str(error).split()))
            return f"cannot connect to {self.api_url}: {why}"
        return "the connection was lost before the whole answer came"


def seconds_ahead(date: str | None, sent_at: float, now: float) -> float:
    """By how much the API's clock is ahead of ours, for certain: 0 if it may be right.

    It told the time, in whole seconds, somewhere between our question and now.
    """
    try:
        moment = parsedate_to_datetime(date).timestamp() if date else now
    except (ValueError, OverflowError):
        return 0.0
    return max(moment - now, min(0.0, moment + 1 - sent_at))


def _body(body: dict[str, Json]) -> str:
    return json.dumps(body, allow_nan=False)


def _read(response: httpx.Response) -> Reply:
    chunks, size = [], 0
    try:
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                problem = f"more than {LARGEST_ANSWER >> 20} MB) is too large"
                return Reply(response.status_code, response.headers, b"", problem)
    except httpx.DecodingError:
        return Reply(response.status_code, response.headers, b"", "broken compression)")
    return Reply(response.status_code, response.headers, b"".join(chunks))
