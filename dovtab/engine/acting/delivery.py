"""A POST and what became of it, whatever the network does.

The one rule: it is sent once. If no answer says whether it ran, the Droplet's
actions are looked at, twice; what is found there is the answer, and what is not
is told as unknown. All of this happens in a call's thread, so that it goes on
when nobody waits any more, and is written down.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Event

from dovtab.api.answers import decode
from dovtab.api.exchange import Exchange, Json, Request
from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.engine.account import Account
from dovtab.engine.acting.outcome import candidates
from dovtab.engine.acting.posts import Post
from dovtab.engine.interruption import not_sent
from dovtab.engine.reading.pager import page_request, read_list
from dovtab.engine.reading.rows import Object, is_object, read_objects
from dovtab.errors import AnswerError, DovtabError
from dovtab.resources import Table

# The API has been seen to show a new action only after a moment.
LOOK_AGAIN_SECONDS = 2.0
# For so long a POST that nobody knows of may still turn out to have run.
RIVAL_SECONDS = 120.0


def deliver(table: Table, account: Account, post: Post, cancelled: Event) -> list[Object]:
    """Send it; gives the actions that it has started.

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
        self._request = post.request
        self._server_ahead = 0.0
        self._known: set[int] = set()

    def run(self) -> list[Object]:
        try:
            exchange = self._send()
            actions = self._found(exchange) if exchange.uncertain else self._read(exchange)
        except _Refused as refused:
            self._post.ended("refused", refused.because)
            raise refused.because from None
        except DovtabError as error:
            self._post.ended("unknown", error)
            raise
        finally:
            if self._post.sent_at is not None:
                self._account.shared().cache.invalidate(self._post.parent)
        self._post.actions = [(self._parent(action), action["id"]) for action in actions]
        self._post.ended("sent")
        return actions

    def _send(self) -> Exchange:
        try:
            self._account.acquire_in_thread(self._request, self._cancelled)
        except DovtabError as error:
            raise _Refused(error) from None
        shared, parent = self._account.shared(), self._post.parent
        self._known = set() if parent is None else shared.cache.ids(parent)
        self._post.sent_at = self._account.clock.time()
        shared.posts.append(self._post)
        self._post.outcome, self._post.error = "unknown", "no answer yet"
        exchange = self._post.exchange = self._account.record(self._request)
        self._account.send(exchange, self._cancelled)
        self._post.request_id = exchange.request_id
        if exchange.attempts == 0:
            raise _Refused(not_sent(self._request))
        if exchange.error is not None and not exchange.uncertain:
            raise _Refused(exchange.error)
        return exchange

    def _read(self, exchange: Exchange) -> list[Object]:
        """The actions in an answer that came."""
        answer, by_tag = decode(exchange), self._acts.by_tag
        single = answer.get(self._acts.post.answer)
        # For a tag with a single Droplet the API has been seen to answer with one object.
        several = answer.get(by_tag.post.answer) if by_tag else None
        actions = [single] if is_object(single) else several
        if not isinstance(actions, list) or not all(map(self._is_asked_for, actions)):
            actions = None
        if actions is None or (not self._post.by_tag and len(actions) != 1):
            what = "list of actions" if self._post.by_tag else "action"
            exchange.error = AnswerError(f"{self._request}: the answer holds no {what}")
            return self._found(exchange)
        return actions

    def _is_asked_for(self, action: Json) -> bool:
        """Whether this can be what the POST has started: an action on that Droplet."""
        parent = self._post.parent
        return (
            is_object(action)
            and action.get("type") in (None, self._post.type)
            and (parent is None or self._parent(action) == parent)
        )

    def _found(self, exchange: Exchange) -> list[Object]:
        """The actions that a POST without an answer has started after all."""
        lost = exchange.error
        try:
            parents = [self._post.parent] if self._post.parent else self._tagged()
            found = self._look_at(parents)
            missing = [id for id in parents if len(found[id]) != 1]
            if missing and not self._cancelled.is_set():
                self._account.pause(LOOK_AGAIN_SECONDS, self._cancelled)
                found = self._look_at(parents)
                missing = [id for id in parents if len(found[id]) != 1]
        except DovtabError as error:
            raise self._unknown(lost, f"looking for it failed: {error}") from None
        if not missing:
            return [found[id][0] for id in parents]
        self._post.actions = [
            (id, found[id][0]["id"] if len(found[id]) == 1 else None) for id in parents
        ]
        if any(len(found[id]) > 1 for id in missing):
            why = "more than one action looks like it"
        else:
            why = "no such action was found in two looks"
        where = f" on {', '.join(map(str, missing[:5]))}" if len(parents) > 1 else ""
        raise self._unknown(lost, why + where)

    def _unknown(self, lost: DovtabError | None, why: str) -> DovtabError:
        error = lost or AnswerError(f"{self._request}: no answer")
        error.args = (f"{error}; {why}{self._request.may_have_run}",)
        return error

    def _look_at(self, parents: list[int]) -> dict[int, list[Object]]:
        listed = self._table.reads.list
        assert listed is not None
        found = {}
        for id in parents:
            actions = self._list(Request(listed, {self._table.key: id}))
            since = (self._post.sent_at or 0.0) + self._server_ahead
            if self._has_rival(id):
                raise AnswerError("another request for the same may have been the one that ran")
            posts = list(self._account.shared().posts)
            known = self._known.union(*(post.ids() for post in posts))
            found[id] = candidates(actions, self._post.type, since, known)
        return found

    def _has_rival(self, parent: int) -> bool:
        """Whether what is found could be of another POST of ours that nobody knows of."""
        since = (self._post.sent_at or 0.0) - RIVAL_SECONDS
        return any(
            post is not self._post
            and post.table.name == self._table.name
            and post.outcome == "unknown"
            and (post.sent_at or 0.0) >= since
            and post.type == self._post.type
            and post.parent in (None, parent)
            for post in list(self._account.shared().posts)
        )

    def _tagged(self) -> list[int]:
        """Whatever has the tag."""
        assert self._acts.by_tag is not None
        query = dict(self._request.query)
        return [
            item["id"] for item in self._list(Request(self._acts.by_tag.members, query=query))
        ]

    def _list(self, request: Request) -> list[Object]:
        """The whole of a list."""
        first = self._page(page_request(request, 1, PER_PAGE_MAX))
        pages = read_list(request, self._pages, first)
        return [item for _, rows in pages for _, item in rows]

    def _pages(
        self, requests: Iterable[Request], *, count: int, fresh: bool
    ) -> Iterator[tuple[Request, Page[tuple[int, Object]]]]:
        yield from ((request, self._page(request)) for request in requests)

    def _page(self, request: Request) -> Page[tuple[int, Object]]:
        self._account.acquire_in_thread(request, self._cancelled)
        exchange = self._account.record(request)
        self._account.send(exchange, self._cancelled)
        if exchange.error is not None:
            raise exchange.error
        if exchange.attempts == 0:
            raise not_sent(request)
        self._server_ahead = exchange.server_ahead
        return read_objects(self._table, request, decode(exchange))

    def _parent(self, action: Object) -> int | None:
        id = action.get(self._table.reads.parent[-1])
        return id if isinstance(id, int) else self._post.parent


class _Refused(DovtabError):
    """It did not run; ``because`` is what to tell."""

    def __init__(self, because: DovtabError) -> None:
        super().__init__(str(because))
        self.because = because
