"""When to ask again whether an action has ended, and what its answers come to.

Polls come a second apart at first and fifteen in the end, each a little earlier
or later than the last would have it, so that many who wait do not ask at once.

Pure: the caller asks, waits and draws the jitter.
Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_get
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dovtab.engine.reading.rows import Object
from dovtab.errors import APIError, DovtabError, NetworkError

FIRST_PAUSE, PAUSE_GROWTH, LONGEST_PAUSE = 1.0, 1.5, 15.0
# An action that was just made has been seen to answer 404 for a moment.
UNSEEN_SECONDS = 5.0
# So many polls may fail one after the other; a refusal of the rate limit is none.
MOST_FAILURES = 4


@dataclass(frozen=True, slots=True)
class End:
    """What the polls of an action have come to.

    Attributes:
        action: as it was when it had ended.
        error: what failed; or, of a timeout, what failed last.
    """

    kind: Literal["ended", "timeout", "missing", "failed"]
    action: Object | None = None
    error: DovtabError | None = None


class Polling:
    """The polls of one action.

    Args:
        seconds: after which it is over, ended or not.
        has_ended: whether an action as it was answered will not change any more.
        most_failures: so many in a row are the end.
    """

    def __init__(
        self,
        seconds: float,
        has_ended: Callable[[Object], bool],
        most_failures: float = MOST_FAILURES,
    ) -> None:
        self._seconds = seconds
        self._has_ended = has_ended
        self._most_failures = most_failures
        self._pause = FIRST_PAUSE
        self._seen = False
        self._failures = 0

    def take(
        self, answer: Object | DovtabError | None, waited: float, jitter: float
    ) -> float | End:
        """Seconds to wait before the next poll, or the end.

        Args:
            answer: the action; None: there is none; or what kept the answer away.
            waited: seconds since the first poll began.
            jitter: a number in [0, 1).
        """
        failed = answer if isinstance(answer, DovtabError) else None
        action = answer if isinstance(answer, dict) else None
        if action is not None and self._has_ended(action):
            return End("ended", action)
        if failed is not None:
            self._failures += not is_rate_limit(failed)
            if not _may_pass(failed) or self._failures >= self._most_failures:
                return End("failed", error=failed)
        else:
            self._failures = 0
        self._seen = self._seen or action is not None
        is_missing = answer is None and not self._seen
        if is_missing and waited >= min(UNSEEN_SECONDS, self._seconds):
            return End("missing")
        if waited >= self._seconds:
            return End("timeout", error=failed)
        pause, self._pause = self._pause, min(LONGEST_PAUSE, self._pause * PAUSE_GROWTH)
        return min(pause * (0.75 + jitter / 2), self._seconds - waited)


def is_rate_limit(error: DovtabError) -> bool:
    """Whether the API has only refused to be asked so often."""
    return isinstance(error, APIError) and error.status == 429


def _may_pass(error: DovtabError) -> bool:
    """Whether the next poll may go better."""
    if isinstance(error, APIError):
        return error.status == 429 or error.status >= 500
    return isinstance(error, NetworkError)
