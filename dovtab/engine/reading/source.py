"""Where one answer comes from: what is held, the cache, a call under way, or a request.

An answer that is known is given at once. What somebody is asking for already
is joined. Only then is a request admitted, written down and sent, and what it
brings is kept for whoever asks next.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import cast

from dovtab.api.exchange import AHEAD, Exchange, Request
from dovtab.api.pages import Page
from dovtab.engine.account import Account
from dovtab.engine.call import Call
from dovtab.engine.interruption import reporting_interruption
from dovtab.engine.reading.answer import Answer
from dovtab.engine.reading.covering import Covering, Name
from dovtab.engine.reading.pending import Pending
from dovtab.engine.reading.prefetch import Key
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError, DovtabError, Interrupted
from dovtab.resources import Row, Table


@dataclass(frozen=True, slots=True)
class Ahead:
    """A request that is going to be wanted; calling it sends it."""

    source: Source
    request: Request
    statement: Statement

    def __call__(self) -> bool:
        """See `Source.prefetch`."""
        return self.source.prefetch(self.request, self.statement)


class Source:
    """The answers to the GETs of a table, in one account."""

    def __init__(self, table: Table, account: Account) -> None:
        self.account = account
        self.table = table

    def key(self, request: Request) -> Key:
        """The name of the answer, among those of all accounts."""
        since = "" if request.since is None else f" since {request.since}"
        return self.account.shared(), self.table.name, request.path + since

    def find(self, request: Request, statement: Statement) -> Answer | None:
        """What is known and good for this statement, and can be read.

        Raises:
            TooManyRequestsError: the statement has read it, and it could not be held.
        """
        held = statement.held.find(self.key(request))
        if held is not None:
            return cast("Answer", held)
        covering = self._covering(request, statement)
        if covering is not None:
            return Answer(self.table, None, covering.page(request), covering)
        cache = self.account.shared().cache
        answer = cache.find(
            self._name(request),
            now=self.account.clock.monotonic(),
            seconds=self.account.settings.cache_seconds,
            since=statement.started_ns,
        )
        if answer is None:
            return None
        try:
            answer.page()
        except AnswerError:
            # Somebody else's, and he never read it.
            cache.drop(self._name(request), answer)
            return None
        return answer

    def _covering(self, request: Request, statement: Statement) -> Covering | None:
        """What was read in place of it, unless something was started since."""
        generation = self.account.shared().cache.generation
        return statement.covering.find(self.covering_name(request.since), request, generation)

    def _pay(self, answer: Answer, statement: Statement) -> None:
        """For an answer that is out of what was read in its place."""
        covering = answer.take_covering()
        if covering is not None and covering.unpaid:
            statement.spend(self.account.settings.max_requests, self.table.key)
            covering.unpaid -= 1

    def covering_name(self, since: float | None) -> Name:
        """The name of what may be read in place of many of its requests."""
        return self.account.shared(), self.table.name, since

    def begin(self, request: Request, statement: Statement, *, fresh: bool = False) -> Pending:
        """See that the answer comes; it waits for the quota if it must.

        Args:
            fresh: take no answer that was there before.

        Raises:
            DovtabError: the request cannot be sent.
        """
        if fresh:
            return self._send(request, statement)
        prefetched = self._prefetched(request, statement)
        if prefetched is not None:
            return prefetched
        return self._there(request, statement) or self._send(request, statement, joins=True)

    def prefetch(self, request: Request, statement: Statement) -> bool:
        """Ask for what will be wanted, unless it is known; False if it is no time for that."""
        account, cache, key = self.account, self.account.shared().cache, self.key(request)
        if self.find(request, statement) is not None:
            statement.prefetch.sent(key, None)
            return True
        # First: an action that is started from here on makes the answer worthless.
        generation = cache.generation()
        call, exchange = cache.join(self._name(request)), None
        if call is None and self.find(request, statement) is not None:
            # It has ended since, and left its answer.
            statement.prefetch.sent(key, None)
            return True
        if call is None:
            room = account.settings.max_requests - statement.requests
            if statement.prefetch.outstanding >= room or not account.try_acquire():
                return False
            exchange = account.record(request)
            exchange.look_ahead = AHEAD
            try:
                call = self._launch(exchange, attempts=1)
            except DovtabError as error:
                exchange.error = error
                return False
        statement.prefetch.sent(key, Pending(request, None, call, exchange, generation))
        return True

    def _prefetched(self, request: Request, statement: Statement) -> Pending | None:
        """What has been prefetched, if it is still good, now that it is wanted."""
        account, key = self.account, self.key(request)
        if not statement.prefetch.is_outstanding(key):
            return None
        pending = cast("Pending", statement.prefetch.take(key))
        if pending.generation != account.shared().cache.generation():
            # An action was started since: what it brought may be from before.
            pending.release()
            return None
        try:
            if pending.exchange is not None:
                statement.spend(account.settings.max_requests, self.table.key)
        except BaseException:
            pending.release()
            raise
        return pending

    def _there(self, request: Request, statement: Statement) -> Pending | None:
        """What is known, or somebody is asking for already."""
        known = self.find(request, statement)
        if known is None:
            call = self.account.shared().cache.join(self._name(request))
            if call is not None:
                return Pending(request, call=call)
            # One that was under way a moment ago may have ended, and left its answer.
            known = self.find(request, statement)
        if known is None:
            return None
        self._pay(known, statement)
        return Pending(request, answer=known)

    def _send(
        self, request: Request, statement: Statement | None, *, joins: bool = False
    ) -> Pending:
        """Ask for it.

        Args:
            joins: unless somebody else has begun to, while the quota was waited for.
        """
        if statement is not None:
            statement.spend(self.account.settings.max_requests, self.table.key)
        self.account.acquire(request, statement)
        try:
            there = self._there(request, statement) if joins and statement is not None else None
        except BaseException:
            # Ctrl-C: nobody else would give it back.
            self.account.give_back()
            raise
        if there is not None and statement is not None:
            statement.requests -= 1
            self.account.give_back()
            return there
        exchange = self.account.record(request)
        exchange.look_ahead = statement.alone if statement is not None else ""
        attempts = statement.attempts if statement is not None else None
        return Pending(request, call=self._launch(exchange, attempts), exchange=exchange)

    def wait(self, pending: Pending, statement: Statement) -> Page[Row] | None:
        """The page, which the statement then holds; None: there is no such thing.

        Raises:
            DovtabError: whatever keeps it away.
        """
        if pending.answer is None:
            pending.answer = self._wait(pending, statement)
        key = self.key(pending.request)
        if statement.held.find(key) is not pending.answer:
            statement.held.add(key, pending.answer, self._parent(pending.request))
        return pending.answer.page()

    def _wait(self, pending: Pending, statement: Statement) -> Answer:
        """The answer, which can be read."""
        account, call = self.account, pending.call
        assert call is not None
        try:
            with reporting_interruption(
                lambda: account.abandoned(pending.request, pending.exchange)
            ):
                answer = account.wait_for(call)
                if account.interrupted():
                    raise Interrupted("interrupted")
            self._read(pending.request, answer)
            return answer
        except Interrupted:
            raise
        except DovtabError:
            if pending.exchange is not None and pending.generation is None:
                raise
        # It failed with the patience of a prefetch, which is paid for, or of somebody else.
        own = self._send(pending.request, None if pending.exchange is not None else statement)
        try:
            return self._wait(own, statement)
        finally:
            own.release()

    def _launch(self, exchange: Exchange, attempts: int | None = None) -> Call[Answer]:
        cache, name = self.account.shared().cache, self._name(exchange.request)
        generation = cache.generation()

        def fetch(cancelled: Event) -> Answer:
            try:
                self.account.send(exchange, cancelled, attempts=attempts)
                return self._keep(exchange, generation)
            finally:
                cache.unregister(name, exchange)

        call = Call(fetch)
        cache.register(name, self._parent(exchange.request), call, exchange)
        try:
            self.account.start(call)
        except BaseException:
            call.release()
            cache.unregister(name, exchange)
            raise
        return call

    def _keep(self, exchange: Exchange, generation: int) -> Answer:
        """The answer that a call has brought, now there for all."""
        request = exchange.request
        missing = exchange.not_found and bool(request.parameters)
        if exchange.error is not None and not missing:
            raise exchange.error
        answer = Answer(self.table, exchange)
        self.account.shared().cache.keep(
            self._name(request),
            answer,
            parent=self._parent(request),
            now=self.account.clock.monotonic(),
            immutable=not missing and self._is_immutable(request, answer),
            generation=generation,
        )
        return answer

    def _read(self, request: Request, answer: Answer) -> None:
        cache = self.account.shared().cache
        try:
            answer.page()
        except AnswerError:
            cache.drop(self._name(request), answer)
            raise
        cache.weigh(self._name(request))

    def _is_immutable(self, request: Request, answer: Answer) -> bool:
        """Whether this is a single object that has ended, and will not change."""
        ended = self.table.reads.ended
        if ended is None or request.operation.item is None:
            return False
        page = answer.page()
        return page is not None and page.rows[0][self.table.places[ended[0]]] in ended[1]

    def _name(self, request: Request) -> tuple[str, str]:
        return self.table.name, request.path

    def _parent(self, request: Request) -> int | None:
        parent = self.table.reads.parent
        return request.parameters.get(parent[0]) if parent else None
