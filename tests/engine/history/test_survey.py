"""Whatever a list is like, a survey that says it is whole has seen all of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.pages import Page
from dovtab.engine.history.gone import GoneSearch
from dovtab.engine.history.survey import FEW, Survey, pages_of
from dovtab.resources import Row

PER_PAGE = 4


class List:
    """A list of ids in some order, in which actions come and go."""

    def __init__(self, ids: Iterable[int], order: str) -> None:
        self.ids = set(ids)
        self.order = order
        self.requests: list[int] = []
        self.taken: list[int] = []
        self.searched: list[int] = []

    def page(self, number: int) -> Page[Row]:
        self.requests.append(number)
        key: dict[str, Callable[[int], int]] = {
            "newest first": lambda id: -id,
            "oldest first": lambda id: id,
            "in no order": lambda id: id * 2654435761 % 2**32,
        }
        rows = sorted(self.ids, key=key[self.order])
        end = number * PER_PAGE
        page: list[Row] = [(id,) for id in rows[end - PER_PAGE : end]]
        return Page(page, len(rows), end < len(rows))

    def grow(self) -> None:
        self.ids.add(max(self.ids, default=0) + 1)


def survey_of(
    known: Iterable[int], listed: List, chance: random.Random | None = None, full: bool = False
) -> Survey:
    """Let a survey read, pages of a round being answered in any order, and the list grow."""
    survey = Survey(frozenset(known), full=full, per_page=PER_PAGE)
    read(survey, listed, chance)
    if survey.has_gone:
        search = GoneSearch(survey.listed, survey.total, PER_PAGE)
        while (number := search.next_page) is not None:
            assert len(listed.requests) < 500
            search.take(number, listed.page(number))
            listed.searched.append(number)
        survey.forget(search.found)
        if search.gave_up:
            survey.distrust()
        read(survey, listed, chance)
    return survey


def read(survey: Survey, listed: List, chance: random.Random | None) -> None:
    while numbers := survey.next_pages():
        assert len(listed.requests) < 500
        moments = list(numbers)
        if chance is not None:
            chance.shuffle(moments)
        answers = {}
        for number in moments:
            if chance is not None and chance.random() < 0.1:
                listed.grow()
            answers[number] = listed.page(number)
        for number in numbers:
            survey.take(number, answers[number])
            listed.taken.append(number)
            if survey.is_whole or survey.has_gone:
                break


ORDERS = st.sampled_from(["newest first", "oldest first", "in no order"])
IDS = st.frozensets(st.integers(1, 60), max_size=40)


@given(IDS, st.randoms(use_true_random=False), ORDERS, st.booleans(), st.booleans())
def test_a_survey_that_is_whole_has_seen_all(
    ids: frozenset[int], chance: random.Random, order: str, grows: bool, full: bool
) -> None:
    known = {id for id in ids if chance.random() < 0.6}
    listed = List(ids, order)
    survey = survey_of(known, listed, chance if grows else None, full)
    if survey.is_whole:
        seen = survey.found if full else known | survey.found
        # What came last is in the list of the next run.
        assert {id for id in listed.ids if id <= survey.total} <= seen or grows
        assert len(seen) == survey.total
        assert seen <= listed.ids
        assert survey.gone == set()
    else:
        assert grows


@given(IDS, st.randoms(use_true_random=False), ORDERS)
def test_a_list_that_stands_still_is_read_once(
    ids: frozenset[int], chance: random.Random, order: str
) -> None:
    known = {id for id in ids if chance.random() < 0.6}
    listed = List(ids, order)
    survey = survey_of(known, listed)
    assert survey.is_whole
    assert len(listed.requests) == len(set(listed.requests))
    assert known | survey.found == listed.ids


@given(IDS, IDS, st.randoms(use_true_random=False), ORDERS)
def test_what_is_gone_is_found_out_unless_as_much_is_missing(
    ids: frozenset[int], others: frozenset[int], chance: random.Random, order: str
) -> None:
    """As many gone as missing: their number tells of neither, and --full does."""
    known = {id for id in ids if chance.random() < 0.7} | others
    listed = List(ids, order)
    survey = survey_of(known, listed)
    assert survey.is_whole
    seen = (known | survey.found) - survey.gone
    lost = listed.ids - seen
    assert len(lost) == len(seen - listed.ids)
    full = survey_of(known, List(ids, order), full=True)
    assert full.found == ids
    assert full.gone == known - ids


def newest(count: int) -> List:
    return List(range(1, count + 1), "newest first")


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (range(1, 41), [1]),
        (range(1, 38), [1]),
        (range(1, 30), [1, 2, 3]),
        ([], list(range(1, 11))),
        # Interrupted after half of it, and then some that are new.
        (range(21, 41), [1, 6, 7, 8, 9, 10]),
        (range(21, 39), [1, 6, 7, 8, 9, 10]),
        # In the midst somebody has deleted some: there only a look at all of it helps.
        ([id for id in range(1, 41) if id not in (14, 15)], [1, 10, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_few_pages_are_read_of_a_list_that_is_newest_first(
    known: Iterable[int], asked: list[int]
) -> None:
    listed = newest(40)
    survey = survey_of(known, listed)
    assert survey.is_whole
    assert listed.taken == asked


def test_many_that_are_new_do_not_lead_far_into_what_is_known() -> None:
    """80 that are new, 1,000 that are known, and 720 that an interrupted run has left."""
    listed = newest(1800)
    survey = survey_of(range(721, 1721), listed)
    assert survey.is_whole
    lacking = 20 + 180
    assert len(listed.taken) <= lacking + 2 * FEW


def test_what_was_taken_for_gone_and_is_found_counts_again() -> None:
    listed = newest(4)
    survey = Survey(frozenset(range(1, 6)), per_page=PER_PAGE)
    survey.forget({1})
    survey.take(1, listed.page(1))
    assert survey.has_gone
    survey.forget({5})
    assert survey.is_whole
    assert survey.gone == {5}


def test_what_moved_between_two_pages_is_in_the_lower_one() -> None:
    listed = newest(11)
    survey = Survey(frozenset(), per_page=PER_PAGE)
    survey.take(1, listed.page(1))
    assert survey.next_pages() == range(2, 4)
    third = listed.page(3)
    listed.grow()
    survey.take(2, listed.page(2))
    survey.take(3, third)
    assert not survey.is_whole
    # What is new first; what has moved from the second page is on the third.
    assert survey.next_pages() == range(1, 2)
    survey.take(1, listed.page(1))
    assert survey.next_pages() == range(3, 4)
    survey.take(3, listed.page(3))
    assert survey.is_whole
    assert survey.found == listed.ids


def test_a_list_that_grows_all_the_time_without_having_more_ends() -> None:
    survey = Survey(frozenset(), per_page=PER_PAGE)
    total, rounds = 40, 0
    while numbers := survey.next_pages():
        rounds += 1
        assert rounds < 200
        for number in numbers:
            total += 1
            survey.take(number, Page([(4,), (3,), (2,), (1,)], total, has_next=True))
    assert not survey.is_whole


@pytest.mark.parametrize(
    "page",
    [
        Page([(4,), (3,), (2,), (1,)], 4, has_next=True),
        Page([(4,), (3,)], 2**62, has_next=True),
        Page([], 1, has_next=False),
    ],
)
def test_an_answer_that_contradicts_itself_is_no_ground_to_go_on(page: Page[Row]) -> None:
    survey = Survey(frozenset(), per_page=PER_PAGE)
    survey.take(1, page)
    assert survey.next_pages() == range(0)
    assert not survey.is_whole
    survey.read_again([(4,), (3,)])
    survey.ended()
    assert survey.is_whole


@pytest.mark.parametrize(
    ("gone", "searched"),
    [
        # The oldest, the newest, some in the midst, and all over.
        ([1], [10]),
        ([1, 2, 3, 4, 5], [9]),
        ([40], [10, 5, 2, 1]),
        ([20], [10, 5, 7, 6]),
        ([20, 19, 18], [10, 5, 7, 6]),
        ([40, 1], [10, 5, 2, 1, 10]),
        (range(5, 37), [2, 1]),
        (range(1, 41), []),
    ],
)
def test_what_is_gone_of_a_list_that_is_newest_first_is_found_by_halving(
    gone: Iterable[int], searched: list[int]
) -> None:
    ids = set(range(1, 41))
    listed = List(ids - set(gone), "newest first")
    survey = survey_of(ids, listed)
    assert survey.is_whole
    assert survey.gone == set(gone)
    assert survey.listed == listed.ids
    assert listed.searched == searched
    assert listed.taken == [1]


@given(IDS, IDS, st.randoms(use_true_random=False))
def test_halving_finds_what_is_gone_of_any_list(
    ids: frozenset[int], gone: frozenset[int], chance: random.Random
) -> None:
    listed = List(ids - gone, "newest first")
    survey = survey_of(ids | gone, listed)
    assert survey.gone == gone
    assert listed.taken == [1]
    assert len(listed.searched) <= 5 * len(gone)


def test_a_list_that_grows_during_the_search_moves_what_is_looked_for() -> None:
    listed = newest(40)
    listed.ids -= {17}
    search = GoneSearch(range(1, 41), 39, PER_PAGE)
    while (number := search.next_page) is not None:
        search.take(number, listed.page(number))
        listed.grow()
    assert not search.gave_up
    assert search.found == {17}


def test_an_order_that_is_none_ends_the_search() -> None:
    listed = List(range(1, 40), "in no order")
    search = GoneSearch(range(1, 41), 39, PER_PAGE)
    number = search.next_page
    assert number == 10
    search.take(number, listed.page(number))
    assert search.gave_up
    assert search.next_page is None


@pytest.mark.parametrize(
    "page",
    [
        Page([(3,), (2,), (1,)], 39, has_next=True),
        Page([(3,), (2,)], 39, has_next=False),
        Page([(3,), (2,), (99,)], 39, has_next=False),
        Page([(2,), (3,), (1,)], 39, has_next=False),
        Page([], 39, has_next=False),
    ],
)
def test_a_page_that_does_not_fit_ends_the_search(page: Page[Row]) -> None:
    search = GoneSearch(range(1, 41), 39, PER_PAGE)
    search.take(10, page)
    assert search.gave_up


def test_pages_are_worth_it_where_two_can_be_found() -> None:
    seen = range(1, 1001)
    assert pages_of([], seen) == []
    assert pages_of([5], seen) == []
    assert pages_of([1000, 999, 5], seen) == [1]
    assert pages_of([1000, 5, 4], seen) == [5]
    assert pages_of([2000, 2001, 5], seen) == []
