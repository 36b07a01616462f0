"""What an answer tells of the API's clock.

Pure. Source: https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats
"""

from __future__ import annotations

from datetime import UTC, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seconds_ahead(date: str | None, sent_at: float, now: float) -> float:
    """By how much the API's clock is ahead of ours, for certain: 0 if it may be right.

    It told the time, in whole seconds, somewhere between our question and now.

    Args:
        date: the header ``date``.

    >>> seconds_ahead("Thu, 01 Jan 1970 00:16:40 GMT", 900.0, 905.0)
    95.0
    >>> seconds_ahead("Thu, 01 Jan 1970 00:16:40 GMT", 1000.0, 1005.0)
    0.0
    >>> seconds_ahead("yesterday", 900.0, 905.0)
    0.0
    """
    try:
        moment = _seconds(date) if date else now
    except (ValueError, OverflowError):
        return 0.0
    return max(moment - now, min(0.0, moment + 1 - sent_at))


def _seconds(date: str) -> float:
    # The standard library's reader of dates brings all that it knows of e-mail.
    _, day, month, year, clock, zone = date.split()
    if zone != "GMT":
        raise ValueError(zone)
    hour, minute, second = map(int, clock.split(":"))
    number = _MONTHS.index(month) + 1
    return datetime(int(year), number, int(day), hour, minute, second, tzinfo=UTC).timestamp()
