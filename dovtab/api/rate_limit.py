"""How long a 429 asks us to wait.

DigitalOcean counts two sliding windows for each token: 250 requests a minute
and 5,000 an hour. A 429 of the short one carries ``retry-after``; one of the
long one does not, and ``ratelimit-reset`` says when its oldest request
expires, which is when one slot frees. That time has been seen in the past, and
a wrong clock makes it meaningless, so it is only believed within an hour.

Pure: the clock is passed in.
Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Rate-Limit
"""

from __future__ import annotations

from collections.abc import Mapping

WINDOW_SECONDS = 3600.0
# Without a usable header: long enough for the short window to free a slot.
FALLBACK_SECONDS = 2.0
# With one that says now, or almost, and is refused again.
SHORTEST_SECONDS = 0.1


def rate_limit_delay(headers: Mapping[str, str], *, now: float, attempt: int) -> float:
    """Seconds to wait after a 429 before asking again.

    Args:
        headers: the answer's, with lower-case names.
        now: seconds since 1970.
        attempt: how often it was refused, from 1; the pause grows with it when
            the headers do not help, or say what turns out not to be so.

    >>> rate_limit_delay({"retry-after": "29"}, now=0, attempt=1)
    29.0
    >>> rate_limit_delay({"retry-after": "0"}, now=0, attempt=4)
    0.8
    >>> rate_limit_delay({"ratelimit-reset": "1010"}, now=1000, attempt=1)
    10.0
    >>> rate_limit_delay({"ratelimit-reset": "7"}, now=1000, attempt=2)
    4.0
    """
    retry_after = _seconds(headers.get("retry-after"))
    growth = 2.0 ** min(attempt - 1, 6)
    if retry_after is not None and retry_after >= 0:
        # Zero would be a busy loop against a server that already said no.
        return max(retry_after, SHORTEST_SECONDS * growth)
    reset = _seconds(headers.get("ratelimit-reset"))
    if reset is not None and 0 < reset - now <= WINDOW_SECONDS:
        return reset - now
    return float(FALLBACK_SECONDS * growth)


def _seconds(text: str | None) -> float | None:
    # The header's other form, an HTTP date, is not one the API documents.
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if abs(seconds) < 1e12 else None
