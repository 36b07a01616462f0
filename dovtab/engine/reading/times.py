"""What one of the API's times can be compared with.

A time is text, ``2026-11-24T10:00:00Z``, and texts are compared letter by letter. Those
that are written so, or are the beginning of one, such as a date, are in the order of the
moments that they mean; others are not: ``datetime('now')`` has a blank in place of the T,
and comes before all the times of its own day. A comparison with one of those would give
wrong rows without a word, and is an error. What is no time at all is compared as it stands.

A beginning comes before all that begins so, and a time with a fraction before its own
second: the API's times have none, so nobody knows which of the two was first.

Pure. Sources: https://sqlite.org/lang_datefunc.html#time_values
https://www.rfc-editor.org/rfc/rfc3339#section-5.6
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dovtab.engine.reading.values import SqlValue
from dovtab.errors import ArgumentError
from dovtab.resources import Table

_FORM = "0000-00-00T00:00:00Z"
_DIGITS = str.maketrans("123456789", "0" * 9)
_FRACTION = re.compile(r"(?<=T[0-9]{2}:[0-9]{2}:[0-9]{2})\.[0-9]+")
# Each ends with a whole number: 2026-11-2 would be the twenties. And one that lacks but its
# zone is no beginning: whoever writes a second means that one.
_COMPARABLE = frozenset(
    _FORM[:n] for n in range(1, len(_FORM) + 1) if _FORM[n - 1 : n + 1] not in ("00", "0Z")
)
# Which SQLite makes of no pattern that anything matches.
_SURELY_WRONG = re.compile(r"\s*\d{4}-\d\d-\d\d \d\d:\d\d", re.ASCII)
# A number, a date or time in any other form, a modifier such as -7 days: SQLite's date
# functions and `since` take them.
_MEANS_TIME = re.compile(r"\s*([+-]?\.?\d|now\s*$)", re.ASCII | re.IGNORECASE)


def is_comparable(value: SqlValue) -> bool:
    """Whether the API's times are before and after this as the moments are, or it is none.

    A number never is: beside a column of numbers it comes before every text, and made a text,
    as it is elsewhere, it is in no order with dates.

    >>> [is_comparable(t) for t in ("2026-11-24T10:00:00Z", "2026-11-24", None, "soon")]
    [True, True, True, True]
    >>> [is_comparable(t) for t in ("2026-11-24 10:00:00", "2026-11-24T10:00:00+02:00", 2026)]
    [False, False, False]
    """
    if isinstance(value, str):
        form = _FRACTION.sub("", value).translate(_DIGITS)
        return form in _COMPARABLE or not _MEANS_TIME.match(value)
    return value is None


def check_comparable(
    table: Table, column: str, values: Iterable[SqlValue], *, beside_pattern: bool = False
) -> None:
    """Look at what a column that holds a time is compared with.

    Args:
        values: more than one for an IN.
        beside_pattern: SQLite may have made them of what LIKE or GLOB looks for.

    Raises:
        ArgumentError: the rows would be wrong ones.
    """
    if beside_pattern:
        values = [v for v in values if not isinstance(v, str) or _SURELY_WRONG.match(v)]
    wrong = sorted(_shown(one) for one in values if not is_comparable(one))
    if wrong:
        since, of_since = table.reads.since or ("", "")
        shorter = f", or {since} = '-12 hours'" if column == of_since else ""
        raise ArgumentError(
            f"{column} is text such as 2026-11-24T10:00:00Z, and {wrong[0]} does not compare"
            f" with it: write strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-12 hours'){shorter}"
        )


def _shown(value: SqlValue) -> str:
    if isinstance(value, bytes):
        return "a blob"
    return repr(value[:60] if isinstance(value, str) else value)
