"""An account as one connection uses it: a token, a URL, a record of requests.

The rest of the engine asks here and nowhere else, so this is where a request
is counted, waited for, and written down.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from dovtab.api.answers import quota_error
from dovtab.api.clock import Clock, SystemClock
from dovtab.api.credentials import token_of
from dovtab.api.exchange import Exchange, Request
from dovtab.api.settings import Settings
from dovtab.engine.acting.posts import Posts
from dovtab.engine.call import Call
from dovtab.engine.interruption import not_answered, not_sent
from dovtab.engine.journal import Journal
from dovtab.engine.quota_waits import QuotaWait, QuotaWaits
from dovtab.engine.shared import Shared, shared
from dovtab.engine.statement import Statement
from dovtab.errors import Interrupted, SettingsError
from dovtab.resources import Row

if TYPE_CHECKING:
    from dovtab.engine.acting.log import ActionLog

T = TypeVar("T")

# In the minute and in the hour, for what is needed: a prefetch that was wrong shall cost no
# error and no wait.
PLACES_LEFT = 50
# A statement that has made so many requests leaves the last places of a minute to other
# connections with this token, if there are any: what they ask may be little.
LONG_REQUESTS, PLACES_FOR_SHORT = 50, 10


class Account:
    """What a connection may ask of the API.

    Args:
        settings: the connection's.
        interrupted: says whether the running statement should stop; asked again
            and again while something is waited for.
        clock: the machine's, or one that is turned by hand.
        wait_over: called when the waiting is over.

    Attributes:
        context: its name, if it is not the connection's own account.
        confirm: asks somebody a question that can be answered with yes; None: there is
            nobody to ask.
        waits: for the quota.
    """

    def __init__(
        self,
        settings: Settings,
        interrupted: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
        wait_over: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.interrupted = interrupted
        self.clock = clock or SystemClock()
        self.wait_over = wait_over
        self.context: str | None = None
        self.confirm: Callable[[str], bool] | None = None
        self.waits = QuotaWaits(self.clock)
        self.journal = Journal()
        self.posts = Posts()
        self._shared: Shared | None = None
        self._process = 0

    def in_context(self, context: str) -> Account:
        """The account of another context, with the same records."""
        settings = replace(self.settings, token=None, context=context)
        other = Account(settings, self.interrupted, self.clock, self.wait_over)
        other.context, other.confirm = context, self.confirm
        other.journal, other.posts, other.log = self.journal, self.posts, self.log
        return other

    @cached_property
    def log(self) -> ActionLog:
        """What outlives the process; whoever only reads does not even import it."""
        from dovtab.engine.acting.log import ActionLog

        return ActionLog(self.settings.log)

    def wait_for(self, call: Call[T]) -> T:
        """What a call brings, or raises.

        Raises:
            Interrupted: somebody stopped the statement first.
        """
        try:
            return call.result(self.interrupted)
        finally:
            self.wait_over()

    def run(self, work: Callable[[Event], T]) -> T:
        """Let a thread of its own do this, and wait for it.

        Args:
            work: gets an event that is set when nobody waits any more.

        Raises:
            NetworkError: the system has no thread left.
            Interrupted: somebody stopped the statement first.
        """
        call = Call(work)
        try:
            call.start()
            return self.wait_for(call)
        finally:
            call.release()

    def pause(self, seconds: float, cancelled: Event | None = None) -> bool:
        """Do nothing for a while; True: it was cancelled.

        Args:
            cancelled: ends it, in a call's thread. Without it an interrupt does.

        Raises:
            Interrupted: somebody stopped the statement first.
        """
        clock_wait = self.clock.wait
        if cancelled is not None:
            return clock_wait(cancelled, seconds)
        return self.run(lambda cancelled: clock_wait(cancelled, seconds))

    def is_free(self, statement: Statement) -> bool:
        """Whether one more request would break no limit, and wait for none."""
        allowed = statement.requests < self.settings.max_requests
        now, leaving = self.clock.monotonic(), self._leaving(statement)
        return allowed and self.shared().quota.delay(now, leaving=leaving) <= 0

    def acquire(self, request: Request, statement: Statement | None = None) -> None:
        """Take a place in the quota, and wait for one if need be.

        Args:
            statement: on whose behalf; a long one leaves some to others.

        Raises:
            RateLimitError: the quota is used up for too long.
            Interrupted: somebody stopped the statement first.
        """
        if self.interrupted():
            # Between two functions of a row nobody else looks.
            raise not_sent(request)
        self._acquire(request, None, self._leaving(statement))

    def acquire_in_thread(self, request: Request, cancelled: Event) -> None:
        """The same in a call's thread, which nobody interrupts but by cancelling it.

        Raises:
            RateLimitError: the quota is used up for too long.
            Interrupted: it was cancelled.
        """
        if cancelled.is_set():
            raise not_sent(request)
        self._acquire(request, cancelled)

    def try_acquire(self) -> bool:
        """Take a place in the quota if there are plenty; for a request that nobody needs yet."""
        if self.interrupted():
            return False
        leaving = PLACES_LEFT, PLACES_LEFT
        return self.shared().quota.take(self.clock.monotonic(), leaving=leaving) <= 0

    def _acquire(
        self,
        request: Request,
        cancelled: Event | None,
        leaving: tuple[int, int] = (0, 0),
    ) -> None:
        quota, waited = self.shared().quota, 0.0
        while (delay := quota.take(self.clock.monotonic(), leaving=leaving)) > 0:
            waited += delay
            if waited > self.settings.max_wait_seconds:
                raise quota_error(self.clock.time() + delay, self.settings.max_wait_seconds)
            delays = quota.delays(self.clock.monotonic(), leaving=leaving)
            cause = "hour" if delays.hour > delays.minute else "minute"
            with self.waits.during(QuotaWait(delay, cause)):
                if self.pause(delay, cancelled) and cancelled is not None:
                    raise not_sent(request)

    def give_back(self) -> None:
        """A place in the quota that nothing will be sent for."""
        self.shared().quota.answered(self.clock.monotonic(), attempts=0)

    def record(self, request: Request) -> Exchange:
        """Write down a request that has its place and is about to be sent."""
        exchange = Exchange(request, self.clock.time())
        self.journal.add(exchange)
        return exchange

    def start(self, call: Call[Any]) -> None:
        """Let a request that has its place go; or the place is not lost."""
        try:
            call.start()
        except BaseException:
            if not call.started:
                self.give_back()
            raise

    def send(
        self,
        exchange: Exchange,
        cancelled: Event,
        *,
        patience: float | None = None,
        attempts: int | None = None,
        before_attempt: Callable[[], None] = lambda: None,
    ) -> None:
        """Send it and wait; in a call's thread.

        Args:
            patience: seconds, if less than ``timeout_seconds``.
            attempts: how often it may be sent, if less often than usual.
            before_attempt: called each time it is about to be sent.
        """
        shared, settings = self.shared(), self.settings
        if patience is not None and patience < settings.timeout_seconds:
            settings = replace(settings, timeout_seconds=max(patience, 0.001))
        refusal = ExitStack()

        def goes_on() -> None:
            refusal.close()
            before_attempt()

        def refused(seconds: float) -> None:
            shared.quota.refused(self.clock.monotonic(), seconds)
            refusal.enter_context(self.waits.during(QuotaWait(seconds, "refused")))

        try:
            shared.client.exchange(
                exchange, settings, self.clock, cancelled, attempts, goes_on, refused
            )
        finally:
            refusal.close()
            shared.quota.answered(
                self.clock.monotonic(),
                attempts=exchange.attempts,
                limit=exchange.ratelimit_limit,
                # A 429 says 0 also where only the minute is used up.
                remaining=None if exchange.status == 429 else exchange.ratelimit_remaining,
            )

    def abandoned(self, request: Request, exchange: Exchange | None) -> Interrupted:
        """The error for a request that nobody waits for any more, written down too.

        Args:
            exchange: None if the request is another connection's.
        """
        error = not_answered(request)
        if exchange is not None and exchange.duration is None:
            exchange.error = error
        return error

    def shared(self) -> Shared:
        """What this account shares with the other connections of the process.

        Raises:
            SettingsError: there is no token.
        """
        if self._shared is None or self._process != os.getpid():
            settings = self.settings
            token = token_of(settings)
            self._shared = shared(settings.api_url, token, settings.quota_folder)
            self._shared.users.add(self)
            self._process = os.getpid()
        return self._shared

    @property
    def is_used(self) -> bool:
        """Whether this connection has asked anything of it, or could have."""
        return self._shared is not None

    def quota_rows(self) -> list[Row]:
        """Both windows, for the table ``dovtab_quota``; none if there is no token."""
        try:
            shared = self.shared()
        except SettingsError:
            return []
        name = self.context or self.settings.context or shared.client.token.fingerprint()
        return self.waits.rows(name, shared.quota.usage(self.clock.monotonic()))

    def _leaving(self, statement: Statement | None) -> tuple[int, int]:
        """How many places of the minute and the hour a statement has to leave to others."""
        is_long = statement is not None and statement.requests > LONG_REQUESTS
        return (PLACES_FOR_SHORT if is_long and len(self.shared().users) > 1 else 0), 0
