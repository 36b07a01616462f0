"""Answers become rows, with nothing lost and nothing invented."""

from __future__ import annotations

from typing import Any

import pytest

from dovtab.api.exchange import Request
from dovtab.api.pages import Page
from dovtab.engine.reading.rows import read_rows
from dovtab.errors import AnswerError
from memory_account import RESOURCE, action

LIST = Request(RESOURCE.reads.list, {"droplet_id": 1}, {"page": 1, "per_page": 200})


@pytest.mark.parametrize(
    "answer",
    [
        {"actions": [], "meta": {"total": 0}},
        {"actions": [], "meta": {"total": 0}, "links": None},
        {"actions": [], "meta": {"total": 0}, "links": {"pages": None}},
        {"actions": [], "meta": {"total": 0}, "links": {"pages": {}}},
    ],
)
def test_a_single_page_may_have_any_kind_of_links(answer: dict[str, object]) -> None:
    assert read_rows(RESOURCE, LIST, answer) == Page([], 0, False)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        {"actions": None, "meta": {"total": 0}},
        {"actions": {}, "meta": {"total": 0}},
        {"actions": [{}], "meta": {"total": 1}},
        {"actions": [{"id": True}], "meta": {"total": 1}},
        {"actions": [{"id": 2**63}], "meta": {"total": 1}},
        {"actions": [{"id": 0}], "meta": {"total": 1}},
        {"actions": []},
        {"actions": [], "meta": {"total": "0"}},
        {"actions": [], "meta": {"total": True}},
        {"actions": [], "meta": {"total": -1}},
        {"actions": [], "meta": {"total": 2**63}},
        {"actions": [], "meta": {"total": 0}, "links": []},
        {"actions": [], "meta": {"total": 0}, "links": {"pages": 1}},
    ],
)
def test_what_is_not_a_page_is_an_error(answer: object) -> None:
    with pytest.raises(AnswerError, match=r"^GET /v2/droplets/1/actions"):
        read_rows(RESOURCE, LIST, answer)


def listed(**more: Any) -> tuple[Any, ...]:
    answer = {"actions": [action(5, 1, **more)], "meta": {"total": 1}}
    return read_rows(RESOURCE, LIST, answer).rows[0]


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (None, None),
        ("nyc1", '"nyc1"'),
        (
            {"slug": "fra1", "name": "Frank\u00adfurt"},
            '{"slug":"fra1","name":"Frank\u00adfurt"}',
        ),
        ([1, 2.5, True], "[1,2.5,true]"),
    ],
)
def test_a_region_is_json_text(region: Any, text: str | None) -> None:
    assert listed(region=region)[3] == text


def test_what_is_almost_equal_stays_different() -> None:
    regions = [{"available": True}, {"available": 1}, {"available": 1.0}]
    items = [action(n + 1, 1, region=region) for n, region in enumerate(regions)]
    page = read_rows(RESOURCE, LIST, {"actions": items, "meta": {"total": 3}})
    assert [row[3] for row in page.rows] == [
        '{"available":true}',
        '{"available":1}',
        '{"available":1.0}',
    ]


def test_a_region_without_a_bottom_is_an_error() -> None:
    region: list[Any] = []
    for _ in range(300):
        region = [region]
    with pytest.raises(AnswerError, match=r"actions.*: region is nested too deeply$"):
        listed(region=region)


def test_what_the_api_leaves_out_is_null() -> None:
    answer = {"actions": [{"id": 5}], "meta": {"total": 1}}
    assert read_rows(RESOURCE, LIST, answer).rows == [(5, *[None] * 8)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("resource_id", "1", "resource_id is a str, where the API documents an integer"),
        ("resource_id", 1.0, "resource_id is a float"),
        ("resource_id", True, "resource_id is a bool"),
        ("resource_id", 2**63, "resource_id is larger than 64 bits"),
        ("resource_id", -(2**63) - 1, "resource_id is larger than 64 bits"),
        ("status", 1, "status is a int, where the API documents a text"),
        ("type", ["reboot"], "type is a list"),
        ("started_at", {}, "started_at is a dict"),
    ],
)
def test_a_value_of_another_kind_is_an_error(name: str, value: Any, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        listed(**{name: value})


def test_one_wrong_row_among_right_ones_is_an_error() -> None:
    items = [action(n, 1) for n in range(1, 200)] + [action(200, 1, status=5)]
    with pytest.raises(AnswerError, match="status is a int"):
        read_rows(RESOURCE, LIST, {"actions": items, "meta": {"total": 200}})
