"""Waiting until actions have ended.

Polls come a second apart at first and fifteen in the end, each a little earlier
or later than the last would have it, so that many who wait do not ask at once.
A poll takes along what was asked for on this connection and has not ended: the
waits that follow then know it, and a batch takes as long as its slowest action.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_get
"""

from __future__ import annotations

import random
from collections import OrderedDict
from itertools import islice
from threading import Event

from dovtab.api.answers import decode
from dovtab.api.exchange import Exchange, Json, Request
from dovtab.engine.account import Account
from dovtab.engine.flight import Flight
from dovtab.engine.rows import is_object
from dovtab.errors import AnswerError, APIError, DovtabError, NetworkError, WaitError
from dovtab.resources import Resource

FIRST_PAUSE, PAUSE_GROWTH, LONGEST_PAUSE = 1.0, 1.5, 15.0
# An action that was just made has been seen to answer 404 for a moment.
UNSEEN_SECONDS = 5.0
# So many polls may fail one after the other; a refusal of the rate limit is none.
MOST_FAILURES = 4
_KEPT = 10_000

Action = dict[str, Json]


class Waits:
    """What is known of the actions that somebody waits for, on one connection."""

    def __init__(self, resource: Resource, account: Account) -> None:
        self._resource = resource
        self._account = account
        self._ended: OrderedDict[str, Action] = OrderedDict()
        self._under_way: dict[str, Flight[Action | None]] = {}

    def wait(self, request: Request, seconds: float) -> Action:
        """Ask for an action until it has ended.

        Args:
            request: the GET of the action.

        Raises:
            WaitError: the time is over, or there is no such action.
            DovtabError: whatever keeps an answer away.
        """
        account = self._account
        started, pause, seen = account.clock.monotonic(), FIRST_PAUSE, False
        failures = 0
        while request.path not in self._ended:
            left = seconds - (account.clock.monotonic() - started)
            if account.shared().quota.delay(account.clock.monotonic()) > left > 0:
                account.pause(left)
                raise WaitError(
                    f"{request}: the quota is used up for longer than {seconds:g} s"
                )
            try:
                action, failed, failures = self._poll(request, max(left, 1.0)), None, 0
            except (NetworkError, APIError) as error:
                failures += not _is_rate_limit(error)
                if not _may_pass(error) or failures == MOST_FAILURES:
                    raise
                action, failed = None, error
            if action is not None and self._has_ended(action):
                self._keep(request, action)
                break
            seen = seen or action is not None or failed is not None
            waited = account.clock.monotonic() - started
            if not seen and waited >= min(UNSEEN_SECONDS, seconds):
                raise WaitError(f"{request}: there is no such action")
            if waited >= seconds:
                why = f"; {failed}" if failed else ": it goes on, and can be waited for again"
                raise WaitError(f"{request}: not ended after {seconds:g} s{why}")
            account.pause(min(pause * (0.75 + random.random() / 2), seconds - waited))
            pause = min(LONGEST_PAUSE, pause * PAUSE_GROWTH)
        return self._ended[request.path]

    def _poll(self, request: Request, patience: float) -> Action | None:
        """The action as it is now, or None if there is none; others are asked for beside it."""
        self._under_way = {p: f for p, f in self._under_way.items() if not f.landed}
        # A poll is bounded by time; it must not use up the statement's requests.
        self._account.admit(request, None)
        exchange = self._account.begin(request)
        flight = self._launch(exchange, patience)
        try:
            self._take_along(request)
            with self._account.telling(request, exchange):
                return self._account.wait_for(flight)
        finally:
            flight.leave()

    def _take_along(self, request: Request) -> None:
        room = self._account.settings.concurrency - 1 - len(self._under_way)
        for other in islice(self._others(request), max(0, room)):
            if not self._account.admit_at_once():
                return
            try:
                self._under_way[other.path] = self._launch(self._account.begin(other), None)
            except DovtabError:
                return

    def _others(self, request: Request) -> list[Request]:
        """What was started here and has not ended: first what comes after this one."""
        parent, item = self._resource.parent[0], self._resource.item[0]
        started = [
            Request(self._resource.get, {parent: droplet, item: id})
            for droplet, id in self._account.posts.started()
        ]
        paths = [other.path for other in started]
        first = paths.index(request.path) + 1 if request.path in paths else 0
        return [
            other
            for other in started[first:] + started[:first]
            if other.path != request.path
            and other.path not in self._ended
            and other.path not in self._under_way
        ]

    def _launch(self, exchange: Exchange, patience: float | None) -> Flight[Action | None]:
        def call(cancelled: Event) -> Action | None:
            # The next poll is the second attempt: it knows how much time is left.
            self._account.fly(exchange, cancelled, patience=patience, attempts=1)
            action = self._read(exchange)
            if action is not None and self._has_ended(action):
                self._keep(exchange.request, action)
            return action

        flight = Flight(call)
        try:
            self._account.start(flight)
        except BaseException:
            flight.leave()
            raise
        return flight

    def _read(self, exchange: Exchange) -> Action | None:
        if exchange.not_found:
            return None
        if exchange.error is not None:
            raise exchange.error
        action = decode(exchange).get(exchange.request.operation.answer)
        wanted = exchange.request.parameters[self._resource.item[0]]
        if not is_object(action) or action["id"] != wanted:
            raise AnswerError(f"{exchange.request}: the answer does not hold that action")
        return action

    def _has_ended(self, action: Action) -> bool:
        column, ended = self._resource.ended
        return action.get(column) in ended

    def _keep(self, request: Request, action: Action) -> None:
        self._ended[request.path] = action
        while len(self._ended) > _KEPT:
            self._ended.popitem(last=False)
        # What is known of the Droplet is from before this moment.
        self._account.shared().cache.forget(request.parameters[self._resource.parent[0]])


def _is_rate_limit(error: DovtabError) -> bool:
    return isinstance(error, APIError) and error.status == 429


def _may_pass(error: DovtabError) -> bool:
    """Whether the next poll may go better."""
    return not isinstance(error, APIError) or error.status == 429 or error.status >= 500
