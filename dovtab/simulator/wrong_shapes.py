"""Answers that are JSON, and yet not what the API promises.

Each is a name that a Fault can have. They change lists and single actions;
an error answer, which has neither, passes through.

Source: older samples of the API (a region was a string until 2015), and what
a client should never have to trust.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from dovtab.simulator.catalogue import JsonObject
from dovtab.simulator.pages import whole_number
from dovtab.simulator.wire import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """The request behind an answer, and a way to see another page of its list."""

    request: Request
    ask: Callable[[Request], Any]

    @property
    def page(self) -> int:
        return whole_number(self.request.query.get("page", "")) or 1

    def at(self, page: int) -> Request:
        query = {**self.request.query, "page": str(page)}
        return replace(self.request, target=f"{self.request.path}?{urlencode(query)}")


Reshape = Callable[[Any, Asked], Any]
_MEMBERS = ("actions", "action", "droplets", "droplet")


def _members(change: Callable[[JsonObject, str], object]) -> Reshape:
    """Change the member that holds what was asked for."""

    def reshape(content: Any, asked: Asked) -> Any:
        for name in _MEMBERS:
            if name in content:
                change(content, name)
        return content

    return reshape


def _rows(change: Callable[[JsonObject], object]) -> Reshape:
    """Change every action or Droplet in the answer."""

    def change_member(content: JsonObject, name: str) -> None:
        rows = content[name] if isinstance(content[name], list) else [content[name]]
        for row in rows:
            change(row)

    return _members(change_member)


def _total(total: Callable[[int], int]) -> Reshape:
    def reshape(content: Any, asked: Asked) -> Any:
        if "meta" in content:
            content["meta"]["total"] = total(content["meta"]["total"])
        return content

    return reshape


def _without_total(content: Any, asked: Asked) -> Any:
    if "meta" in content:
        content["meta"] = {}
    return content


def _links_null(content: Any, asked: Asked) -> Any:
    if "meta" in content:
        content["links"] = None
    return content


def _duplicate_rows(content: Any, asked: Asked) -> Any:
    """From page 2 on, the rows are those of the page before."""
    if "meta" in content and asked.page > 1:
        before = asked.ask(asked.at(asked.page - 1))
        content.update({name: before[name] for name in _MEMBERS if name in before})
    return content


def _next_loop(content: Any, asked: Asked) -> Any:
    """There is always a next page; past the end, it is the last page again."""
    if "meta" not in content:
        return content
    page = asked.page
    name = next(name for name in _MEMBERS if name in content)
    while page > 1 and not content[name]:
        page -= 1
        content[name] = asked.ask(asked.at(page))[name]
    host = asked.request.headers.get("host", "localhost")
    pages = (content.get("links") or {}).get("pages") or {}
    next_page = f"http://{host}{asked.at(asked.page + 1).target}"
    content["links"] = {"pages": {**pages, "next": next_page}}
    return content


def _started_without_z(row: JsonObject) -> None:
    if "started_at" in row:
        row["started_at"] = row["started_at"].removesuffix("Z")


def _set(name: str, value: Any) -> Reshape:
    return _rows(lambda row: row.update({name: value}))


WRONG_SHAPES: dict[str, Reshape] = {
    "actions_missing": _members(lambda content, name: content.pop(name)),
    "actions_null": _members(lambda content, name: content.update({name: None})),
    "actions_object": _members(lambda content, name: content.update({name: {}})),
    "action_without_id": _rows(lambda row: row.pop("id")),
    "id_string": _rows(lambda row: row.update(id=str(row["id"]))),
    "status_pending": _set("status", "pending"),
    "region_string": _set("region", "nyc3"),
    "region_null": _set("region", None),
    "region_absent": _rows(lambda row: row.pop("region")),
    "started_at_null": _set("started_at", None),
    "started_at_without_z": _rows(_started_without_z),
    "duplicate_rows": _duplicate_rows,
    "next_loop": _next_loop,
    "total_too_small": _total(lambda total: total // 2),
    "total_too_big": _total(lambda total: total + 1000),
    "total_missing": _without_total,
    "links_null": _links_null,
    "not_an_object": lambda content, asked: [content],
}
