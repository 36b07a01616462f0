"""Staying below the rate limit, instead of running into it.

DigitalOcean counts two sliding windows for each token: 250 requests in a
minute and 5,000 in an hour. Both are kept here, for all of the process that
uses the token.

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

MINUTE_SECONDS, MINUTE_REQUESTS = 60.0, 250
HOUR_SECONDS, HOUR_REQUESTS = 3600.0, 5000
# When every slot is taken by a request under way, its end is what frees one.
LOOK_AGAIN_SECONDS = 0.05
# A window ends this much later here, so that no rounding makes us a moment early.
MARGIN_SECONDS = 0.001


class Quota:
    """The two windows of one token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: deque[float] = deque()
        self._under_way = 0
        self._others, self._others_seen_at = 0, 0.0
        self._hour_requests = HOUR_REQUESTS
        self._refused_until = 0.0

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
            delay = self._longest_delay(now, leaving)
            if delay <= 0:
                self._under_way += 1
            return delay

    def delay(self, now: float, *, leaving: tuple[int, int] = (0, 0)) -> float:
        """What `take` would give, without taking anything."""
        with self._lock:
            return self._longest_delay(now, leaving)

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
                self._hour_requests = limit
                ours = len(self._answered) + self._under_way
                self._others = max(0, limit - remaining - ours)
                self._others_seen_at = now

    def refused(self, now: float, seconds: float) -> None:
        """A request was refused for so long: another one would be, too.

        That is believed for a minute; who was refused asks again himself.
        """
        with self._lock:
            until = now + min(seconds, MINUTE_SECONDS)
            self._refused_until = max(self._refused_until, until)

    def _longest_delay(self, now: float, leaving: tuple[int, int] = (0, 0)) -> float:
        while self._answered and self._answered[0] <= now - HOUR_SECONDS - MARGIN_SECONDS:
            self._answered.popleft()
        forgets_in = self._others_seen_at + MINUTE_SECONDS + MARGIN_SECONDS - now
        if forgets_in <= 0:
            self._others, self._hour_requests = 0, HOUR_REQUESTS
        hour = self._delay(now, HOUR_SECONDS, self._hour_requests - self._others - leaving[1])
        if hour > forgets_in > 0:
            # Nobody says when theirs expire: after a while, ask and see.
            ours = self._delay(now, HOUR_SECONDS, self._hour_requests - leaving[1])
            hour = max(ours, forgets_in)
        minute = self._delay(now, MINUTE_SECONDS, MINUTE_REQUESTS - leaving[0])
        return max(minute, hour, self._refused_until - now, 0.0)

    def _delay(self, now: float, window: float, allowed: int) -> float:
        """Seconds until fewer than ``allowed`` requests count in this window."""
        free = allowed - self._under_way
        if free <= 0:
            return LOOK_AGAIN_SECONDS if self._under_way else MINUTE_SECONDS
        if len(self._answered) < free:
            return 0.0
        # The oldest request that has to leave the window before one may come.
        return self._answered[-free] + window + MARGIN_SECONDS - now
