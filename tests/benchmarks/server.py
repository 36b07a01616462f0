"""The API's pages, as fast as they can be sent: what is measured is who asks.

It runs as a process of its own, so that its work is in nobody's account. The URL says
how slow it is and which account it has: ``/50/1000-20-0-1008/v2/actions`` answers after 50
milliseconds for 1,000 Droplets with 20 actions each, and none of images. Pages are
rendered once, and an answer is one write.

It says its URL, and lives until its standard input ends.
Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from benchmarks.account import FIRST_ACTION, FIRST_DROPLET, NEWEST, SLUGS, Account
from dovtab.simulator.model import Droplet

PER_PAGE, PER_PAGE_MAX = 20, 200
UNLIMITED = b"ratelimit-limit: 1000000\r\nratelimit-remaining: 999999\r\nratelimit-reset: 0\r\n"
# 1,000 Droplets' own lists, and the account's. 200 actions have a seventh of a megabyte.
PAGES_KEPT = 1_200
GPU_DROPLETS, OTHER_DROPLETS = "gpus", "droplets"
NOT_FOUND = '{"id":"not_found","message":"no such page","request_id":"none"}'


@lru_cache(PAGES_KEPT)
def answer(target: str) -> bytes:
    """The whole answer to ``GET target``, without how slow it is."""
    url = urlsplit(target)
    try:
        name, *path = url.path.strip("/").split("/")
        query = {name: value for name, (value,) in parse_qs(url.query).items()}
        body = content(Account.read(name), path, query)
    except (ValueError, LookupError):
        body = None
    if body is None:
        return whole(b"404 Not Found", NOT_FOUND)
    return whole(b"200 OK", body)


def content(account: Account, path: list[str], query: dict[str, str]) -> str | None:
    """The JSON at a path; None: there is nothing.

    Raises:
        ValueError, LookupError: nor can there be.
    """
    match path:
        case ["v2", "actions"]:
            return page("actions", path, query, account.total, account.json)
        case ["v2", "droplets"]:
            # Nobody has GPU Droplets, and without a type they are left out.
            there = account.fleet if query.get("type") != GPU_DROPLETS else ()
            return page("droplets", path, query, len(there), lambda n: droplet(there[n]))
        case ["v2", "droplets", id] if int(id) in account.fleet:
            return f'{{"droplet":{droplet(int(id))}}}'
        case ["v2", "droplets", id, "actions"] if int(id) in account.fleet:
            own = int(id)
            return page(
                "actions",
                path,
                query,
                account.each,
                lambda n: account.json(account.place(own, n)),
            )
        case ["v2", "droplets", id, "actions", action]:
            place = FIRST_ACTION + account.total - int(action)
            owner = account.owner(place) if 0 <= place < account.total else None
            if owner is not None and owner[0] == int(id):
                return f'{{"action":{account.json(place)}}}'
    return None


def page(
    key: str, path: list[str], query: dict[str, str], total: int, item: Callable[[int], str]
) -> str:
    """A page of a list.

    Args:
        item: gives the JSON of one, by its place in the list.
    """
    number, per_page = int(query.get("page", 1)), int(query.get("per_page", PER_PAGE))
    per_page = min(per_page, PER_PAGE_MAX)
    places = range(total)[(number - 1) * per_page : number * per_page]
    last = max(1, -(-total // per_page))
    neighbours = {"first": 1, "prev": number - 1} if number > 1 else {}
    if number < last:
        neighbours |= {"next": number + 1, "last": last}
    others = "".join(f"&{name}={value}" for name, value in query.items() if name == "type")
    pages = {
        name: f"https://api.digitalocean.com/{'/'.join(path)}?page={n}&per_page={per_page}{others}"
        for name, n in neighbours.items()
    }
    links = json.dumps({"pages": pages} if pages else {})
    items = ",".join(map(item, places))
    return f'{{"{key}":[{items}],"links":{links},"meta":{{"total":{total}}}}}'


def droplet(id: int) -> str:
    """A Droplet as the API gives it."""
    there = Droplet(
        id=id,
        name=f"web-{id - FIRST_DROPLET:05}",
        region=SLUGS[id % len(SLUGS)],
        size="s-1vcpu-1gb",
        disk=25,
        status="active",
        created_at="2020-01-01T00:00:00Z",
        powered=True,
        tags=("web",),
    )
    return json.dumps(there.body(NEWEST.timestamp()), separators=(",", ":"))


def whole(status: bytes, body: str) -> bytes:
    content = body.encode()
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
            method, _, rest = head.partition(b" ")
            self._respond(method, rest.partition(b" ")[0].decode("latin-1"))

    def _respond(self, method: bytes, target: str) -> None:
        if target == "/requests":
            self._transport.write(whole(b"200 OK", str(Connection.requests)))
            return
        Connection.requests += 1
        milliseconds, _, rest = target.removeprefix("/").partition("/")
        if method != b"GET" or not milliseconds.isdecimal():
            self._transport.write(whole(b"404 Not Found", NOT_FOUND))
            return
        loop = asyncio.get_running_loop()
        loop.call_later(int(milliseconds) / 1000, self._transport.write, answer(rest))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
