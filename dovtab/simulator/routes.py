"""The API: a request in, an answer out, no sockets.

The order of the checks decides which error a request with two mistakes gets:
token, rate limit, route and id, body, existence, lock, precondition. The order
is an assumption; that a refused request changes nothing is not.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dovtab.simulator.access import Holder
from dovtab.simulator.account import Account
from dovtab.simulator.answers import JSON_TYPE, Answer, Refused, error
from dovtab.simulator.bodies import AskedAction, asked_action
from dovtab.simulator.lifecycle import refusal
from dovtab.simulator.model import Action, Droplet
from dovtab.simulator.pages import HasId, asked_page, links, rows_of, whole_number
from dovtab.simulator.wire import Request

_JSON = {"content-type": JSON_TYPE}
_EXTRA_SCOPES = {
    "restore": "droplet:admin",
    "rebuild": "droplet:admin",
    "password_reset": "droplet:admin",
    "resize": "droplet:create",
    "snapshot": "image:create",
}

Row = TypeVar("Row", bound=HasId)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that found its operation; ``ids`` are the path's, ``seq`` the log's."""

    request: Request
    holder: Holder
    ids: Mapping[str, int]
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """An operation of the API."""

    method: str
    path: re.Pattern[str]
    scope: str
    perform: Callable[[Api, Call], Answer]
    is_list: bool = False


class Api:
    """Answers for an account."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.before_page: Callable[[int], object] | None = None

    def answer(
        self,
        request: Request,
        holder: Holder | None,
        request_id: str,
        seq: int | None = None,
    ) -> Answer:
        """The account's answer, errors included; ``seq`` is the request's in the log."""
        try:
            if holder is None:
                raise Refused(401)
            with self.account.lock:
                holder.limit.count(self.account.clock.time())
            route, ids = _route(request)
            if route.is_list and self.before_page is not None:
                self.before_page(asked_page(request.query, self.account.rules).number)
            return self._perform(route, Call(request, holder, ids, seq))
        except Refused as refused:
            shown = request_id if self.account.rules.request_id_in_error else None
            answer = error(refused.status, refused.message, shown)
            return Answer(answer.status, answer.body, {**answer.headers, **refused.headers})

    def again(self, request: Request, holder: Holder) -> Answer:
        """The answer to a GET that nobody sent: not counted, not hooked."""
        route, ids = _route(request)
        return self._perform(route, Call(request, holder, ids))

    def prepared(self, request: Request, holder: Holder) -> Callable[[], None]:
        """What a POST that nobody sent would start if it came now, ready to be started.

        The caller holds the account's lock until then.
        """
        self.account.settle()
        try:
            _, ids = _route(request)
            asked, droplets = self._aimed(Call(request, holder, ids))
        except Refused:
            return lambda: None

        def act() -> None:
            for droplet in droplets:
                self.account.start(droplet, asked, holder.label)

        return act

    def _perform(self, route: Route, call: Call) -> Answer:
        call.holder.require(route.scope)
        with self.account.lock:
            self.account.settle()
            return route.perform(self, call)

    # Droplets

    def droplets(self, call: Call) -> Answer:
        query = call.request.query
        tag, name, kind = (query.get(key) for key in ("tag_name", "name", "type"))
        if tag is not None:
            call.holder.require("tag:read")
            if name is not None or kind is not None:
                raise Refused(422, "tag_name cannot be combined with name or type")
        if kind not in (None, "droplets", "gpus"):
            raise Refused(422, "type must be droplets or gpus")
        found = [
            droplet
            for droplet in self.account.living()
            if (droplet.gpu == (kind == "gpus") if tag is None else self._listed(droplet, tag))
            and (name is None or droplet.name.lower() == name.lower())
        ]
        now = self.account.clock.time()
        return self._page(call, "droplets", found, lambda droplet: _text(droplet, now))

    def _listed(self, droplet: Droplet, tag: str) -> bool:
        return tag in droplet.tags and (self.account.rules.gpus_in_tag_list or not droplet.gpu)

    def droplet(self, call: Call) -> Answer:
        droplet = self._living(call)
        text = _text(droplet, self.account.clock.time())
        return Answer(200, f'{{"droplet":{text}}}'.encode(), _JSON)

    def _living(self, call: Call) -> Droplet:
        droplet = self.account.droplets.get(call.ids["droplet_id"])
        if droplet is None or droplet.destroyed:
            raise Refused(404)
        return droplet

    # Reading actions

    def droplet_actions(self, call: Call) -> Answer:
        history = self.account.history(self._readable(call).id)
        return self._page(call, "actions", history, Action.text)

    def droplet_action(self, call: Call) -> Answer:
        droplet = self._readable(call)
        action = self._action(call)
        if action.resource_type != "droplet" or action.resource_id != droplet.id:
            raise Refused(404)
        hidden = self.account.rules.droplet_completed_at_null
        return _one(action.text(show_completed_at=not hidden), 200)

    def actions(self, call: Call) -> Answer:
        return self._page(call, "actions", self.account.history(), Action.text)

    def action(self, call: Call) -> Answer:
        return _one(self._action(call).text(), 200)

    def _readable(self, call: Call) -> Droplet:
        droplet = self.account.droplets.get(call.ids["droplet_id"])
        hidden = self.account.rules.destroyed_droplet_actions == "refuse"
        if droplet is None or (droplet.destroyed and hidden):
            raise Refused(404)
        return droplet

    def _action(self, call: Call) -> Action:
        action = self.account.actions.get(call.ids["action_id"])
        if action is None or self.account.clock.time() < action.visible_from:
            raise Refused(404)
        return action

    # Acting

    def act(self, call: Call) -> Answer:
        (text,) = self._start(call)
        return _one(text, 201)

    def act_by_tag(self, call: Call) -> Answer:
        return Answer(201, f'{{"actions":[{",".join(self._start(call))}]}}'.encode(), _JSON)

    def _start(self, call: Call) -> list[str]:
        asked, droplets = self._aimed(call)
        by, seq = call.holder.label, call.seq
        return [self.account.start(droplet, asked, by, seq).text() for droplet in droplets]

    def _aimed(self, call: Call) -> tuple[AskedAction, list[Droplet]]:
        """What a POST asks for, and the Droplets that are fit for it now."""
        by_tag = "droplet_id" not in call.ids
        asked = asked_action(call.request.body, self.account.rules, by_tag=by_tag)
        if asked.type in _EXTRA_SCOPES:
            call.holder.require(_EXTRA_SCOPES[asked.type])
        if by_tag:
            return asked, self._fit(self._tagged(call.request.query.get("tag_name", "")), asked)
        droplet = self._living(call)
        reason = refusal(droplet, asked.type, asked.attributes, self.account.rules)
        if reason is not None:
            raise Refused(422, reason)
        return asked, [droplet]

    def _tagged(self, tag: str) -> list[Droplet]:
        rules = self.account.rules
        found = [droplet for droplet in self.account.living() if tag in droplet.tags]
        outcome = rules.unknown_tag if tag else rules.empty_tag
        if not found and outcome != "empty":
            raise Refused(int(outcome))
        return found

    def _fit(self, droplets: Iterable[Droplet], asked: AskedAction) -> list[Droplet]:
        fit = []
        for droplet in droplets:
            reason = refusal(droplet, asked.type, asked.attributes, self.account.rules)
            if reason is None:
                fit.append(droplet)
            elif self.account.rules.unfit_in_tag == "refuse":
                raise Refused(422, reason)
        return fit

    # Lists

    def _page(
        self, call: Call, member: str, rows: Sequence[Row], text: Callable[[Row], str]
    ) -> Answer:
        rules, request = self.account.rules, call.request
        page = asked_page(request.query, rules)
        texts = ",".join([text(row) for row in rows_of(rows, page, rules)])
        base = rules.link_base or f"http://{request.headers.get('host', 'localhost')}"
        around = links(base + request.path, request.query, page, len(rows), rules)
        members = [f'"{member}":[{texts}]', f'"meta":{{"total":{len(rows)}}}']
        if around is not None:
            members.insert(1, f'"links":{json.dumps(around)}')
        return Answer(200, f"{{{','.join(members)}}}".encode(), _JSON)


def _one(action: str, status: int) -> Answer:
    return Answer(status, f'{{"action":{action}}}'.encode(), _JSON)


def _text(droplet: Droplet, now: float) -> str:
    return json.dumps(droplet.body(now), separators=(",", ":"))


def _path(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template))


_ROUTES = (
    Route("POST", _path("/v2/droplets/actions"), "droplet:update", Api.act_by_tag),
    Route("GET", _path("/v2/droplets"), "droplet:read", Api.droplets, is_list=True),
    Route("GET", _path("/v2/droplets/{droplet_id}"), "droplet:read", Api.droplet),
    Route(
        "GET",
        _path("/v2/droplets/{droplet_id}/actions"),
        "droplet:read",
        Api.droplet_actions,
        is_list=True,
    ),
    Route("POST", _path("/v2/droplets/{droplet_id}/actions"), "droplet:update", Api.act),
    Route(
        "GET",
        _path("/v2/droplets/{droplet_id}/actions/{action_id}"),
        "droplet:read",
        Api.droplet_action,
    ),
    Route("GET", _path("/v2/actions"), "actions:read", Api.actions, is_list=True),
    Route("GET", _path("/v2/actions/{action_id}"), "actions:read", Api.action),
)


def _route(request: Request) -> tuple[Route, dict[str, int]]:
    allowed = []
    for route in _ROUTES:
        found = route.path.fullmatch(request.path)
        if found and route.method == request.method:
            ids = {name: whole_number(text) for name, text in found.groupdict().items()}
            known = {name: number for name, number in ids.items() if number is not None}
            if len(known) < len(ids):
                raise Refused(404)
            return route, known
        if found:
            allowed.append(route.method)
    if allowed:
        raise Refused(405, headers={"allow": ", ".join(allowed)})
    raise Refused(404)
