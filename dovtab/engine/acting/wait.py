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
from dovtab.api.exchange import Exchange, Request
from dovtab.engine.account import Account
from dovtab.engine.call import Call
from dovtab.engine.interruption import reporting_interruption
from dovtab.engine.reading.rows import Object, read_objects
from dovtab.errors import APIError, DovtabError, NetworkError, WaitError
from dovtab.resources import Table

FIRST_PAUSE, PAUSE_GROWTH, LONGEST_PAUSE = 1.0, 1.5, 15.0
# An action that was just made has been seen to answer 404 for a moment.
UNSEEN_SECONDS = 5.0
# So many polls may fail one after the other; a refusal of the rate limit is none.
MOST_FAILURES = 4
_KEPT = 10_000


class Waits:
    """What is known of the actions that somebody waits for, on one connection.

    Args:
        account: that started them: to another's token they are not there.
    """

    def __init__(self, table: Table, account: Account) -> None:
        self._table = table
        self._account = account
        self._ended: OrderedDict[str, Object] = OrderedDict()
        self._under_way: dict[str, Call[Object | None]] = {}

    def wait(self, ids: dict[str, int], seconds: float) -> Object:
        """Ask for an action until it has ended.

        Args:
            ids: of the Droplet and the action, as the path names them.

        Raises:
            WaitError: the time is over, or there is no such action.
            DovtabError: whatever keeps an answer away.
        """
        account, request = self._account, self._get(ids)
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

    def _get(self, ids: dict[str, int]) -> Request:
        assert self._table.reads.get is not None
        return Request(self._table.reads.get, ids)

    def _poll(self, request: Request, patience: float) -> Object | None:
        """The action as it is now, or None if there is none; others are asked for beside it."""
        self._under_way = {p: c for p, c in self._under_way.items() if not c.done}
        # A poll is bounded by time; it does not use up the statement's requests.
        self._account.acquire(request)
        exchange = self._account.record(request)
        call = self._launch(exchange, patience)
        try:
            self._poll_others(request)
            with reporting_interruption(lambda: self._account.abandoned(request, exchange)):
                return self._account.wait_for(call)
        finally:
            call.release()

    def _poll_others(self, request: Request) -> None:
        room = self._account.settings.concurrency - 1 - len(self._under_way)
        for other in islice(self._others(request), max(0, room)):
            if not self._account.try_acquire():
                return
            try:
                self._under_way[other.path] = self._launch(self._account.record(other), None)
            except DovtabError:
                return

    def _others(self, request: Request) -> list[Request]:
        """What was started here and has not ended: first what comes after this one."""
        parent, item = self._table.key, self._table.reads.item[0]
        pairs = self._account.posts.started(self._table, self._account.context)
        started = [self._get({parent: its_parent, item: id}) for its_parent, id in pairs]
        paths = [other.path for other in started]
        first = paths.index(request.path) + 1 if request.path in paths else 0
        return [
            other
            for other in started[first:] + started[:first]
            if other.path != request.path
            and other.path not in self._ended
            and other.path not in self._under_way
        ]

    def _launch(self, exchange: Exchange, patience: float | None) -> Call[Object | None]:
        def poll(cancelled: Event) -> Object | None:
            # The next poll is the second attempt: it knows how much time is left.
            self._account.send(exchange, cancelled, patience=patience, attempts=1)
            action = self._read(exchange)
            if action is not None and self._has_ended(action):
                self._keep(exchange.request, action)
            return action

        call = Call(poll)
        try:
            self._account.start(call)
        except BaseException:
            call.release()
            raise
        return call

    def _read(self, exchange: Exchange) -> Object | None:
        if exchange.not_found:
            return None
        if exchange.error is not None:
            raise exchange.error
        ((_, action),) = read_objects(self._table, exchange.request, decode(exchange)).rows
        return action

    def _has_ended(self, action: Object) -> bool:
        assert self._table.reads.ended is not None
        column, ended = self._table.reads.ended
        return action.get(column) in [*ended]

    def _keep(self, request: Request, action: Object) -> None:
        self._ended[request.path] = action
        while len(self._ended) > _KEPT:
            self._ended.popitem(last=False)
        # What is known of the Droplet is from before this moment.
        self._account.shared().cache.invalidate(request.parameters[self._table.key])


def _is_rate_limit(error: DovtabError) -> bool:
    return isinstance(error, APIError) and error.status == 429


def _may_pass(error: DovtabError) -> bool:
    """Whether the next poll may go better."""
    return not isinstance(error, APIError) or error.status == 429 or error.status >= 500
