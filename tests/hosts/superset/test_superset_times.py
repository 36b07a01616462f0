"""What Superset writes of times, without Superset: run.py beside this has the rest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import apsw
import pytest

from dovtab.hosts.superset.times import literal

# Times as the API has them, of the day before a bound, of its day, and of the day after.
TEXTS = [
    f"2026-11-{day}T{time}Z"
    for day in (23, 24, 25)
    for time in ("00:00:00", "06:29:59", "06:30:00", "06:30:01", "23:59:59")
]


@pytest.mark.parametrize("bound", [datetime(2026, 11, 24), datetime(2026, 11, 24, 6, 30)])
def test_a_time_range_parts_the_api_s_times_where_it_should(bound: datetime) -> None:
    """With a space for the T, all of the bound's own day would be later than the bound."""
    db = apsw.Connection(":memory:")
    for text in TEXTS:
        at = datetime.fromisoformat(text).replace(tzinfo=None)
        found = db.execute(f"SELECT ?1 >= {literal(bound)}, ?1 < {literal(bound)}", (text,))
        assert found.fetchone() == (at >= bound, at < bound)
    db.close()


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 11, 24, 6, 30), "'2026-11-24T06:30:00Z'"),
        (datetime(2026, 11, 24, 6, 30, 0, 999_999), "'2026-11-24T06:30:00Z'"),
        (
            datetime(2026, 11, 24, 1, tzinfo=timezone(timedelta(hours=2))),
            "'2026-11-23T23:00:00Z'",
        ),
    ],
)
def test_a_moment_is_written_as_the_api_writes_it(moment: datetime, written: str) -> None:
    assert literal(moment) == written
