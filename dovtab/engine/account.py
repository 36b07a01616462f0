"""An account as one connection uses it: a token, a URL, a record of requests.

The rest of the engine asks here and nowhere else, so this is where a request
is counted, waited for, and written down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dovtab.api.clock import Clock, SystemClock
from dovtab.api.credentials import find_token
from dovtab.api.exchange import Exchange, Json, Request
from dovtab.api.settings import Settings
from dovtab.engine.flight import Flight
from dovtab.engine.journal import Journal
from dovtab.engine.statement import Statement
from dovtab.errors import Interrupted

if TYPE_CHECKING:
    from dovtab.api.client import Client


class Account:
    """What a connection may ask of the API.

    Args:
        settings: the connection's.
        interrupted: says whether the running statement should stop.
        clock: the machine's, or one that is turned by hand.
    """

    def __init__(
        self,
        settings: Settings,
        interrupted: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.interrupted = interrupted
        self.clock = clock or SystemClock()
        self.journal = Journal()
        self._client: Client | None = None

    def in_context(self, context: str) -> Account:
        """The account of another context of doctl's, with the same record of requests."""
        settings = replace(self.settings, token=None, context=context)
        other = Account(settings, self.interrupted, self.clock)
        other.journal = self.journal
        return other

    def ask(self, request: Request, statement: Statement | None) -> Exchange:
        """Send a request and wait for what comes of it; what failed is in ``error``.

        Args:
            statement: who pays for it; None for a poll, which time limits instead.

        Raises:
            SettingsError: there is no token.
            TooManyRequestsError: the statement has had its share.
            Interrupted: somebody stopped the statement.
        """
        client = self._connected()
        if statement is not None:
            statement.spend(self.settings.max_requests)
        begun = Exchange(request, self.clock.time(), attempts=1)
        flight = Flight(
            lambda cancelled: client.exchange(request, self.settings, self.clock, cancelled)
        )
        try:
            exchange = flight.result(self.interrupted)
        except BaseException as error:
            begun.error = Interrupted(f"{request}: interrupted before it was answered")
            begun.duration = self.clock.time() - begun.started_at
            self.journal.add(begun)
            if isinstance(error, Interrupted):
                raise begun.error from None
            raise
        self.journal.add(exchange)
        return exchange

    def get(self, request: Request, statement: Statement | None) -> Json | None:
        """The answer to a GET; None when the API says there is no such thing.

        Raises:
            DovtabError: as `ask`, and whatever else kept the answer away.
        """
        exchange = self.ask(request, statement)
        if exchange.not_found and request.parameters:
            return None
        if exchange.error is not None:
            raise exchange.error
        return exchange.answer

    def get_each(
        self, requests: Iterable[Request], statement: Statement
    ) -> Iterator[tuple[Request, Json | None]]:
        """The answers to many GETs, in their order, asked for as they are taken."""
        for request in requests:
            yield request, self.get(request, statement)

    def pause(self, seconds: float) -> None:
        """Do nothing for a while, unless interrupted."""
        event_wait = self.clock.wait
        Flight(lambda cancelled: event_wait(cancelled, seconds)).result(self.interrupted)

    def _connected(self) -> Client:
        if self._client is None:
            # Only a request needs an HTTP library, and it takes a while to import.
            from dovtab.api.client import shared_client

            token = find_token(
                os.getenv, token=self.settings.token, context=self.settings.context
            )
            self._client = shared_client(self.settings.api_url, token)
        return self._client
