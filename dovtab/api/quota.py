"""Staying below the rate limit, instead of running into it.

DigitalOcean counts two sliding windows for each token: 250 requests in a
minute and 5,000 in an hour. Both are kept here, for one process that uses the
token; what others of the same user have used is in a file, see ``shared_quota``.

Theory of operation. A slot is free, under way, answered, and free again:

==========  ======================  ==============================================
state       who moves it            what holds
==========  ======================  ==============================================
free        time                    a request may be sent
under way   `take`, by giving 0     it counts in both windows, however long it takes
answered    `answered`, once for    it counts in each window until that long after
            each `take`             the answer, plus a margin
==========  ======================  ==============================================

Always: a request counts from before it can arrive until a window after its answer
came, so that this count is not behind the API's, but for a request that is being
repeated: until its end, when it counts as often as it was sent, it has one slot. One
that was never sent counts not at all. What other users of the
token have made shows in ``ratelimit-remaining``, of the hour only: it is taken as
the last answer told it, and forgotten a minute later, because nobody says when it
expires. While one request is refused, no other is sent.

Pure but for its lock: the clock is passed in.
Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Rate-Limit
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

MINUTE_SECONDS, MINUTE_REQUESTS = 60.0, 250
HOUR_SECONDS, HOUR_REQUESTS = 3600.0, 5000
# When every slot is taken by a request under way, its end is what frees one.
LOOK_AGAIN_SECONDS = 0.05
# A window ends this much later here, so that no rounding makes us a moment early.
MARGIN_SECONDS = 0.001


class Delays(NamedTuple):
    """Seconds for which each window keeps the next request from being sent; 0: it does not."""

    minute: float
    hour: float


class Usage(NamedTuple):
    """One window as it is now.

    Attributes:
        window: ``minute`` or ``hour``.
        used: of ``limit``, those of others that are known of included.
        delay: seconds until a request can be sent; 0: now.
    """

    window: str
    limit: int
    used: int
    delay: float

    @property
    def remaining(self) -> int:
        """How many can be sent now; 0 also while the API refuses them."""
        return 0 if self.delay > 0 else max(0, self.limit - self.used)


class Known(NamedTuple):
    """What the API has said of the windows, and nobody could have counted.

    Attributes:
        others: requests of the hour that are not ours.
        seen_at: when that was.
        hour_requests: its limit.
        refused_until: while one request is refused, no other is sent.
    """

    others: int = 0
    seen_at: float = 0.0
    hour_requests: int = HOUR_REQUESTS
    refused_until: float = 0.0

    def told(self, now: float, limit: int, remaining: int, ours: int) -> Known:
        """After an answer's headers; ``ours`` of the hour are counted."""
        return self._replace(
            others=max(0, limit - remaining - ours), seen_at=now, hour_requests=limit
        )

    def refused(self, now: float, seconds: float) -> Known:
        """After a 429. It is believed for a minute; who was refused asks again himself."""
        until = now + min(seconds, MINUTE_SECONDS)
        return self._replace(refused_until=max(self.refused_until, until))

    def at(self, now: float) -> Known:
        """What of it still holds."""
        if self._forgets_in(now) <= 0:
            return Known(refused_until=self.refused_until)
        return self

    def delays(
        self, now: float, leaving: tuple[int, int], delay: Callable[[float, int], float]
    ) -> Delays:
        """How long each window keeps the next request waiting.

        Args:
            leaving: how many slots of the minute and of the hour have to stay free.
            delay: how long until fewer than so many count in a window of so many seconds.
        """
        forgets_in, allowed = self._forgets_in(now), self.hour_requests - leaving[1]
        hour = delay(HOUR_SECONDS, allowed - self.others)
        if hour > forgets_in > 0:
            # Nobody says when theirs expire: after a while, ask and see.
            hour = max(delay(HOUR_SECONDS, allowed), forgets_in)
        minute = delay(MINUTE_SECONDS, MINUTE_REQUESTS - leaving[0])
        return Delays(max(minute, self.refused_until - now, 0.0), max(hour, 0.0))

    def _forgets_in(self, now: float) -> float:
        return self.seen_at + MINUTE_SECONDS + MARGIN_SECONDS - now


class Quota:
    """The two windows of one token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: deque[float] = deque()
        self._under_way = 0
        self._known = Known()

    def take(self, now: float, *, leaving: tuple[int, int] = (0, 0)) -> float:
        """Take a slot and give 0, or the seconds after which to ask again.

        Args:
            leaving: how many slots of the minute and of the hour have to stay free.

        >>> quota = Quota()
        >>> [quota.take(now=0.0) for _ in range(250)].count(0.0)
        250
        >>> for _ in range(250):
        ...     quota.answered(now=1.0)
        >>> round(quota.take(now=2.0), 2)
        59.0
        """
        with self._lock:
            delay = max(self._delays(now, leaving))
            if delay <= 0:
                self._under_way += 1
            return delay

    def delay(self, now: float, *, leaving: tuple[int, int] = (0, 0)) -> float:
        """What `take` would give, without taking anything."""
        return max(self.delays(now, leaving=leaving))

    def delays(self, now: float, *, leaving: tuple[int, int] = (0, 0)) -> Delays:
        """The same for each window."""
        with self._lock:
            return self._delays(now, leaving)

    def answered(
        self,
        now: float,
        *,
        attempts: int = 1,
        limit: int | None = None,
        remaining: int | None = None,
    ) -> None:
        """A request that had a slot has ended.

        Args:
            attempts: how often it was sent.
            limit, remaining: the hour's, as the answer's headers gave them.
        """
        with self._lock:
            self._under_way -= 1
            self._answered.extend([now] * attempts)
            if limit and remaining is not None:
                ours = len(self._answered) + self._under_way
                self._known = self._known.told(now, limit, remaining, ours)

    def refused(self, now: float, seconds: float) -> None:
        """A request was refused for so long: another one would be, too."""
        with self._lock:
            self._known = self._known.refused(now, seconds)

    def usage(self, now: float) -> list[Usage]:
        """Both windows, the minute first."""
        with self._lock:
            delays, known = self._delays(now, (0, 0)), self._known
            minute = sum(t > now - MINUTE_SECONDS - MARGIN_SECONDS for t in self._answered)
            hour = len(self._answered) + known.others
            return [
                Usage("minute", MINUTE_REQUESTS, minute + self._under_way, delays.minute),
                Usage("hour", known.hour_requests, hour + self._under_way, delays.hour),
            ]

    def _delays(self, now: float, leaving: tuple[int, int]) -> Delays:
        while self._answered and self._answered[0] <= now - HOUR_SECONDS - MARGIN_SECONDS:
            self._answered.popleft()
        self._known = self._known.at(now)

        def delay(window: float, allowed: int) -> float:
            free = allowed - self._under_way
            if free <= 0:
                return LOOK_AGAIN_SECONDS if self._under_way else MINUTE_SECONDS
            if len(self._answered) < free:
                return 0.0
            # The oldest request that has to leave the window before one may come.
            return self._answered[-free] + window + MARGIN_SECONDS - now

        return self._known.delays(now, leaving, delay)
