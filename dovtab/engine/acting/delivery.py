"""A POST and what became of it, whatever the network does.

The one rule: it is sent once. If no answer says whether it ran, its actions are
looked for; what is found is inferred, and what is not is told as unknown. All of
this happens in a call's thread, so that it goes on when nobody waits any more, and
is written down.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from threading import Event

from dovtab.api import logger
from dovtab.api.answers import decode
from dovtab.api.exchange import Exchange
from dovtab.engine.account import Account
from dovtab.engine.acting.lost import Search, as_started
from dovtab.engine.acting.outcome import has_begun_before
from dovtab.engine.acting.posts import Post, Started
from dovtab.engine.interruption import not_sent
from dovtab.engine.reading.rows import Object, is_object, read_started
from dovtab.errors import AnswerError, APIError, DovtabError, LogError
from dovtab.resources import Table

_CLOCKS_DIFFER_SECONDS = 60.0
_LEFT_OUT = "it has the tag, and the answer has no action for it: was it locked, or off?"
# In the JSON of an action that was looked up; the API's own has no such member.
INFERRED = {"outcome": "inferred"}


def deliver(table: Table, account: Account, post: Post, cancelled: Event) -> list[Object]:
    """Send it; gives the actions that it has started.

    One that was looked up has a member more, ``"outcome": "inferred"``.

    Args:
        post: learns what became of it.
        cancelled: set when nobody waits; then nothing more is sent.

    Raises:
        DovtabError: it was refused, or its outcome is not known.
    """
    return _Delivery(table, account, post, cancelled).run()


class _Delivery:
    def __init__(self, table: Table, account: Account, post: Post, cancelled: Event) -> None:
        assert table.acts is not None
        self._table = table
        self._acts = table.acts
        self._account = account
        self._post = post
        self._cancelled = cancelled
        self._known: set[int] = set()

    def run(self) -> list[Object]:
        account, post = self._account, self._post
        try:
            account.acquire_in_thread(post.request, self._cancelled)
            post.logged = self._asked()
        except DovtabError as error:
            post.ended("refused", error)
            raise
        try:
            return self._deliver()
        finally:
            self._book()

    def _asked(self) -> int | None:
        account, shared = self._account, self._account.shared()
        try:
            return account.log.asked(
                self._post,
                account.clock.time(),
                account.settings.api_url,
                shared.client.token,
            )
        except LogError:
            # It has its place in the quota, and nothing will be sent.
            shared.quota.answered(account.clock.monotonic(), attempts=0)
            raise

    def _deliver(self) -> list[Object]:
        try:
            exchange = self._send()
        except DovtabError as error:
            self._post.ended("refused", error)
            raise
        try:
            told = None if exchange.uncertain else self._told(exchange)
            return self._sent(told) if told is not None else self._found(exchange)
        except DovtabError as error:
            self._post.ended("unknown", error, self._post.started)
            raise
        finally:
            self._account.shared().cache.invalidate(self._post.parent)

    def _send(self) -> Exchange:
        """Send it, at most once; an error means that it has not run."""
        account, post = self._account, self._post
        account.shared().claims.add(post)
        post.outcome, post.error = "unknown", "no answer yet"
        exchange = post.exchange = account.record(post.request)
        account.send(exchange, self._cancelled, before_attempt=self._before_attempt)
        post.request_id = exchange.request_id
        if exchange.attempts == 0:
            raise not_sent(post.request)
        if exchange.error is not None and not exchange.uncertain:
            if isinstance(exchange.error, APIError) and exchange.status != 429:
                exchange.error.outcome = "refused"
            raise exchange.error
        return exchange

    def _book(self) -> None:
        post = self._post
        try:
            self._account.log.booked(post, self._account.clock.time())
        except LogError as error:
            # It was sent: that is what has to be told first.
            post.error = _and(post.error, error)
            post.started = [one._replace(error=_and(one.error, error)) for one in post.started]

    def _before_attempt(self) -> None:
        # Only the last attempt can have run: what was there before it is not ours.
        self._known |= self._account.shared().cache.ids(self._post.parent)
        self._post.sent_at = self._account.clock.time()

    def _told(self, exchange: Exchange) -> list[Object] | None:
        """The actions in an answer that came; None: it cannot be believed."""
        try:
            answer = decode(exchange)
            actions = read_started(self._table, self._post.request, answer)
            self._check_targets(
                actions, is_list=not is_object(answer.get(self._acts.post.answer))
            )
            ids = {action["id"] for action in actions}
            is_old = any(has_begun_before(action, self._since(exchange)) for action in actions)
            if (
                is_old
                or ids & self._known
                or not self._account.shared().claims.claim(self._post, ids)
            ):
                raise AnswerError(
                    f"{self._post.request}: the answer has an action that was there before"
                )
        except AnswerError as error:
            exchange.error = error
            return None
        return actions

    def _since(self, exchange: Exchange) -> float:
        """When it was sent, by the API's clock, and a good while earlier: clocks differ."""
        return (self._post.sent_at or 0.0) + exchange.server_ahead - _CLOCKS_DIFFER_SECONDS

    def _check_targets(self, actions: list[Object], *, is_list: bool) -> None:
        """Each is of another Droplet, and, where they were counted, of one that was."""
        targets = self._post.targets
        parents = [self._parent(action) for action in actions]
        strangers = set(parents) - targets if targets is not None else set()
        # One action, and no list, has been seen for a tag with a single Droplet.
        is_too_few = targets is not None and len(targets) > 1 and not is_list
        if len(set(parents)) < len(parents) or strangers or is_too_few:
            raise AnswerError(f"{self._post.request}: the answer does not fit what has the tag")

    def _sent(self, actions: list[Object]) -> list[Object]:
        started = [
            Started(self._parent(action), action["id"], "sent", self._difference(action))
            for action in actions
        ]
        left_out = set(self._post.targets or ()) - {one.parent for one in started}
        error = next((one.error for one in started if one.error), None)
        started += [Started(id, None, "refused", _LEFT_OUT) for id in sorted(left_out)]
        self._post.ended("sent", error, started)
        return actions

    def _difference(self, action: Object) -> str | None:
        type = action.get("type")
        if type in (None, self._post.type):
            return None
        called = self._account.shared().client.token.removed_from(str(type))
        return f"the answer calls its type {called[:60]!r}"

    def _found(self, exchange: Exchange) -> list[Object]:
        """The actions that a POST without an answer has started after all."""
        post, lost = self._post, exchange.error
        search = Search(self._table, self._account, post, self._known, self._cancelled)
        try:
            found = search.run()
        except DovtabError as error:
            raise self._unknown(lost, f"looking for it failed: {error}") from None
        actions = [action for action in found.values() if action is not None]
        claimed = self._account.shared().claims.claim(post, {a["id"] for a in actions})
        if claimed and actions and not search.why:
            post.ended("inferred", None, as_started(found, ""))
            ids = ", ".join(str(action["id"]) for action in actions)
            logger.found(f"{post.request}: inferred: action {ids}")
            return [action | INFERRED for action in actions]
        unknown = self._unknown(lost, search.why or "what looks like it is another's")
        post.started = as_started(found, str(unknown)) if claimed else ()
        raise unknown

    def _unknown(self, lost: DovtabError | None, why: str) -> DovtabError:
        error = lost or AnswerError(f"{self._post.request}: no answer")
        error.outcome = "unknown"
        error.args = (f"{error}; {why}{self._post.request.may_have_run}",)
        logger.found(f"unknown: {error}")
        return error

    def _parent(self, action: Object) -> int | None:
        id = action.get(self._table.reads.parent[-1])
        return id if isinstance(id, int) else self._post.parent


def _and(told: str | None, error: DovtabError) -> str:
    return f"{told}; {error}" if told else str(error)
