"""When a failed request may go again, and after how long.

The one rule: a request that may have run is repeated only if running it twice
is harmless. The API has no idempotency key, so a POST goes again only when it
certainly did not run: after a 429, or when it never left this machine.

Pure: the caller draws the jitter and does the waiting.
Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Rate-Limit
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Failure(Enum):
    """What went wrong with one attempt."""

    NOT_SENT = "the connection was never made"
    LOST = "it was sent, and no whole answer came back"
    SERVER = "500, 502, 503 or 504"


REPEATABLE_STATUSES = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most ``attempts`` in all; pauses of ``base`` x 2, 4, ... up to ``cap`` seconds."""

    attempts: int = 4
    base: float = 0.5
    cap: float = 8.0


def retry_delay(
    policy: RetryPolicy, attempt: int, failure: Failure, *, repeatable: bool, jitter: float
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up.

    Half of the pause is drawn at random, so that clients which failed together
    do not come back together: ``min(cap, base * 2**(attempt-1)) * (1 + jitter) / 2``.

    Args:
        attempt: the attempt that just failed, from 1.
        repeatable: whether running the request twice is harmless (a GET).
        jitter: a number in [0, 1), drawn by the caller.

    >>> retry_delay(RetryPolicy(), 1, Failure.SERVER, repeatable=True, jitter=0.5)
    0.375
    >>> retry_delay(RetryPolicy(), 1, Failure.SERVER, repeatable=False, jitter=0) is None
    True
    >>> retry_delay(RetryPolicy(), 1, Failure.NOT_SENT, repeatable=False, jitter=0)
    0.25
    """
    if attempt >= policy.attempts:
        return None
    if not repeatable and failure is not Failure.NOT_SENT:
        return None
    pause = min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 16))
    return pause * (1 + jitter) / 2
