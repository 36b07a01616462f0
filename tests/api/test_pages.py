"""A list is whole, or an error: against a server that shifts, caps, and miscounts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovtab.api.pages import Listing, Page
from dovtab.errors import AnswerError
from thoroughness import examples


def page(ids: list[int], total: int, *, has_next: bool = False) -> Page:
    return Page([[id] for id in ids], total, has_next)


def read(server: list[Page]) -> list[int]:
    listing, ids = Listing("GET /list"), []
    while listing.next_page is not None:
        ids += [row[0] for row in listing.take(server[listing.next_page - 1])]
    return ids


@settings(max_examples=examples(1000))
@given(
    count=st.integers(0, 40),
    per_page=st.integers(1, 12),
    cap=st.integers(1, 12),
    new=st.lists(st.integers(0, 3), max_size=60),
    miscount=st.sampled_from([0, 0, 0, 1, -1, 5, -5, 100]),
    links=st.sampled_from(["right", "right", "none", "always"]),
    ignores_page=st.booleans(),
)
def test_a_list_is_whole_or_an_error(
    count: int,
    per_page: int,
    cap: int,
    new: list[int],
    miscount: int,
    links: str,
    ignores_page: bool,
) -> None:
    """New rows arrive at the head while it is read; none of the old ones goes away."""
    if ignores_page:
        new = []  # Two faults at once: a new row would stand in for a missing one.
    rows = list(range(count, 0, -1))
    size = min(per_page, cap)
    listing, got, asked = Listing("GET /list"), [], 0
    try:
        while listing.next_page is not None:
            arriving = new[asked] if 0 < asked < len(new) else 0
            asked += 1
            rows = [*range(1000 + 10 * asked, 1000 + 10 * asked + arriving), *rows]
            start = 0 if ignores_page else (listing.next_page - 1) * size
            more = {"right": start + size < len(rows), "none": False, "always": True}[links]
            shown = page(
                rows[start : start + size], max(0, len(rows) + miscount), has_next=more
            )
            got += [row[0] for row in listing.take(shown)]
            assert asked < 500
    except AnswerError:
        assert miscount or links != "right" or ignores_page
    else:
        assert len(got) == len(set(got))
        assert set(range(1, count + 1)) <= set(got) or (miscount < 0 and links == "none")


def test_a_total_that_is_too_small_is_not_the_end() -> None:
    server = [page([6, 5], 3, has_next=True), page([4, 3], 3, has_next=True), page([2, 1], 3)]
    assert read([*server, page([], 3)]) == [6, 5, 4, 3, 2, 1]


def test_a_list_that_promises_more_than_it_gives_is_an_error() -> None:
    with pytest.raises(AnswerError, match="promised 5 rows and gave 4"):
        read([page([4, 3], 5, has_next=True), page([2, 1], 5), page([], 5)])


def test_a_row_that_fell_between_two_pages_is_found_when_they_are_read_again() -> None:
    """Page 2 was answered before a new row came, page 1 after it."""
    listing = Listing("GET /list")
    assert listing.take(page([4, 3], 4, has_next=True)) == [[4], [3]]
    assert listing.take(page([1], 4)) == [[1]]
    assert listing.take(page([], 4)) == []
    assert (listing.next_page, listing.again) == (1, True)
    assert listing.take(page([5, 4], 5, has_next=True)) == [[5]]
    assert listing.take(page([3, 2], 5, has_next=True)) == [[2]]
    assert listing.take(page([1], 5)) == []
    assert listing.next_page is None


def test_a_page_that_comes_again_and_again_is_an_error_whatever_the_total() -> None:
    """Two are enough: for old rows alone, as many new ones would have had to arrive."""
    same = page([4, 3], 10**9, has_next=True)
    listing = Listing("GET /list")
    listing.take(same)
    with pytest.raises(AnswerError, match="the pages repeat each other"):
        listing.take(same)


def test_a_list_without_an_end_is_an_error_in_a_few_pages() -> None:
    server = [page([n * 200 + i for i in range(200)], 10, has_next=True) for n in range(10)]
    with pytest.raises(AnswerError, match="promised 10 rows, gave 600, and goes on"):
        read(server)


def test_an_honest_list_takes_no_more_requests_than_its_pages() -> None:
    for count in (0, 1, 199, 200, 201, 400, 401):
        ids = list(range(count, 0, -1))
        pages = [ids[start : start + 200] for start in range(0, count, 200)] or [[]]
        server = [
            page(rows, count, has_next=n < len(pages)) for n, rows in enumerate(pages, start=1)
        ]
        assert read(server) == ids


def test_starting_again_in_larger_pages_repeats_nothing() -> None:
    listing = Listing("GET /list")
    assert len(listing.take(page([9, 8], 5, has_next=True))) == 2
    listing.restart()
    assert listing.next_page == 1
    assert [row[0] for row in listing.take(page([9, 8, 7, 6, 5], 5))] == [7, 6, 5]
    assert listing.next_page is None
