"""The API's pages, as fast as they can be sent: what is measured is who asks.

It runs as a process of its own, so that its work is in nobody's account. The
URL says how slow and how large it is: ``/50/20000/v2/actions`` answers after
50 milliseconds for an account of 20,000 actions. A Droplet's id says how many
actions it has: 30007 has three (``id // 10000``). Pages are rendered once, and
an answer is one write.

It says its URL, and lives until its standard input ends.
Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dovtab.simulator.catalogue import REGIONS, region_body

PER_PAGE, PER_PAGE_MAX = 20, 200
ACTIONS_PER_ID = 10_000
# The account's list has the Droplets from here on, which have three actions each.
FIRST_DROPLET, ACTIONS_OF_EACH = 30_000, 3
IDS_PER_DROPLET = 100_000
NEWEST = datetime(2026, 6, 1, tzinfo=UTC)
TYPES = ("reboot", "snapshot", "backup", "power_cycle", "resize")
UNLIMITED = b"ratelimit-limit: 1000000\r\nratelimit-remaining: 999999\r\nratelimit-reset: 0\r\n"
# Of 200 actions they have a seventh of a megabyte each; 100,000 actions have 500 such pages.
PAGES_KEPT = 600


def action(droplet: int, number: int) -> dict[str, Any]:
    """The action of that number, from 0, which is the oldest."""
    started = NEWEST + timedelta(seconds=61 * number)
    running = number % 50 == 7
    slug = sorted(REGIONS)[droplet % len(REGIONS)]
    return {
        "id": droplet * IDS_PER_DROPLET + number,
        "status": "in-progress" if running else "completed",
        "type": TYPES[number % len(TYPES)],
        "started_at": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "completed_at": None
        if running
        else f"{started + timedelta(seconds=9):%Y-%m-%dT%H:%M:%SZ}",
        "resource_id": droplet,
        "resource_type": "droplet",
        "region": region_body(slug),
        "region_slug": slug,
    }


@lru_cache(PAGES_KEPT)
def answer(target: str) -> bytes:
    """The whole answer to ``GET target``, without the part of the URL that sets up."""
    url = urlsplit(target)
    account, *path = url.path.strip("/").split("/")
    query = {name: int(value) for name, (value,) in parse_qs(url.query).items()}
    match path:
        case ["v2", "actions"]:
            body = page("/v2/actions", None, int(account), **query)
        case ["v2", "droplets", droplet, "actions"]:
            owner = int(droplet)
            body = page(
                f"/v2/droplets/{owner}/actions", owner, owner // ACTIONS_PER_ID, **query
            )
        case ["v2", "droplets", droplet, "actions", id]:
            body = {"action": action(int(droplet), int(id) % IDS_PER_DROPLET)}
        case _:
            missing = {"id": "not_found", "message": "no such page", "request_id": "none"}
            return whole(b"404 Not Found", missing)
    return whole(b"200 OK", body)


def page(
    path: str, droplet: int | None, total: int, page: int = 1, per_page: int = PER_PAGE
) -> dict[str, Any]:
    """A page of a list, newest first.

    Args:
        droplet: whose actions; None: the account's.
    """
    per_page = min(per_page, PER_PAGE_MAX)
    stop = total - (page - 1) * per_page
    numbers = range(stop - 1, max(0, stop - per_page) - 1, -1)
    last = max(1, -(-total // per_page))
    neighbours = {"first": 1, "prev": page - 1} if page > 1 else {}
    if page < last:
        neighbours |= {"next": page + 1, "last": last}
    pages = {
        name: f"https://api.digitalocean.com{path}?page={n}&per_page={per_page}"
        for name, n in neighbours.items()
    }
    return {
        "actions": [
            action(FIRST_DROPLET + n // ACTIONS_OF_EACH, n % ACTIONS_OF_EACH)
            if droplet is None
            else action(droplet, n)
            for n in numbers
        ],
        "links": {"pages": pages} if pages else {},
        "meta": {"total": total},
    }


def whole(status: bytes, body: object) -> bytes:
    content = json.dumps(body, separators=(",", ":")).encode()
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    return head % (status, len(content)) + UNLIMITED + b"\r\n" + content


class Connection(asyncio.Protocol):
    """One kept-alive connection. asyncio sets TCP_NODELAY."""

    requests = 0  # of all connections

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._respond(head.split(b" ", 2)[1].decode())

    def _respond(self, target: str) -> None:
        if target == "/requests":
            self._transport.write(whole(b"200 OK", Connection.requests))
            return
        Connection.requests += 1
        _, milliseconds, rest = target.split("/", 2)
        loop = asyncio.get_running_loop()
        loop.call_later(int(milliseconds) / 1000, self._transport.write, answer(rest))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
