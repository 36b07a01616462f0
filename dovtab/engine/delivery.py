"""A POST and what became of it, whatever the network does.

The one rule: it is sent once. If no answer says whether it ran, the Droplet's
actions are looked at, twice; what is found there is the answer, and what is not
is told as unknown. All of this happens in a flight's thread, so that it goes on
when nobody waits any more, and is written down.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from threading import Event

from dovtab.api.answers import decode
from dovtab.api.exchange import MAY_HAVE_RUN, Exchange, Json, Request
from dovtab.api.pages import PER_PAGE_MAX
from dovtab.engine.account import Account, not_sent
from dovtab.engine.outcome import candidates
from dovtab.engine.posts import Post
from dovtab.engine.rows import has_next, is_object
from dovtab.errors import AnswerError, DovtabError
from dovtab.resources import Resource

Object = dict[str, Json]

# The API has been seen to show a new action only after a moment.
LOOK_AGAIN_SECONDS = 2.0
# For so long a POST that nobody knows of may still turn out to have run.
RIVAL_SECONDS = 120.0


def deliver(resource: Resource, account: Account, post: Post, cancelled: Event) -> list[Object]:
    """Send it; gives the actions that it has started.

    Args:
        post: learns what became of it.
        cancelled: set when nobody waits; then nothing more is sent.

    Raises:
        DovtabError: it was refused, or its outcome is not known.
    """
    return _Delivery(resource, account, post, cancelled).run()


class _Delivery:
    def __init__(
        self, resource: Resource, account: Account, post: Post, cancelled: Event
    ) -> None:
        self._resource = resource
        self._account = account
        self._post = post
        self._cancelled = cancelled
        self._request = post.request
        self._parent = post.request.parameters.get(resource.parent[0])
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
                self._account.shared().cache.forget(self._parent)
        self._post.actions = [(self._droplet(action), action["id"]) for action in actions]
        self._post.ended("sent")
        return actions

    def _send(self) -> Exchange:
        try:
            self._account.place(self._request, self._cancelled)
        except DovtabError as error:
            raise _Refused(error) from None
        shared = self._account.shared()
        self._known = set() if self._parent is None else shared.cache.ids(self._parent)
        self._post.sent_at = self._account.clock.time()
        shared.posts.append(self._post)
        self._post.outcome, self._post.error = "unknown", "no answer yet"
        exchange = self._post.exchange = self._account.begin(self._request)
        self._account.fly(exchange, self._cancelled)
        self._post.request_id = exchange.request_id
        if exchange.attempts == 0:
            raise _Refused(not_sent(self._request))
        if exchange.error is not None and not exchange.uncertain:
            raise _Refused(exchange.error)
        return exchange

    def _read(self, exchange: Exchange) -> list[Object]:
        """The actions in an answer that came."""
        answer, resource = decode(exchange), self._resource
        single = answer.get(resource.post.answer)
        # For a tag with a single Droplet the API has been seen to answer with one object.
        actions = [single] if is_object(single) else answer.get(resource.post_by_tag.answer)
        by_tag = self._request.operation is resource.post_by_tag
        if not isinstance(actions, list) or not all(map(self._is_asked_for, actions)):
            actions = None
        if actions is None or (not by_tag and len(actions) != 1):
            what = "list of actions" if by_tag else "action"
            exchange.error = AnswerError(f"{self._request}: the answer holds no {what}")
            return self._found(exchange)
        return actions

    def _is_asked_for(self, action: Json) -> bool:
        """Whether this can be what the POST has started: an action on that Droplet."""
        return (
            is_object(action)
            and action.get("type") in (None, self._type)
            and (self._parent is None or self._droplet(action) == self._parent)
        )

    def _found(self, exchange: Exchange) -> list[Object]:
        """The actions that a POST without an answer has started after all."""
        lost = exchange.error
        try:
            droplets = [self._parent] if self._parent else self._tagged()
            found = self._look_at(droplets)
            missing = [id for id in droplets if len(found[id]) != 1]
            if missing and not self._cancelled.is_set():
                self._account.clock.wait(self._cancelled, LOOK_AGAIN_SECONDS)
                found = self._look_at(droplets)
                missing = [id for id in droplets if len(found[id]) != 1]
        except DovtabError as error:
            raise self._unknown(lost, f"looking for it failed: {error}") from None
        if not missing:
            return [found[id][0] for id in droplets]
        self._post.actions = [
            (id, found[id][0]["id"] if len(found[id]) == 1 else None) for id in droplets
        ]
        if any(len(found[id]) > 1 for id in missing):
            why = "more than one action looks like it"
        else:
            why = "no such action was found in two looks"
        where = f" on {', '.join(map(str, missing[:5]))}" if len(droplets) > 1 else ""
        raise self._unknown(lost, why + where)

    def _unknown(self, lost: DovtabError | None, why: str) -> DovtabError:
        error = lost or AnswerError(f"{self._request}: no answer")
        error.args = (f"{error}; {why}{MAY_HAVE_RUN}",)
        return error

    def _look_at(self, droplets: list[int]) -> dict[int, list[Object]]:
        found = {}
        for id in droplets:
            listed = self._list(Request(self._resource.list, {self._resource.parent[0]: id}))
            since = (self._post.sent_at or 0.0) + self._server_ahead
            if self._has_rival(id):
                raise AnswerError("another request for the same may have been the one that ran")
            posts = list(self._account.shared().posts)
            known = self._known.union(*(post.ids() for post in posts))
            found[id] = candidates(listed, self._type, since, known)
        return found

    @property
    def _type(self) -> str:
        return str((self._request.body or {}).get("type"))

    def _has_rival(self, droplet: int) -> bool:
        """Whether what is found could be of another POST of ours that nobody knows of."""
        since = (self._post.sent_at or 0.0) - RIVAL_SECONDS
        return any(
            post is not self._post
            and post.outcome == "unknown"
            and (post.sent_at or 0.0) >= since
            and (post.request.body or {}).get("type") == self._type
            and post.request.parameters.get(self._resource.parent[0], droplet) == droplet
            for post in list(self._account.shared().posts)
        )

    def _tagged(self) -> list[int]:
        """The Droplets of the tag."""
        tag = {"tag_name": self._request.query["tag_name"]}
        return [item["id"] for item in self._list(Request(self._resource.parents, query=tag))]

    def _list(self, request: Request) -> list[Object]:
        """The whole of a list; what moved from page to page is there once."""
        found: dict[int, Object] = {}
        page, more = 1, True
        while more:
            query = {**request.query, "page": page, "per_page": PER_PAGE_MAX}
            asked = Request(request.operation, request.parameters, query)
            answer = self._get(asked)
            items = answer.get(request.operation.answer)
            if not isinstance(items, list) or not all(map(is_object, items)):
                raise AnswerError(f"{asked}: '{request.operation.answer}' is not a list")
            found |= {item["id"]: item for item in items}
            more = bool(items) and has_next(asked, answer.get("links"))
            page += 1
        return list(found.values())

    def _get(self, request: Request) -> Object:
        self._account.place(request, self._cancelled)
        exchange = self._account.begin(request)
        self._account.fly(exchange, self._cancelled)
        if exchange.error is not None:
            raise exchange.error
        if exchange.attempts == 0:
            raise not_sent(request)
        self._server_ahead = exchange.server_ahead
        return decode(exchange)

    def _droplet(self, action: Object) -> int | None:
        id = action.get(self._resource.parent[1])
        return id if isinstance(id, int) else self._parent


class _Refused(DovtabError):
    """It did not run; ``because`` is what to tell."""

    def __init__(self, because: DovtabError) -> None:
        super().__init__(str(because))
        self.because = because
