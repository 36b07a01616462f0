"""An account as one connection uses it: a token, a URL, a record of requests.

The rest of the engine asks here and nowhere else, so this is where a request
is counted, waited for, and written down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from dovtab.api.answers import quota_error
from dovtab.api.clock import Clock, SystemClock
from dovtab.api.credentials import find_token
from dovtab.api.exchange import MAY_HAVE_RUN, Exchange, Request
from dovtab.api.quota import MINUTE_SECONDS
from dovtab.api.settings import Settings
from dovtab.engine.flight import Flight
from dovtab.engine.journal import Journal
from dovtab.engine.posts import Posts
from dovtab.engine.statement import Statement
from dovtab.errors import Interrupted

if TYPE_CHECKING:
    from dovtab.engine.shared import Shared

T = TypeVar("T")

# In the quota, for what is needed: a guess that was wrong shall cost no error.
PLACES_LEFT = 50


class Account:
    """What a connection may ask of the API.

    Args:
        settings: the connection's.
        interrupted: says whether the running statement should stop; asked again
            and again while something is waited for.
        rested: called when the wait is over.
        clock: the machine's, or one that is turned by hand.
    """

    def __init__(
        self,
        settings: Settings,
        interrupted: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
        rested: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.rested = rested
        self.quota_seconds = 0.0
        self.interrupted = interrupted
        self.clock = clock or SystemClock()
        self.journal = Journal()
        self.posts = Posts()
        self._shared: Shared | None = None
        self._process = 0

    def in_context(self, context: str) -> Account:
        """The account of another context of doctl's, with the same record of requests."""
        settings = replace(self.settings, token=None, context=context)
        other = Account(settings, self.interrupted, self.clock, self.rested)
        other.journal, other.posts = self.journal, self.posts
        return other

    def wait_for(self, flight: Flight[T]) -> T:
        """What a flight brings, or raises.

        Raises:
            Interrupted: somebody stopped the statement first.
        """
        try:
            return flight.result(self.interrupted)
        finally:
            self.rested()

    def is_free(self, statement: Statement) -> bool:
        """Whether one more request would break no limit, and wait for none."""
        allowed = statement.requests < self.settings.max_requests
        return allowed and self.shared().quota.delay(self.clock.monotonic()) <= 0

    def admit(self, request: Request, statement: Statement | None) -> None:
        """Take a place in the quota, and wait for one if need be."""
        if self.interrupted():
            # Between two functions of a row nobody else looks.
            raise not_sent(request)
        if statement is not None:
            statement.spend(self.settings.max_requests)
        self._take_place(self.pause)

    def place(self, request: Request, cancelled: Event) -> None:
        """The same in a flight's thread, which nobody interrupts but by cancelling it.

        Raises:
            RateLimitError: the quota is used up for too long.
            Interrupted: it was cancelled.
        """

        def pause(seconds: float) -> None:
            if self.clock.wait(cancelled, seconds):
                raise not_sent(request)

        if cancelled.is_set():
            raise not_sent(request)
        self._take_place(pause)

    def _take_place(self, pause: Callable[[float], None]) -> None:
        quota, waited = self.shared().quota, 0.0
        while (delay := quota.take(self.clock.monotonic())) > 0:
            waited += delay
            if waited > self.settings.max_wait_seconds:
                raise quota_error(self.clock.time() + delay, self.settings.max_wait_seconds)
            self.quota_seconds = delay
            try:
                pause(delay)
            finally:
                self.quota_seconds = 0.0

    def admit_at_once(self) -> bool:
        """Take a place in the quota if there are plenty; for a request that nobody needs yet."""
        if self.interrupted():
            return False
        # A place in the minute is waited for, if there is the patience.
        in_minute = 0 if self.settings.max_wait_seconds > MINUTE_SECONDS else PLACES_LEFT
        leaving = in_minute, PLACES_LEFT
        return self.shared().quota.take(self.clock.monotonic(), leaving=leaving) <= 0

    def begin(self, request: Request) -> Exchange:
        """Write down a request that has been admitted and is about to be sent."""
        exchange = Exchange(request, self.clock.time())
        self.journal.add(exchange)
        return exchange

    def start(self, flight: Flight[Any]) -> None:
        """Let an admitted request go; its place in the quota is not lost."""
        try:
            flight.start()
        except BaseException:
            if not flight.started:
                self.shared().quota.answered(self.clock.monotonic(), attempts=0)
            raise

    def fly(
        self,
        exchange: Exchange,
        cancelled: Event,
        *,
        patience: float | None = None,
        attempts: int | None = None,
    ) -> None:
        """Send it and wait; in a flight's thread.

        Args:
            patience: seconds, if less than ``timeout_seconds``.
            attempts: how often it may be sent, if less often than usual.
        """
        shared, settings = self.shared(), self.settings
        if patience is not None and patience < settings.timeout_seconds:
            settings = replace(settings, timeout_seconds=max(patience, 0.001))
        try:
            shared.client.exchange(exchange, settings, self.clock, cancelled, attempts)
        finally:
            shared.quota.answered(
                self.clock.monotonic(),
                attempts=exchange.attempts,
                limit=exchange.ratelimit_limit,
                # A 429 says 0 also where only the minute is used up.
                remaining=None if exchange.status == 429 else exchange.ratelimit_remaining,
            )

    @contextmanager
    def telling(self, request: Request, exchange: Exchange | None) -> Iterator[None]:
        """Whoever interrupts what is done here is told of, and it is written down.

        Args:
            exchange: None if the request is another connection's.
        """
        try:
            yield
        except Interrupted:
            raise self.interruption(request, exchange) from None
        except KeyboardInterrupt as pressed:
            pressed.add_note(str(self.interruption(request, exchange)))
            raise

    def interruption(self, request: Request, exchange: Exchange | None) -> Interrupted:
        """The error for a request that nobody waits for any more, written down too."""
        unknown = MAY_HAVE_RUN if request.acts else ""
        error = Interrupted(f"{request}: interrupted before it was answered{unknown}")
        if exchange is not None and exchange.duration is None:
            exchange.error = error
        return error

    def pause(self, seconds: float) -> None:
        """Do nothing for a while, unless interrupted."""
        clock_wait = self.clock.wait
        flight = Flight(lambda cancelled: clock_wait(cancelled, seconds))
        try:
            flight.start()
            self.wait_for(flight)
        finally:
            flight.leave()

    def shared(self) -> Shared:
        """What this account shares with the other connections of the process.

        Raises:
            SettingsError: there is no token.
        """
        if self._shared is None or self._process != os.getpid():
            # Only a request needs an HTTP library, and it takes a while to import.
            from dovtab.engine.shared import shared

            token = find_token(
                os.getenv, token=self.settings.token, context=self.settings.context
            )
            self._shared = shared(self.settings.api_url, token)
            self._process = os.getpid()
        return self._shared


def not_sent(request: Request) -> Interrupted:
    """The error for a request that was given up in time."""
    return Interrupted(f"{request}: interrupted before it was sent")
