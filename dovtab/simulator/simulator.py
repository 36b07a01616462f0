"""The simulator: an account, its API, its faults and its colleagues, on a port.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from email.utils import formatdate
from types import TracebackType
from typing import Any

from dovtab.simulator.access import Holder
from dovtab.simulator.account import Account
from dovtab.simulator.answers import Answer
from dovtab.simulator.clock import Clock, SystemClock
from dovtab.simulator.colleagues import Colleague, beside
from dovtab.simulator.damage import damaged, edge_answer, reply
from dovtab.simulator.faults import Fault
from dovtab.simulator.incidents import Incidents
from dovtab.simulator.limits import RateLimit
from dovtab.simulator.log import LoggedRequest, RequestLog
from dovtab.simulator.routes import Api
from dovtab.simulator.rules import Rules
from dovtab.simulator.server import Server
from dovtab.simulator.wire import Reply, Request
from dovtab.simulator.wrong_shapes import Asked

TOKEN = "simulator"
_LOST = Fault("close")
_COOKIE = "__cf_bm=simulated; path=/; HttpOnly; Secure"


class Simulator:
    """A DigitalOcean account on 127.0.0.1.

    The account can be arranged before the start. As a context manager it starts
    on entry, and on exit ends every connection and thread.

    Args:
        clock: the real time, unless a test brings its own.
        latency: real seconds before each answer, side by side for requests that
            come side by side.
        seed: of everything random.
        port: 0 lets the system choose.
    """

    token = TOKEN

    def __init__(
        self,
        rules: Rules | None = None,
        clock: Clock | None = None,
        latency: float = 0.0,
        seed: int = 1,
        port: int = 0,
    ) -> None:
        self.rules = rules or Rules()
        self.clock = clock or SystemClock()
        self.latency = latency
        self.account = Account(self.clock, self.rules, seed)
        self.account.add_token(TOKEN, label=TOKEN)
        self._apis = [Api(self.account)]
        self._faults: Incidents[Fault] = Incidents(random.Random(seed))
        # Draws of their own, or each would join just the POSTs that a fault hits.
        chance = random.Random(f"colleagues {seed}")
        self._colleagues: Incidents[Colleague] = Incidents(chance)
        self._log = RequestLog()
        self._random = random.Random(seed)
        self._port = port
        self._server: Server | None = None

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """
        Raises:
            OSError: the port is taken.
        """
        if self._server is None:
            self._server = Server(self._respond, self._port)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("the simulator was not started")
        return self._server.url

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request so far, by arrival."""
        return self._log.snapshot()

    def add_account(self, token: str) -> Account:
        """Another account, at the same URL: whoever has this token sees it and no other."""
        other = Account(self.clock, self.rules, self.account.seed + len(self._apis))
        other.add_token(token, label=token)
        self._apis.append(Api(other))
        return other

    def fault(self, fault: Fault) -> None:
        """Let something go wrong. Faults are tried in the order they were given."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def colleague(self, colleague: Colleague) -> None:
        """Let somebody else do what we do. Colleagues are tried in the order given."""
        self._colleagues.add(colleague)

    def clear_colleagues(self) -> None:
        self._colleagues.clear()

    def before_page(self, hook: Callable[[int], object] | None) -> None:
        """Call this with its number before a page of a list is answered."""
        for api in self._apis:
            api.before_page = hook

    def _respond(self, request: Request) -> Reply:
        api, holder = self._authorized(request)
        seq = self._log.arrived(request, self.clock.time(), holder.label if holder else None)
        fault, colleague = self._befalling(request)
        answer = self._answer(request, api, holder, seq, fault, colleague)
        delay = fault.seconds if fault is not None and fault.kind == "delay" else 0.0
        if self._server is not None and self.latency + delay > 0:
            self._server.wait(self.latency + delay)
        sent = reply(fault, answer)
        lost = sent.manner in ("close", "reset")
        self._log.answered(seq, None if lost else sent.status, fault.kind if fault else None)
        return sent

    def _authorized(self, request: Request) -> tuple[Api, Holder | None]:
        """The account that is asked, and who asks; nobody knows of an unknown token which."""
        for api in self._apis:
            holder = api.account.tokens.holder(request.headers.get("authorization"))
            if holder is not None:
                return api, holder
        return self._apis[0], None

    def _befalling(self, request: Request) -> tuple[Fault | None, Colleague | None]:
        fault, colleague = self._faults.hit(request), self._colleagues.hit(request)
        at_edge = fault is not None and fault.at_edge
        if colleague is not None and colleague.when == "instead" and not at_edge:
            fault = _LOST
        return fault, colleague

    def _answer(
        self,
        request: Request,
        api: Api,
        holder: Holder | None,
        seq: int,
        fault: Fault | None,
        colleague: Colleague | None,
    ) -> Answer:
        request_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        with beside(colleague, api, request):
            if fault is not None and fault.at_edge:
                answer = edge_answer(fault, request_id)
            else:
                answer = api.answer(request, holder, request_id, seq)
        if fault is not None and not fault.at_edge:
            answer = damaged(fault, answer, self._asked(request, api, holder), request_id)
        headers = self._headers(holder, request_id) | dict(answer.headers)
        return Answer(answer.status, answer.body, headers)

    def _asked(self, request: Request, api: Api, holder: Holder | None) -> Asked:
        def ask(other: Request) -> Any:
            assert holder is not None  # or there would be no page to ask about
            return json.loads(api.again(other, holder).body)

        return Asked(request, ask)

    def _headers(self, holder: Holder | None, request_id: str) -> dict[str, str]:
        limit = holder.limit if holder else RateLimit(self.rules)
        with self.account.lock:
            headers = limit.headers(self.clock.time())
        headers["x-request-id"] = request_id
        headers["date"] = formatdate(self.clock.time(), usegmt=True)
        if self.rules.cookie:
            headers["set-cookie"] = _COOKIE
        return headers
