"""The actions asked for on one connection, kept for the table ``dovtab_posts``.

Every POST is here from before it is sent, and learns what became of it in
place: whoever stops waiting finds it still. Bounded, and never a token.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from dovtab.api.exchange import Exchange, Json, Request
from dovtab.engine.journal import rfc3339
from dovtab.resources import Row, Table

KEPT = 10_000

Outcome = Literal["sent", "refused", "unknown", "dry-run"]
Columns = tuple[tuple[str, str], ...]


def post_columns(tables: Sequence[Table]) -> Columns:
    """The columns of ``dovtab_posts`` for these tables: of each what it acts on, and by tag.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> [name for name, _ in post_columns([DROPLET_ACTIONS])][1:6]
    ['sent_at', 'droplet_id', 'tag_name', 'type', 'attributes']
    """
    acting = [table for table in tables if table.acts is not None]
    parents = dict.fromkeys(table.key for table in acting)
    tags = dict.fromkeys(t.acts.by_tag.column for t in acting if t.acts and t.acts.by_tag)
    return (
        ("seq", "INTEGER"),
        ("sent_at", "TEXT"),
        *((name, "INTEGER") for name in parents),
        *((name, "TEXT") for name in tags),
        ("type", "TEXT"),
        ("attributes", "TEXT"),
        ("outcome", "TEXT"),
        ("action_id", "INTEGER"),
        ("request_id", "TEXT"),
        ("error", "TEXT"),
    )


@dataclass(slots=True)
class Post:
    """One POST, and what became of it.

    Attributes:
        table: whose action it is.
        context: the account's, if it is not the connection's own.
        sent_at: seconds since 1970; None: it was not sent.
        outcome: unknown until it is known.
        actions: what it is done to and the action, of each that was started; no
            action for something of a tag about which nobody knows.
        error: why it was refused, or why its outcome is not known.
    """

    request: Request
    table: Table
    context: str | None = None
    sent_at: float | None = None
    outcome: Outcome = "refused"
    actions: list[tuple[int | None, int | None]] = field(default_factory=list)
    request_id: str | None = None
    error: str | None = "not sent"
    exchange: Exchange | None = None

    @property
    def type(self) -> str:
        """What is to be done."""
        return str((self.request.body or {}).get("type"))

    @property
    def parent(self) -> int | None:
        """What it is to be done to; None: to whatever has the tag."""
        return self.request.parameters.get(self.table.key)

    @property
    def by_tag(self) -> bool:
        """Whether it goes to whatever has the tag."""
        return self.parent is None

    def ended(self, outcome: Outcome, error: object = None) -> None:
        """It is known now."""
        self.error = None if error is None else str(error)
        self.outcome = outcome

    def ids(self) -> set[int]:
        """The actions that are known to be of this POST."""
        return {id for _, id in self.actions if id}

    def cells(self, seq: int) -> Iterable[dict[str, int | str | None]]:
        """By column, of each action that it has started; or of itself, if of none."""
        body = self.request.body or {}
        attributes = {name: value for name, value in body.items() if name != "type"}
        for parent, action in self.actions or [(None, None)]:
            yield {
                "seq": seq,
                "sent_at": None if self.sent_at is None else rfc3339(self.sent_at),
                **{name: str(value) for name, value in self.request.query.items()},
                self.table.key: self.parent if parent is None else parent,
                "type": self.type,
                "attributes": _text(attributes) if attributes else None,
                "outcome": self.outcome if action is None else "sent",
                "action_id": action,
                "request_id": self.request_id,
                "error": self.error if action is None else None,
            }


class Posts:
    """The last ``KEPT`` POSTs of a connection, oldest first."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._posts: deque[tuple[int, Post]] = deque()
        # Of those that are not kept: a wait must still not use another's token.
        self._contexts: dict[tuple[str, int], str] = {}
        self._reported = 0

    def add(self, post: Post) -> Post:
        """Record a POST that is about to be sent, or would be."""
        self._posts.append((next(self._seq), post))
        if len(self._posts) > KEPT:
            _, oldest = self._posts.popleft()
            if oldest.context is not None:
                keys = ((oldest.table.name, id) for id in oldest.ids())
                self._contexts |= dict.fromkeys(keys, oldest.context)
        return post

    def rows(self, columns: Columns) -> list[Row]:
        """What was asked for so far, in the order of the columns."""
        found = [cells for seq, post in list(self._posts) for cells in post.cells(seq)]
        return [tuple(cells.get(name) for name, _ in columns) for cells in found]

    def started(self, table: Table, context: str | None) -> list[tuple[int, int]]:
        """What was acted on and the action, of all that one account sent, in their order."""
        posts = [post for _, post in list(self._posts)]
        of_account = [p for p in posts if p.table is table and p.context == context]
        pairs = (pair for post in of_account for pair in post.actions)
        return [(parent, id) for parent, id in pairs if parent and id]

    def context(self, table: Table, action_id: int) -> str | None:
        """The context of the account that started this action; None: our own, or nobody here."""
        for _, post in list(self._posts):
            if post.table is table and any(id == action_id for _, id in post.actions):
                return post.context
        return self._contexts.get((table.name, action_id))

    def unreported(self) -> Counter[str]:
        """How many have had which outcome, of those that nobody was told of."""
        new = [(seq, post) for seq, post in list(self._posts) if seq > self._reported]
        self._reported = max((seq for seq, _ in new), default=self._reported)
        counts: Counter[str] = Counter()
        for _, post in new:
            to_nobody = post.outcome == "sent" and not post.actions
            outcome = f"sent to no {post.table.noun}" if to_nobody else post.outcome
            counts[outcome] += len(post.actions) or 1
        return Counter(dict(sorted(counts.items())))


def _text(attributes: dict[str, Json]) -> str:
    return json.dumps(attributes, separators=(",", ":"), ensure_ascii=False)
