"""Waiting until actions have ended, in the thread that belongs to SQLite.

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
from dovtab.engine.acting.polling import End, Polling
from dovtab.engine.call import Call
from dovtab.engine.interruption import reporting_interruption
from dovtab.engine.reading.rows import Object, read_objects
from dovtab.engine.statement import Statement
from dovtab.errors import DovtabError, Interrupted, WaitError
from dovtab.resources import Table

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

    def wait(self, ids: dict[str, int], seconds: float, statement: Statement) -> Object:
        """The action, once it has ended.

        Args:
            ids: of the Droplet and the action, as the path names them.
            statement: that waits; it can tell how far it is.

        Raises:
            WaitError: the time is over, or there is no such action.
            DovtabError: whatever keeps an answer away.
        """
        end, request = self.end(ids, seconds, statement), get(self._table, ids)
        if end.action is not None:
            return end.action
        if end.kind == "missing":
            raise WaitError(f"{request}: there is no such action")
        if end.kind == "timeout":
            why = f"; {end.error}" if end.error else ": it goes on, and can be waited for again"
            raise WaitError(f"{request}: not ended after {seconds:g} s{why}")
        assert end.error is not None
        raise end.error

    def end(self, ids: dict[str, int], seconds: float, statement: Statement) -> End:
        """Ask for an action until it has ended, or it makes no sense to ask again.

        Raises:
            Interrupted: somebody stopped the statement.
        """
        account, request = self._account, get(self._table, ids)
        polling = Polling(seconds, lambda action: has_ended(self._table, action))
        started = account.clock.monotonic()
        statement.progress = lambda: self._progress(request, seconds - _since(account, started))
        try:
            while request.path not in self._ended:
                left = seconds - _since(account, started)
                if account.shared().quota.delay(account.clock.monotonic()) > left > 0:
                    account.pause(left)
                    return End("timeout", error=_used_up(request, seconds))
                answer = self._answer(request, max(left, 1.0))
                next = polling.take(answer, _since(account, started), random.random())
                if isinstance(next, End):
                    if next.action is None:
                        return next
                    self._keep(request, next.action)
                    break
                account.pause(next)
        finally:
            statement.progress = None
        return End("ended", self._ended[request.path])

    def _answer(self, request: Request, patience: float) -> Object | DovtabError | None:
        try:
            return self._poll(request, patience)
        except Interrupted:
            raise
        except DovtabError as error:
            return error

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
        started = self._started()
        paths = [other.path for other in started]
        first = paths.index(request.path) + 1 if request.path in paths else 0
        return [
            other
            for other in started[first:] + started[:first]
            if other.path != request.path
            and other.path not in self._ended
            and other.path not in self._under_way
        ]

    def _started(self) -> list[Request]:
        parent, item = self._table.key, self._table.reads.item[0]
        pairs = self._account.posts.started(self._table, self._account.context)
        return [get(self._table, {parent: its_parent, item: id}) for its_parent, id in pairs]

    def _progress(self, waited_for: Request, left: float) -> str:
        """How many have ended, which has been under way the longest, and for how long to wait."""
        started = self._started()
        # What somebody else has started is waited for too.
        if waited_for not in started:
            started.append(waited_for)
        open = [request for request in started if request.path not in self._ended]
        ended = f"actions ended: {len(started) - len(open)} of {len(started)}"
        slowest = f"; slowest: {_shown(open[0])}" if open else ""
        # A narrow terminal shows the beginning.
        return f"{ended}; {max(left, 0):.0f} s left{slowest}"

    def _launch(self, exchange: Exchange, patience: float | None) -> Call[Object | None]:
        def poll(cancelled: Event) -> Object | None:
            action = ask(self._table, self._account, exchange, cancelled, patience)
            if action is not None and has_ended(self._table, action):
                self._keep(exchange.request, action)
            return action

        call = Call(poll)
        try:
            self._account.start(call)
        except BaseException:
            call.release()
            raise
        return call

    def _keep(self, request: Request, action: Object) -> None:
        self._ended[request.path] = action
        while len(self._ended) > _KEPT:
            self._ended.popitem(last=False)
        # What is known of the Droplet is from before this moment.
        self._account.shared().cache.invalidate(request.parameters[self._table.key])


def get(table: Table, ids: dict[str, int]) -> Request:
    """The GET of one action."""
    assert table.reads.get is not None
    return Request(table.reads.get, ids)


def ask(
    table: Table, account: Account, exchange: Exchange, cancelled: Event, patience: float | None
) -> Object | None:
    """One poll, in a call's thread: the action, or None if there is none.

    Args:
        patience: seconds; None: as long as a request may take.

    Raises:
        DovtabError: whatever keeps the answer away.
    """
    # The next poll is the second attempt: it knows how much time is left.
    account.send(exchange, cancelled, patience=patience, attempts=1)
    if exchange.not_found:
        return None
    if exchange.error is not None:
        raise exchange.error
    ((_, action),) = read_objects(table, exchange.request, decode(exchange)).rows
    return action


def has_ended(table: Table, action: Object) -> bool:
    """Whether it will not change any more."""
    assert table.reads.ended is not None
    column, ended = table.reads.ended
    return action.get(column) in [*ended]


def _since(account: Account, moment: float) -> float:
    return account.clock.monotonic() - moment


def _used_up(request: Request, seconds: float) -> WaitError:
    return WaitError(f"{request}: the quota is used up for longer than {seconds:g} s")


def _shown(request: Request) -> str:
    return " ".join(f"{name}={value}" for name, value in request.parameters.items())
