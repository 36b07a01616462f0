"""The bounds of a chart's time range, in the SQL that Superset writes.

``2026-11-24T06:30:00Z`` is understood by SQLite's date functions, and so by the time grains
that Superset has for SQLite. But it is compared as a text, and there a space is less than a
T: all of the day of a bound that is written with a space would be later than it.

Source: https://sqlite.org/lang_datefunc.html
"""

from __future__ import annotations

from datetime import UTC, datetime

from dovtab.hosts.dbapi.values import adapted


def literal(moment: datetime) -> str:
    """A moment as DigitalOcean writes it; one without a zone is in UTC, as Superset's are.

    >>> literal(datetime(2026, 11, 24))
    "'2026-11-24T00:00:00Z'"
    """
    zone = moment.tzinfo or UTC
    return f"'{adapted(moment.replace(microsecond=0, tzinfo=zone))}'"
