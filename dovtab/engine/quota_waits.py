"""The quota of an account as people see it: what is waited for, and what is left.

Several threads of a connection may wait at once; that is one wait. The table
``dovtab_quota`` asks nobody: it has what was counted and what was told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from dovtab.api.clock import Clock
from dovtab.api.logger import LOGGER
from dovtab.api.quota import HOUR_REQUESTS, MINUTE_REQUESTS, Usage
from dovtab.engine.journal import rfc3339
from dovtab.engine.statement import Statement
from dovtab.resources import Column, Row

QUOTA_COLUMNS = (
    Column("account", "TEXT", "the context, or the token's fingerprint"),
    Column("window", "TEXT", "minute or hour"),
    Column("limit", "INTEGER", "requests that it allows"),
    Column("used", "INTEGER", "by all processes of this user"),
    Column("remaining", "INTEGER", "requests that are left"),
    Column("frees_at", "TEXT", "when the next can be sent; NULL: now", time=True),
    Column("waited_seconds", "REAL", "by this connection"),
)
# What is shorter is not worth a line.
LONG_SECONDS = 1.0
_ALLOWED = {
    "minute": f"{MINUTE_REQUESTS} requests a minute",
    "hour": f"{HOUR_REQUESTS} requests an hour",
    "refused": "the API has refused a request",
}


class QuotaWait(NamedTuple):
    """Somebody waits for the quota.

    Attributes:
        seconds: how long, as it looked when it began.
        cause: ``minute`` or ``hour``, or ``refused``: by a 429 of the minute's.
    """

    seconds: float
    cause: str

    def __str__(self) -> str:
        told = f"waiting {self.seconds:.0f} s for the quota ({_ALLOWED[self.cause]})"
        return f"{told}; see dovtab_quota"


class QuotaWaits:
    """What one connection waits for in one account, and has waited.

    Attributes:
        current: the last that has begun of those that are not over.
    """

    def __init__(self, clock: Clock) -> None:
        self.current: QuotaWait | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[QuotaWait] = []
        self._began = 0.0
        self._waited = {"minute": 0.0, "hour": 0.0}

    @contextmanager
    def during(self, wait: QuotaWait) -> Iterator[None]:
        """It is waited for as long as this lasts."""
        self.begin(wait)
        try:
            yield
        finally:
            self.end(wait)

    def begin(self, wait: QuotaWait) -> None:
        """Somebody waits; logged, if it is for long and nobody else on this connection does."""
        with self._lock:
            is_first = not self._waiting
            if is_first:
                self._began = self._clock.monotonic()
            self._waiting.append(wait)
            self.current = wait
        # A refusal is logged with what was refused.
        if is_first and wait.seconds > LONG_SECONDS and wait.cause != "refused":
            LOGGER.warning("%s", wait)

    def end(self, wait: QuotaWait) -> None:
        """And now not."""
        with self._lock:
            self._waiting.remove(wait)
            self.current = self._waiting[-1] if self._waiting else None
            if self.current is None:
                window = "hour" if wait.cause == "hour" else "minute"
                self._waited[window] += self._clock.monotonic() - self._began

    def rows(self, account: str, usage: Iterable[Usage]) -> list[Row]:
        """In the order of ``QUOTA_COLUMNS``."""
        now = self._clock.time()
        return [
            (
                account,
                window.window,
                window.limit,
                window.used,
                window.remaining,
                rfc3339(now + window.delay) if window.delay > 0 else None,
                round(self._waited[window.window], 3),
            )
            for window in usage
        ]


class ToldWaits:
    """Tells, once of each statement, that it waits for long.

    Args:
        tell: shows it to somebody.
    """

    def __init__(self, tell: Callable[[str], None] = lambda told: None) -> None:
        self._tell = tell
        self._statements: list[Statement] = []
        self._last: QuotaWait | None = None

    def look(self, accounts: Iterable[QuotaWaits], current: Callable[[], Statement]) -> float:
        """How long the current statement waits for a quota; 0: it does not."""
        waits = [waits.current for waits in accounts]
        wait = max((wait for wait in waits if wait is not None), default=None)
        if wait is None:
            return 0.0
        if wait.seconds > LONG_SECONDS and wait is not self._last:
            self._last = wait
            statement = current()
            if statement not in self._statements:
                self._statements.append(statement)
                self._tell(str(wait))
        return wait.seconds

    def forget(self) -> None:
        """No statement runs any more."""
        self._statements.clear()
