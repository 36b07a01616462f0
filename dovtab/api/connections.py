"""Kept-alive connections to one API, each used by one request at a time.

The one place that speaks HTTP, and the only one that knows httpx and httpcore, which
is httpx's own lower half. httpx knows which certificates and proxies the environment
asks for, and how answers are unpacked; for the loopback it is not even imported.
Requests go to httpcore's connections. Its pool would look at all of them whenever a
request begins or ends, with a system call for each, which for many small requests at
once is most of the work; so those that nobody uses wait here, the last used on top.

The rules: one host only (redirects are not followed, links are not read, cookies are
not kept); a connection is somebody's, or it is idle and waits here, or it is closed;
nothing that these libraries raise gets out, because their exceptions and frames hold
headers.

Sources: https://www.python-httpx.org/, https://www.encode.io/httpcore/connections/
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import httpcore

from dovtab.api.answers import Reply
from dovtab.api.deadline import Deadline, DeadlineBackend
from dovtab.api.logger import Redaction
from dovtab.api.token import Token
from dovtab.errors import SettingsError
from dovtab.version import VERSION

LARGEST_ANSWER = 64 << 20  # bytes; a page of 200 actions has a five-hundredth of it
_CONNECT_SECONDS = 10.0
_IDLE_SECONDS, _MOST_IDLE = 5.0, 64
_NEVER_SENT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
# Nothing else is unpacked: a few bytes that were packed twice may take gigabytes.
_PACKED = ("gzip", "deflate")
_LOST = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class Lost(Exception):
    """There is no answer; why, in words without the token."""


class NotSent(Lost):
    """Nor has the request left this machine."""


class _GivenUp(Exception):
    """Nobody waits for the answer any more."""


class _Broken(Exception):
    """The body cannot be unpacked."""


class Connections:
    """Safe in many threads.

    Raises:
        SettingsError: the URL, or the environment's certificates or proxies, cannot be used.
    """

    def __init__(self, api_url: str, token: Token) -> None:
        self._api_url, self._token = api_url, token
        self._deadline = Deadline()
        connect = _loopback if api_url.startswith("http://") else _remote
        problem = ""
        try:
            self._url, host, self._pool = connect(api_url, DeadlineBackend(self._deadline))
        except Exception as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        if problem:
            raise SettingsError(
                "the environment's certificates (SSL_CERT_FILE, SSL_CERT_DIR) or proxies"
                f" (HTTPS_PROXY, ALL_PROXY), or api_url, cannot be used: {problem}"
            )
        self._headers = [
            (b"host", host),
            (b"accept", b"application/json"),
            (b"accept-encoding", ", ".join(_PACKED).encode()),
            (b"connection", b"keep-alive"),
            (b"user-agent", f"dovtab/{VERSION} httpcore/{httpcore.__version__}".encode()),
        ]
        self._redaction = Redaction(token)
        self._redaction.begin()
        # One call each: no lock is needed.
        self._idle: deque[httpcore.ConnectionInterface] = deque()
        self._closed = False

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        seconds: float,
        given_up: Callable[[], bool],
    ) -> Reply:
        """Send a request once, and give its whole answer.

        Args:
            body: JSON.
            seconds: for all of it.
            given_up: asked at the last moment at which it can be held back.

        Raises:
            Lost: there is no whole answer.
            NotSent: it was not even sent, perhaps because ``given_up`` said so.
        """

        def trace(event: str, info: object) -> None:
            if event.endswith("send_request_headers.started") and given_up():
                raise _GivenUp

        self._deadline.at = time.monotonic() + seconds
        connect = min(seconds, _CONNECT_SECONDS)
        limits = {"connect": connect, "read": seconds, "write": seconds}
        kind: type[Lost] = Lost
        try:
            with self._exchange(
                httpcore.Request(
                    method,
                    self._under(path),
                    # No variable of ours ever holds the token.
                    headers=[
                        *self._headers,
                        *_about(body),
                        (b"authorization", self._token.header().encode()),
                    ],
                    content=body,
                    extensions={"timeout": limits} | ({} if body is None else {"trace": trace}),
                )
            ) as response:
                return _read(response)
        except _GivenUp:
            raise NotSent("given up before it was sent") from None
        except httpcore.TimeoutException as error:
            kind = NotSent if isinstance(error, _NEVER_SENT) else Lost
            reason = f"no whole answer within {seconds:g} s"
        except _NEVER_SENT as error:
            why = self._token.removed_from(" ".join(str(error).split()))
            kind, reason = NotSent, f"cannot connect to {self._api_url}: {why}"
        except _LOST:
            reason = "the connection was lost before the whole answer came"
        except Exception as error:
            reason = f"the answer cannot be read ({type(error).__name__})"
        raise kind(reason)

    def close(self) -> None:
        """Close those that nobody uses now, and the others when they come back."""
        self._closed = True
        self._redaction.end()
        while self._idle:
            self._idle.pop().close()

    def _under(self, path: str) -> httpcore.URL:
        url = self._url
        target = url.target + path.encode()
        return httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=target)

    @contextmanager
    def _exchange(self, request: httpcore.Request) -> Iterator[httpcore.Response]:
        connection = self._take()
        try:
            response = connection.handle_request(request)
            try:
                yield response
            finally:
                response.close()
        finally:
            self._give_back(connection)

    def _take(self) -> httpcore.ConnectionInterface:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._pool.create_connection(self._url.origin)
            if not connection.has_expired():
                return connection
            connection.close()

    def _give_back(self, connection: httpcore.ConnectionInterface) -> None:
        if connection.is_closed():
            return
        if connection.is_idle() and not self._closed and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()


def _loopback(
    api_url: str, backend: DeadlineBackend
) -> tuple[httpcore.URL, bytes, httpcore.ConnectionPool]:
    """There is no TLS to prepare for, and no proxy to trust."""
    url = urlsplit(api_url)
    found = httpcore.URL(
        scheme="http",
        host=url.hostname or "",
        port=url.port,
        target=quote(url.path, safe="/%:@!$&'()*+,;=~"),
    )
    pool = httpcore.ConnectionPool(keepalive_expiry=_IDLE_SECONDS, network_backend=backend)
    return found, url.netloc.encode(), pool


def _remote(
    api_url: str, backend: DeadlineBackend
) -> tuple[httpcore.URL, bytes, httpcore.ConnectionPool]:
    import httpx

    url = httpx.URL(api_url)
    found = httpcore.URL(
        scheme=url.raw_scheme,
        host=url.raw_host,
        port=url.port,
        target=url.raw_path.rstrip(b"/"),
    )
    limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
    address = _proxy(api_url)
    try:
        proxy = None if address is None else httpx.Proxy(address)
    except Exception:
        # The library's words quote it, and it may have a password.
        raise ValueError("the proxy's address is none") from None
    pool = httpx.HTTPTransport(limits=limits, proxy=proxy)._pool
    # The one thing that httpx does not let through to the library below it.
    pool._network_backend = backend
    return found, url.netloc, pool


def _proxy(api_url: str) -> str | None:
    """The environment's proxy for this URL; httpx looks only without a transport."""
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy or proxy_bypass(urlsplit(api_url).netloc):
        return None
    # As curl has it, and httpx.
    return proxy if "://" in proxy else f"http://{proxy}"


def _about(body: bytes | None) -> list[tuple[bytes, bytes]]:
    if body is None:
        return []
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]


def _read(response: httpcore.Response) -> Reply:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    is_packed = headers.get("content-encoding", "").strip().lower() in _PACKED
    chunks, size = [], 0
    try:
        for chunk in _unpacked(response) if is_packed else response.iter_stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                problem = f"more than {LARGEST_ANSWER >> 20} MB) is too large"
                return Reply(response.status, headers, b"", problem)
    except _Broken:
        return Reply(response.status, headers, b"", "broken compression)")
    return Reply(response.status, headers, b"".join(chunks))


def _unpacked(response: httpcore.Response) -> Iterator[bytes]:
    import httpx

    packed = httpx.Response(
        response.status, headers=response.headers, content=response.iter_stream()
    )
    try:
        yield from packed.iter_bytes()
    except httpx.DecodingError:
        raise _Broken from None
