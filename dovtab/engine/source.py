"""Where one answer comes from: the cache, a flight under way, or a request.

An answer that is known is given at once. What somebody is asking for already
is joined. Only then is a request admitted, written down and sent, and what it
brings is kept for whoever asks next.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from dovtab.api.exchange import Exchange, Request
from dovtab.api.pages import Page
from dovtab.engine.account import Account
from dovtab.engine.answer import Answer
from dovtab.engine.flight import Flight
from dovtab.engine.look_ahead import Key
from dovtab.engine.statement import Statement
from dovtab.errors import AnswerError, DovtabError, Interrupted
from dovtab.resources import Resource


@dataclass(slots=True)
class Coming:
    """A request, and its page or the flight that will bring an answer.

    Attributes:
        exchange: there if the flight is our own.
        guessed: the cache's ticket when it went out before anybody wanted it.
    """

    request: Request
    page: Page | None = None
    flight: Flight[Answer] | None = None
    exchange: Exchange | None = None
    guessed: int | None = None

    @property
    def landed(self) -> bool:
        """Whether it is here."""
        return self.flight is None or self.flight.landed

    def leave(self) -> None:
        """Want it no longer."""
        if self.flight is not None:
            self.flight.leave()


class Source:
    """The answers to the GETs of a table, in one account."""

    def __init__(self, resource: Resource, account: Account) -> None:
        self.account = account
        self._resource = resource
        names = [column.name for column in resource.visible]
        self._ended_column = names.index(resource.ended[0])

    def key(self, request: Request) -> Key:
        """The name of the answer, among those of all accounts."""
        return self.account.shared(), request.path

    def find(self, request: Request, statement: Statement) -> Coming | None:
        """What is known and good for this statement."""
        cache = self.account.shared().cache
        answer = cache.find(
            request.path,
            now=self.account.clock.monotonic(),
            seconds=self.account.settings.cache_seconds,
            since=statement.moment,
        )
        if answer is None:
            return None
        try:
            return Coming(request, page=answer.page())
        except AnswerError:
            # Somebody else's, and he never read it.
            cache.drop(request.path, answer)
            return None

    def begin(self, request: Request, statement: Statement, *, fresh: bool = False) -> Coming:
        """See that the answer comes; it waits for the quota if it must.

        Args:
            fresh: take no answer that was there before.

        Raises:
            DovtabError: the request cannot be sent.
        """
        cache = self.account.shared().cache
        guess = None if fresh else self._guessed(request, statement)
        if guess is not None:
            return guess
        known = None if fresh else self.find(request, statement)
        if known is not None:
            return known
        flight = None if fresh else cache.join(request.path)
        if flight is None:
            return self._send(request, statement)
        return Coming(request, flight=flight)

    def guess(self, request: Request, statement: Statement) -> bool:
        """Ask for what will be wanted, unless it is known; False if it is no time for that."""
        account, cache, key = self.account, self.account.shared().cache, self.key(request)
        if self.find(request, statement) is not None:
            statement.ahead.guessed(key, None)
            return True
        # First: an action that is started from here on makes the guess worthless.
        ticket = cache.ticket()
        flight, exchange = cache.join(request.path), None
        if flight is None:
            room = account.settings.max_requests - statement.requests
            if statement.ahead.open >= room or not account.admit_at_once():
                return False
            exchange = account.begin(request)
            try:
                flight = self._launch(exchange, attempts=1)
            except DovtabError as error:
                exchange.error = error
                return False
        coming = Coming(request, None, flight, exchange, guessed=ticket)
        statement.ahead.guessed(key, coming)
        return True

    def _guessed(self, request: Request, statement: Statement) -> Coming | None:
        """The open guess, if it is still good, now that it is wanted."""
        account, key = self.account, self.key(request)
        guess = statement.ahead.guess_for(key)
        if guess is None:
            return None
        statement.ahead.take(key)
        if guess.guessed != account.shared().cache.ticket():
            # An action was started since: what the guess brought may be from before.
            guess.leave()
            return None
        if guess.exchange is not None:
            statement.spend(account.settings.max_requests)
        return guess

    def _send(self, request: Request, statement: Statement | None) -> Coming:
        self.account.admit(request, statement)
        exchange = self.account.begin(request)
        return Coming(request, flight=self._launch(exchange), exchange=exchange)

    def wait(self, coming: Coming, statement: Statement) -> Page | None:
        """The page; None: there is no such thing.

        Raises:
            DovtabError: whatever keeps it away.
        """
        if coming.flight is None:
            return coming.page
        account = self.account
        try:
            with account.telling(coming.request, coming.exchange):
                answer = account.wait_for(coming.flight)
                if account.interrupted():
                    raise Interrupted("interrupted")
            return self._read(coming.request, answer)
        except Interrupted:
            raise
        except DovtabError:
            if coming.exchange is not None and coming.guessed is None:
                raise
        # It failed with the patience of a guess, which is paid for, or of somebody else.
        own = self._send(coming.request, None if coming.exchange is not None else statement)
        try:
            return self.wait(own, statement)
        finally:
            own.leave()

    def _launch(self, exchange: Exchange, attempts: int | None = None) -> Flight[Answer]:
        cache, path = self.account.shared().cache, exchange.request.path
        parent = exchange.request.parameters.get(self._resource.parent[0])
        ticket = cache.ticket()

        def call(cancelled: Event) -> Answer:
            try:
                self.account.fly(exchange, cancelled, attempts=attempts)
                return self._keep(exchange, parent, ticket)
            finally:
                cache.finish(path, exchange)

        flight = Flight(call)
        cache.announce(path, parent, flight, exchange)
        try:
            self.account.start(flight)
        except BaseException:
            flight.leave()
            cache.finish(path, exchange)
            raise
        return flight

    def _keep(self, exchange: Exchange, parent: int | None, ticket: int) -> Answer:
        """The answer that a flight brings home, now there for all."""
        missing = exchange.not_found and bool(exchange.request.parameters)
        if exchange.error is not None and not missing:
            raise exchange.error
        answer = Answer(self._resource, exchange)
        self.account.shared().cache.keep(
            exchange.request.path,
            answer,
            parent=parent,
            now=self.account.clock.monotonic(),
            lasting=not missing and self._is_lasting(exchange.request, answer),
            ticket=ticket,
        )
        return answer

    def _read(self, request: Request, answer: Answer) -> Page | None:
        cache = self.account.shared().cache
        try:
            page = answer.page()
        except AnswerError:
            cache.drop(request.path, answer)
            raise
        cache.weigh(request.path)
        return page

    def _is_lasting(self, request: Request, answer: Answer) -> bool:
        """Whether this is a single action that has ended, and will not change."""
        if request.operation not in (self._resource.get, self._resource.account_get):
            return False
        page = answer.page()
        return page is not None and page.rows[0][self._ended_column] in self._resource.ended[1]
