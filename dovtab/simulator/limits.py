"""The two rate limits of a token: an hour's and, against bursts, a minute's.

Both windows slide: a request counts for exactly an hour, or a minute, after it
was made. Only the burst's refusal says ``retry-after``; the hour's has to be
told from its lack.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Rate-Limit
"""

from __future__ import annotations

import math
from collections import deque

from dovtab.simulator.answers import Refused
from dovtab.simulator.rules import Rules

HOUR = 3600.0
MINUTE = 60.0
_DOCUMENTED_LIMIT = 5000


class RateLimit:
    """The requests of one token that still count."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._hour: deque[float] = deque()
        self._minute: deque[float] = deque()

    def count(self, now: float) -> None:
        """Let a request in and count it.

        Raises:
            Refused: with 429, and ``retry-after`` if the minute's limit refused.
        """
        self._forget(now)
        rules = self._rules
        hour_full = rules.hour_limit is not None and len(self._hour) >= rules.hour_limit
        minute_full = rules.minute_limit is not None and len(self._minute) >= rules.minute_limit
        if not (hour_full or minute_full) or rules.refused_requests_count:
            self._hour.append(now)
            self._minute.append(now)
        if hour_full:
            raise Refused(429, headers={"ratelimit-remaining": "0"})
        if minute_full:
            oldest = self._minute[0] if self._minute else now
            retry_after = max(1, math.ceil(oldest + MINUTE - now))
            headers = {"ratelimit-remaining": "0", "retry-after": str(retry_after)}
            raise Refused(429, headers=headers)

    def headers(self, now: float) -> dict[str, str]:
        """The state of the hour's window, as every answer tells it."""
        self._forget(now)
        limit = self._rules.hour_limit
        stated = _DOCUMENTED_LIMIT if limit is None else limit
        remaining = max(0 if limit is not None else 1, stated - len(self._hour))
        reset = (self._hour[0] if self._hour else now) + HOUR
        if self._rules.reset_in_past:
            reset = now - MINUTE
        return {
            "ratelimit-limit": str(stated),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(int(reset)),
        }

    def _forget(self, now: float) -> None:
        for window, seconds in ((self._hour, HOUR), (self._minute, MINUTE)):
            while window and window[0] <= now - seconds:
                window.popleft()
