"""What one writes without dovtab: requests one after the other, and rows.

It makes the rows that dovtab makes, the region as JSON text included, and it
raises when a request fails. It has no retries, no rate limit, and does not
look whether a list is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice, takewhile
from typing import Any

import httpx

from benchmarks.questions import PER_PAGE, WANTED_TYPE, Question

COLUMNS = (
    "id",
    "resource_id",
    "completed_at",
    "region",
    "region_slug",
    "resource_type",
    "started_at",
    "status",
    "type",
)
Row = tuple[Any, ...]
Loads = Callable[[bytes], Any]
Dumps = Callable[[Any], str]


def to_text(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Api:
    """The three requests, and the answers' JSON objects.

    Args:
        url: the API's.
        loads: reads JSON.
    """

    def __init__(self, url: str, loads: Loads = json.loads) -> None:
        self._url = url
        self._loads = loads
        # As dovtab does on the loopback: no certificates are read.
        self._http = httpx.Client(trust_env=False, verify=False)

    def close(self) -> None:
        self._http.close()

    def get(self, droplet: int, action: int) -> dict[str, Any]:
        return self._ask(f"/v2/droplets/{droplet}/actions/{action}")["action"]  # type: ignore[no-any-return]

    def list(self, droplet: int) -> Iterator[dict[str, Any]]:
        return self._pages(f"/v2/droplets/{droplet}/actions")

    def account(self) -> Iterator[dict[str, Any]]:
        found = self._pages("/v2/actions")
        return (action for action in found if action["resource_type"] == "droplet")

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        number = 1
        while True:
            answer = self._ask(f"{path}?page={number}&per_page={PER_PAGE}")
            yield from answer["actions"]
            if "next" not in answer["links"].get("pages", {}):
                return
            number += 1

    def _ask(self, path: str) -> Any:
        response = self._http.get(self._url + path)
        response.raise_for_status()
        return self._loads(response.content)


class Loop:
    """The contestant.

    Args:
        url: the API's.
        loads, dumps: read and write JSON; the standard library's if not said.
    """

    name = "loop"

    def __init__(self, url: str, loads: Loads = json.loads, dumps: Dumps = to_text) -> None:
        self._api = Api(url, loads)
        self._dumps = dumps

    def ask(self, question: Question) -> list[Row]:
        found = self._actions(question)
        if question.limit is not None:
            wanted = (action for action in found if action["type"] == WANTED_TYPE)
            found = islice(wanted, question.limit)
        return [self._row(action) for action in found]

    def close(self) -> None:
        self._api.close()

    def _actions(self, question: Question) -> Iterator[dict[str, Any]]:
        if question.action is not None:
            yield self._api.get(question.droplets[0], question.action)
        elif question.droplets:
            yield from self._of_droplets(question)
        else:
            yield from newest(self._api.account(), question.since)

    def _of_droplets(self, question: Question) -> Iterator[dict[str, Any]]:
        for droplet in question.droplets:
            yield from newest(self._api.list(droplet), question.since)

    def _row(self, action: dict[str, Any]) -> Row:
        return (
            action["id"],
            action["resource_id"],
            action["completed_at"],
            self._dumps(action["region"]),
            action["region_slug"],
            action["resource_type"],
            action["started_at"],
            action["status"],
            action["type"],
        )


class ByHand(Loop):
    """The same, but that it reads the account's list for the Droplets that are sought.

    It does not look who is there, so it also has the actions of Droplets that are gone.
    """

    name = "account by hand"

    def _of_droplets(self, question: Question) -> Iterator[dict[str, Any]]:
        sought = set(question.droplets)
        for action in newest(self._api.account(), question.since):
            if action["resource_id"] in sought:
                yield action


def newest(actions: Iterator[dict[str, Any]], since: str | None) -> Iterator[dict[str, Any]]:
    """Those from then on, of a list that is trusted to have the newest first."""
    if since is None:
        return actions
    return takewhile(lambda action: bool(action["started_at"] >= since), actions)
