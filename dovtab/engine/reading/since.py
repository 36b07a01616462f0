"""Rows that started at or after a moment, in few requests.

A list that has the newest rows first need not be read any further than that moment.
No document promises that order, so it is looked at while pages come: reading ends at a
page that is wholly older, and only if no row until there was newer than one before it,
by more than `OUT_OF_ORDER_SECONDS`. Otherwise the list is read to its end.

Source: https://sqlite.org/lang_datefunc.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from dovtab.errors import ArgumentError

# Two actions of one second, or two clocks, are no disorder.
OUT_OF_ORDER_SECONDS = 3600.0
# As SQLite counts days.
_DAY_OF_1970 = 2440587.5
# So many times as many rows as have come are expected at most.
MOST_GROWTH = 4


def moment(text: str, now: float) -> float:
    """The seconds since 1970 that a text means, as SQLite's date functions take it.

    Args:
        text: a date or time, a number of days since -4713 or of seconds since 1970, or
            a modifier of now.

    Raises:
        ArgumentError: it is none.

    >>> [moment(text, 1_795_000_000) for text in ("2026-11-17", "-7 days", "1794873600")]
    [1794873600.0, 1794395200.0, 1794873600.0]
    """
    # Few questions need it, and the library is slow to import.
    import sqlite3
    from contextlib import closing

    if text.strip().lower() == "now":
        # SQLite would ask another clock.
        return round(now, 3)
    asked = (
        ("SELECT julianday(?)", (text,)),
        ("SELECT julianday(?, 'unixepoch')", (text,)),
        ("SELECT julianday(?, 'unixepoch', ?)", (now, text)),
    )
    with closing(sqlite3.connect(":memory:")) as connection:
        answers = [connection.execute(query, values).fetchone()[0] for query, values in asked]
    found = next((day for day in answers if day is not None), None)
    if answers[:2] == [None, None] and found is not None and _seconds_of(found) > now:
        raise ArgumentError(
            f"since {text[:60]!r} is in the future: what goes back has a minus sign, such as"
            " '-7 days'"
        )
    # Less is a number that lacks its unit, such as -7.
    if found is None or found < _DAY_OF_1970:
        raise ArgumentError(
            "since must be a time or a modifier as SQLite's date functions take it, such as"
            f" '2026-11-17', '2026-11-17T08:00:00Z' or '-7 days', not {text[:60]!r}"
        )
    return _seconds_of(found)


def _seconds_of(day: float) -> float:
    return round((float(day) - _DAY_OF_1970) * 86400, 3)


def seconds(time: object) -> float | None:
    """The seconds since 1970 of one of the API's times; None: it is none.

    >>> [seconds(t) for t in ("2026-11-17T00:00:00Z", None, "soon")]
    [1794873600.0, None, None]
    """
    try:
        found = datetime.fromisoformat(time if isinstance(time, str) else "")
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


class Since:
    """A list while it is read for what started at or after a moment.

    Attributes:
        is_over: there is nothing more to be found in it.
    """

    def __init__(self, moment: float) -> None:
        self.is_over = False
        self._moment = moment
        self._rows = 0
        self._in_order = True
        self._newest = self._oldest = float("inf")

    def take(self, times: Sequence[float | None]) -> list[bool]:
        """Which rows of the next page are wanted."""
        for time in times:
            self._note(time)
        older = self._moment - OUT_OF_ORDER_SECONDS
        is_older = all(time is not None and time < older for time in times)
        self.is_over = self._in_order and bool(times) and is_older
        return [time is not None and time >= self._moment for time in times]

    def expected(self, total: int) -> int:
        """How many rows of a list of so many have to be read, as far as is known by now.

        >>> since = Since(0.0)
        >>> _ = since.take([10.0, 9.0, 8.0])
        >>> since.expected(100)
        12
        """
        span, left = self._newest - self._oldest, self._oldest - self._moment
        if not (self._in_order and self._rows):
            return total
        if left < 0:
            return min(total, self._rows)
        more = left / span if 0 < span < float("inf") else MOST_GROWTH
        return min(total, round(self._rows * min(1 + more, MOST_GROWTH)))

    def _note(self, time: float | None) -> None:
        if time is None:
            self._in_order = False
            return
        if not self._rows:
            self._newest = self._oldest = time
        self._rows += 1
        self._in_order &= time <= self._oldest + OUT_OF_ORDER_SECONDS
        self._oldest = min(self._oldest, time)
