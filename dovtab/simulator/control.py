"""A second port, to look behind the API and to break it while it runs.

``GET /_sim/state``, ``GET /_sim/requests``, ``POST /_sim/faults`` (a JSON
object with the arguments of a Fault), ``DELETE /_sim/faults``, and the same two
for ``/_sim/colleagues`` (a Colleague's arguments). It is never part of the API's
own port, where an unknown path must be the real 404.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from dovtab.simulator.answers import JSON_TYPE, Answer, encoded, error
from dovtab.simulator.colleagues import Colleague
from dovtab.simulator.faults import Fault
from dovtab.simulator.log import LoggedRequest
from dovtab.simulator.server import Server
from dovtab.simulator.simulator import Simulator
from dovtab.simulator.wire import Reply, Request

Incident = TypeVar("Incident")


class Control:
    """The control port of a simulator.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self._simulator = simulator
        self._server = Server(self._respond, port)
        self.url = self._server.url

    def stop(self) -> None:
        self._server.stop()

    def _respond(self, request: Request) -> Reply:
        answer = self._answer(request)
        return Reply(answer.status, answer.headers, answer.body)

    def _answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/_sim/state":
                return _json(self._state())
            case "GET", "/_sim/requests":
                return _json([_entry(logged) for logged in self._simulator.requests])
            case "POST", "/_sim/faults":
                return _added(Fault, self._simulator.fault, request.body)
            case "DELETE", "/_sim/faults":
                self._simulator.clear_faults()
                return Answer(204, b"")
            case "POST", "/_sim/colleagues":
                return _added(Colleague, self._simulator.colleague, request.body)
            case "DELETE", "/_sim/colleagues":
                self._simulator.clear_colleagues()
                return Answer(204, b"")
        return error(404)

    def _state(self) -> Any:
        account = self._simulator.account
        with account.lock:
            account.settle()
            return {
                "time": account.clock.time(),
                "droplets": [asdict(droplet) for droplet in account.droplets.values()],
                "actions": Counter(action.status for action in account.actions.values()),
            }


def _added(
    kind: Callable[..., Incident], add: Callable[[Incident], None], body: bytes
) -> Answer:
    try:
        incident = kind(**json.loads(body))
    except (ValueError, TypeError, re.error) as reason:
        return error(422, str(reason))
    add(incident)
    return Answer(204, b"")


def _json(content: Any) -> Answer:
    return Answer(200, encoded(content), {"content-type": JSON_TYPE})


def _entry(logged: LoggedRequest) -> Any:
    return {**asdict(logged), "body": logged.body.decode("utf-8", "replace")}
