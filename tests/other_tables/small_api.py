"""Enough of the API for images, their actions and Droplets, on the loopback."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SmallApi:
    """Its state, and what was asked of it.

    Attributes:
        lose: how many POSTs lose their answer.
    """

    def __init__(self) -> None:
        self.actions: list[dict[str, Any]] = []
        self.droplets: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.lose = 0
        self.url = ""

    def add_action(self, image: int, type: str, region: str, **more: Any) -> dict[str, Any]:
        action = {
            "id": 100 + len(self.actions),
            "resource_id": image,
            "resource_type": "image",
            "type": type,
            "status": "completed",
            "started_at": "2026-11-01T10:00:00Z",
            "region": {"slug": region},
        } | more
        self.actions.append(action)
        return action

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        self.requests.append(f"{method} {target}")
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if found := re.fullmatch(r"/v2/images/(\d+)/actions(?:/(\d+))?", path):
            image, id = int(found[1]), int(found[2] or 0)
            images = [a for a in self.actions if a["resource_type"] == "image"]
            its = [a for a in images if a["resource_id"] == image]
            if method == "POST":
                asked = json.loads(body)
                started = {"status": "in-progress", "started_at": "2026-11-18T11:06:40Z"}
                region = asked.get("region", "nyc3")
                return 201, {"action": self.add_action(image, asked["type"], region, **started)}
            return _one("action", its, id) if id else _page("actions", its, query)
        if found := re.fullmatch(r"/v2/actions/(\d+)", path):
            return _one("action", self.actions, int(found[1]))
        if path == "/v2/actions":
            return _page("actions", self.actions, query)
        if found := re.fullmatch(r"/v2/droplets/(\d+)", path):
            return _one("droplet", self.droplets, int(found[1]))
        # As the API does: names without regard to case.
        name, tag = query.get("name", [""])[0].lower(), query.get("tag_name", [None])[0]
        is_gpu = query.get("type", [""])[0] == "gpus"
        matching = [
            d
            for d in self.droplets
            if (not name or d["name"].lower() == name)
            and (tag is None or tag in d["tags"])
            and d["gpu"] == is_gpu
        ]
        return _page("droplets", matching, query)


def _one(member: str, items: list[dict[str, Any]], id: int) -> tuple[int, Any]:
    found = [item for item in items if item["id"] == id]
    if not found:
        return 404, {"id": "not_found", "message": "The resource could not be found."}
    return 200, {member: found[0]}


def _page(
    member: str, items: list[dict[str, Any]], query: dict[str, list[str]]
) -> tuple[int, Any]:
    page, size = int(query["page"][0]), int(query["per_page"][0])
    links = {"pages": {"next": "x"}} if page * size < len(items) else {}
    rows = items[(page - 1) * size : page * size]
    return 200, {member: rows, "links": links, "meta": {"total": len(items)}}


@contextmanager
def small_api() -> Iterator[SmallApi]:
    """One that runs as long as the block."""
    api = SmallApi()

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            status, answer = api.answer(self.command, self.path, self.rfile.read(length))
            if self.command == "POST" and api.lose:
                api.lose -= 1
                status, answer = 500, {}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Wed, 18 Nov 2026 11:06:40 GMT"

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_port}"
        yield api
        server.shutdown()
        thread.join()
