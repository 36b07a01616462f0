"""An account in memory: the same answers as the API's, without a socket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dovtab.api.exchange import Request
from dovtab.api.pages import Page
from dovtab.engine.reading.rows import read_rows
from dovtab.resources import DROPLET_ACTIONS, Row


def action(id: int, droplet_id: int | None, **more: Any) -> dict[str, Any]:
    """An action object as the API gives it."""
    return {
        "id": id,
        "status": "completed",
        "type": "reboot",
        "started_at": "2026-11-01T10:00:00Z",
        "completed_at": "2026-11-01T10:00:10Z",
        "resource_id": droplet_id,
        "resource_type": "droplet",
        "region": None,
        "region_slug": "nyc3",
    } | more


class MemoryAccount:
    """Answers the engine's requests from a list of actions, newest first."""

    def __init__(self, actions: Iterable[dict[str, Any]]) -> None:
        self.actions = sorted(actions, key=lambda a: -a["id"])
        self.requests: list[Request] = []

    def get(self, request: Request) -> Any:
        self.requests.append(request)
        droplet = request.parameters.get("droplet_id")
        rows = [a for a in self.actions if droplet is None or a["resource_id"] == droplet]
        if droplet is not None and not rows:
            return None
        if "action_id" in request.parameters:
            wanted = request.parameters["action_id"]
            return next(({"action": a} for a in rows if a["id"] == wanted), None)
        page, per_page = int(request.query["page"]), int(request.query["per_page"])
        items = rows[(page - 1) * per_page : page * per_page]
        links = {"pages": {"next": "x"}} if page * per_page < len(rows) else {}
        return {"actions": items, "links": links, "meta": {"total": len(rows)}}

    now = 0.0

    def cover(self, requests: Sequence[Request], statement: object) -> None:
        """There is nothing that would be shorter."""

    def each(
        self, requests: Iterable[Request], statement: object, **how: bool
    ) -> Iterator[tuple[Request, Page[Row] | None]]:
        for request in requests:
            answer = self.get(request)
            page = None if answer is None else read_rows(RESOURCE, request, answer)
            yield request, page

    def one(
        self, request: Request, statement: object, siblings: Iterable[Request] = ()
    ) -> Page[Row] | None:
        return next(self.each([request], statement))[1]


RESOURCE = DROPLET_ACTIONS
