"""Reading ends early only where it cannot cost a row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.engine.reading.since import OUT_OF_ORDER_SECONDS, Since, moment, seconds
from dovtab.errors import ArgumentError

NOW = 1_795_000_000.0
DAY = 86_400.0


def read(since: Since, times: list[float | None], size: int) -> Iterator[list[float | None]]:
    """The wanted times of each page that is read."""
    for start in range(0, len(times), size):
        page = times[start : start + size]
        wanted = since.take(page)
        yield [time for time, is_wanted in zip(page, wanted, strict=True) if is_wanted]
        if since.is_over:
            return


ages = st.lists(st.floats(0, 30 * DAY).map(round), max_size=60)


@given(ages=ages, size=st.integers(1, 9), day=st.integers(-1, 31), shift=st.data())
def test_every_row_since_then_comes_and_hardly_more_is_read(
    ages: list[int], size: int, day: int, shift: st.DataObject
) -> None:
    """Newest first, but for what two clocks may be apart."""
    moment = NOW - day * DAY
    least = int(OUT_OF_ORDER_SECONDS)
    wobbled = [a + shift.draw(st.integers(0, least - 1)) for a in sorted(ages)]
    times: list[float | None] = [NOW - age for age in wobbled]
    pages = list(read(Since(moment), times, size))
    found = [time for page in pages for time in page]
    assert sorted(found) == sorted(t for t in times if t is not None and t >= moment)
    enough = sum(1 for t in times if t is not None and t >= moment - 2 * OUT_OF_ORDER_SECONDS)
    assert len(pages) <= -(-enough // size) + 1


@given(ages=ages, day=st.integers(0, 31), size=st.integers(1, 9), none_at=st.integers(0, 60))
def test_a_list_that_is_seen_to_be_in_no_order_is_read_to_its_end(
    ages: list[int], day: int, size: int, none_at: int
) -> None:
    """Oldest first, or with a row that has no time, on a page before the first that is older."""
    moment = NOW - day * DAY
    times: list[float | None] = [NOW - age for age in sorted(ages, reverse=True)]
    jumps = any((b or 0) - (a or 0) > OUT_OF_ORDER_SECONDS for a, b in pairwise(times[:size]))
    if not jumps and none_at < min(size, len(times)):
        times[none_at] = None
    elif not jumps:
        return
    found = [time for page in read(Since(moment), times, size) for time in page]
    assert sorted(t for t in found if t is not None) == sorted(
        t for t in times if t is not None and t >= moment
    )


@given(ages=ages, size=st.integers(1, 20), total=st.integers(0, 1000), day=st.integers(0, 31))
def test_no_more_is_expected_than_there_is_and_no_less_than_has_come(
    ages: list[int], size: int, total: int, day: int
) -> None:
    since = Since(NOW - day * DAY)
    since.take([NOW - age for age in sorted(ages)[:size]])
    rows = min(len(ages), size)
    assert min(total, rows) <= since.expected(total) <= total


def test_an_even_list_is_foreseen() -> None:
    """200 rows a day; since three days ago is 600, and the page that shows it is asked for last."""
    since = Since(NOW - 3 * DAY)
    since.take([NOW - n * DAY / 200 for n in range(200)])
    assert 598 <= since.expected(20_000) <= 606


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-17", datetime(2026, 11, 17, tzinfo=UTC)),
        ("2026-11-17 08:30", datetime(2026, 11, 17, 8, 30, tzinfo=UTC)),
        ("2026-11-17T08:00:00Z", datetime(2026, 11, 17, 8, tzinfo=UTC)),
        ("2026-11-17T08:00:00+02:00", datetime(2026, 11, 17, 6, tzinfo=UTC)),
        ("now", datetime.fromtimestamp(NOW, UTC)),
        ("-7 days", datetime.fromtimestamp(NOW - 7 * DAY, UTC)),
        ("start of day", datetime(2026, 11, 18, tzinfo=UTC)),
        ("1794873600", datetime(2026, 11, 17, tzinfo=UTC)),
        ("2461361.5", datetime(2026, 11, 17, tzinfo=UTC)),
    ],
)
def test_a_moment_is_said_as_to_sqlite(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected.timestamp()


@pytest.mark.parametrize("text", ["soon", "7 dogs", "2026-13-01", "-7", "x" * 500, "\0"])
def test_what_is_no_time_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(ArgumentError, match="since must be a time or a modifier") as caught:
        moment(text, NOW)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "text", ["2026-11-17T00:00:00Z", "2026-11-17T00:00:00+00:00", "2026-11-17"]
)
def test_a_time_of_the_api_is_read_whatever_its_form(text: str) -> None:
    assert seconds(text) == 1_794_873_600.0
