"""The actions asked for on one connection, kept for the table ``dovtab_posts``.

Every POST is here from before it is sent, and learns what became of it in
place: whoever stops waiting finds it still. Bounded, and never a token.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from dovtab.api.exchange import Exchange, Json, Request
from dovtab.engine.journal import rfc3339
from dovtab.resources import Row

KEPT = 10_000

POST_COLUMNS = (
    ("seq", "INTEGER"),
    ("sent_at", "TEXT"),
    ("droplet_id", "INTEGER"),
    ("tag_name", "TEXT"),
    ("type", "TEXT"),
    ("attributes", "TEXT"),
    ("outcome", "TEXT"),
    ("action_id", "INTEGER"),
    ("request_id", "TEXT"),
    ("error", "TEXT"),
)

Outcome = Literal["sent", "refused", "unknown", "dry-run"]


@dataclass(slots=True)
class Post:
    """One POST, and what became of it.

    Attributes:
        sent_at: seconds since 1970; None: it was not sent.
        outcome: unknown until it is known.
        actions: Droplet and action, of each that was started; no action for a
            Droplet of a tag about which nobody knows.
        error: why it was refused, or why its outcome is not known.
    """

    request: Request
    sent_at: float | None = None
    outcome: Outcome = "refused"
    actions: list[tuple[int | None, int | None]] = field(default_factory=list)
    request_id: str | None = None
    error: str | None = "not sent"
    exchange: Exchange | None = None

    def ended(self, outcome: Outcome, error: object = None) -> None:
        """It is known now."""
        self.error = None if error is None else str(error)
        self.outcome = outcome

    def ids(self) -> set[int]:
        """The actions that are known to be of this POST."""
        return {id for _, id in self.actions if id}

    def rows(self, seq: int) -> Iterable[Row]:
        """A row, or one for each action that a POST by tag has started."""
        body = self.request.body or {}
        attributes = {name: value for name, value in body.items() if name != "type"}
        droplet_id = self.request.parameters.get("droplet_id")
        tag = self.request.query.get("tag_name")
        for droplet, action in self.actions or [(droplet_id, None)]:
            yield (
                seq,
                None if self.sent_at is None else rfc3339(self.sent_at),
                droplet_id if droplet is None else droplet,
                tag,
                str(body.get("type")),
                _text(attributes) if attributes else None,
                self.outcome if action is None else "sent",
                action,
                self.request_id,
                self.error if action is None else None,
            )


class Posts:
    """The last ``KEPT`` POSTs of a connection, oldest first."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._posts: deque[tuple[int, Post]] = deque(maxlen=KEPT)
        self._told = 0

    def add(self, request: Request) -> Post:
        """Record a POST that is about to be sent, or would be."""
        post = Post(request)
        self._posts.append((next(self._seq), post))
        return post

    def rows(self) -> list[Row]:
        """What was asked for so far, in the order of ``POST_COLUMNS``."""
        return [row for seq, post in list(self._posts) for row in post.rows(seq)]

    def started(self) -> list[tuple[int, int]]:
        """Droplet and action of all that were sent, in their order."""
        pairs = (pair for _, post in list(self._posts) for pair in post.actions)
        return [(droplet, id) for droplet, id in pairs if droplet and id]

    def news(self) -> Counter[str]:
        """How many have had which outcome, of those that nobody was told of."""
        new = [(seq, post) for seq, post in list(self._posts) if seq > self._told]
        self._told = max((seq for seq, _ in new), default=self._told)
        counts: Counter[str] = Counter()
        for _, post in new:
            to_nobody = post.outcome == "sent" and not post.actions
            counts["sent to no Droplet" if to_nobody else post.outcome] += (
                len(post.actions) or 1
            )
        return Counter(dict(sorted(counts.items())))


def _text(attributes: dict[str, Json]) -> str:
    return json.dumps(attributes, separators=(",", ":"), ensure_ascii=False)
