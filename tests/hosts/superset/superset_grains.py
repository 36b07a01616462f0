"""Run in Superset's Python: each of its time grains, and what Python makes of the same time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from superset.app import create_app

import dovtab.dbapi


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0)


def _every(**step: int) -> Callable[[datetime], datetime]:
    seconds = timedelta(**step).total_seconds()
    return lambda moment: datetime.fromtimestamp(
        moment.timestamp() // seconds * seconds, tz=UTC
    )


def _week(first: int) -> Callable[[datetime], datetime]:
    """The start of a week whose first day is this one, 0 for Monday."""
    return lambda moment: _day(moment) - timedelta(days=(moment.weekday() - first) % 7)


def _week_end(last: int) -> Callable[[datetime], datetime]:
    return lambda moment: _day(moment) + timedelta(days=(last - moment.weekday()) % 7)


def _quarter(moment: datetime) -> datetime:
    return _day(moment).replace(month=(moment.month - 1) // 3 * 3 + 1, day=1)


SUNDAY = 6
MEANS: dict[str, Callable[[datetime], datetime]] = {
    "PT1S": _every(seconds=1),
    "PT5S": _every(seconds=5),
    "PT30S": _every(seconds=30),
    "PT1M": _every(minutes=1),
    "PT5M": _every(minutes=5),
    "PT10M": _every(minutes=10),
    "PT15M": _every(minutes=15),
    "PT30M": _every(minutes=30),
    "PT0.5H": _every(minutes=30),
    "PT1H": _every(hours=1),
    "PT6H": _every(hours=6),
    "P1D": _day,
    # Superset's, for SQLite.
    "P1W": _week(SUNDAY),
    "1969-12-28T00:00:00Z/P1W": _week(SUNDAY),
    "1969-12-29T00:00:00Z/P1W": _week(0),
    "P1W/1970-01-03T00:00:00Z": _week_end(5),
    "P1W/1970-01-04T00:00:00Z": _week_end(SUNDAY),
    "P1M": lambda moment: _day(moment).replace(day=1),
    "P3M": _quarter,
    "P0.25Y": _quarter,
    "P1Y": lambda moment: _day(moment).replace(month=1, day=1),
}


def main() -> None:
    """Fail at the first that differs."""
    from dovtab.hosts.superset.spec import DovtabEngineSpec

    grains = DovtabEngineSpec.get_time_grain_expressions()
    assert grains.keys() - {None} == MEANS.keys(), grains.keys() ^ MEANS.keys()
    first = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [first + timedelta(hours=7 * n, seconds=3607 * n) for n in range(1200)]
    moments += [first + timedelta(days=n) for n in range(400)]
    connection = dovtab.dbapi.connect()
    for name, means in MEANS.items():
        sql = "SELECT " + grains[name].replace("{col}", "?1")
        for moment in moments:
            text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            (found,) = connection.execute(sql, (text,)).fetchone()
            expected = means(moment).strftime("%Y-%m-%d %H:%M:%S")
            assert found == expected, f"{name} of {text}: {found}, not {expected}"
    connection.close()


if __name__ == "__main__":
    with create_app().app_context():
        main()
