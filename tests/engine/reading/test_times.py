"""What a time may be compared with, and what is said of the rest."""

from __future__ import annotations

import pytest

from dovtab.engine.reading.times import check_comparable, is_comparable
from dovtab.engine.reading.values import SqlValue
from dovtab.errors import ArgumentError
from dovtab.resources import DROPLET_ACTIONS, DROPLETS, Table

TIME = "2026-11-24T10:00:00Z"
# Where a number ends, but for a second that lacks its zone.
ENDS = (4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 20)


def test_a_time_of_the_api_s_and_its_beginnings_compare() -> None:
    assert [n for n in range(1, len(TIME) + 1) if is_comparable(TIME[:n])] == list(ENDS)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24T10:00:00.5Z",  # What dovtab_posts has, and JavaScript's toISOString().
        None,
        "",
        "soon",
        "~",
        "nowhere",
        "%2026%",
    ],
)
def test_it_compares_or_is_no_time(value: SqlValue) -> None:
    assert is_comparable(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24 10:00:00",
        "2026-11-24 10:00",
        "2026-11-24 10:00:00.123",
        "2026-11-24 10:00:00Z",
        "2026-11-24  10:00",
        "2026-11-24 ",
        " 2026-11-24",
        "2026-11-24T10:00:00+02:00",
        "2026-11-24T10:00:00+00:00",
        "2026-11-24T10:00:00.5+00:00",
        "2026-11-24T10:00:00-05",
        "2026-11-24t10:00:00Z",
        "2026-11-24T10:00:00z",
        "2026-11-24T10:00:00Z\n",
        "2026-11-2",
        "2026-1-24",
        "2026/11/24",
        "20261124T100000Z",
        "24.11.2026",
        "10:00:00",
        "1795000000",
        "-7 days",
        "+1 day",
        " now",
        1795000000,
        2461000.5,
        2026,
        0,
        float("inf"),
        b"2026-11-24",
    ],
)
def test_it_does_not_compare(value: SqlValue) -> None:
    assert not is_comparable(value)


@pytest.mark.parametrize(
    ("table", "column", "values", "shown", "shorter"),
    [
        (DROPLET_ACTIONS, "started_at", ["2026-11-24 10:00"], "'2026-11-24 10:00'", True),
        (DROPLET_ACTIONS, "completed_at", ["soon", "2026", 7, None], "7", False),
        (DROPLETS, "created_at", [b"2026"], "a blob", False),
    ],
)
def test_it_says_what_is_compared_and_what_to_write(
    table: Table, column: str, values: list[SqlValue], shown: str, shorter: bool
) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_comparable(table, column, values)
    assert str(caught.value) == (
        f"{column} is text such as 2026-11-24T10:00:00Z, and {shown} does not compare with it:"
        " write strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-12 hours')"
        + (", or since = '-12 hours'" if shorter else "")
    )


def test_it_says_so_in_one_line_that_is_not_long() -> None:
    with pytest.raises(ArgumentError) as caught:
        check_comparable(DROPLETS, "created_at", ["2026-11-24\n" * 1000])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_time_may_be_compared_with_any_other_of_the_same_rows() -> None:
    assert DROPLET_ACTIONS.times == ("completed_at", "started_at")
    assert DROPLETS.times == ("created_at",)
    check_comparable(DROPLET_ACTIONS, "started_at", {TIME, None})
