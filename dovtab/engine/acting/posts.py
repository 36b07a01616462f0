"""The actions asked for on one connection, kept for the table ``dovtab_posts``.

Every POST is here from before it is sent, and learns what became of it in
place: whoever stops waiting finds it still. Bounded, and never a token.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple

from dovtab.api.exchange import Exchange, Json, Request
from dovtab.engine.journal import rfc3339
from dovtab.resources import Column, Row, Table

KEPT = 10_000

Outcome = Literal["sent", "inferred", "refused", "unknown", "dry-run"]
Columns = tuple[Column, ...]
# Begins what is said of a rehearsal that nobody could be asked about.
NOT_LOOKED_UP = "not looked up: "
WHAT_WAS_ASKED: Columns = (
    Column("type", "TEXT", "of the action"),
    Column("attributes", "TEXT", "a JSON object"),
)
WHAT_BECAME_OF_IT: Columns = (
    Column("outcome", "TEXT", "sent, inferred, refused, unknown or dry-run"),
    Column("action_id", "INTEGER", "NULL: none was started, or nobody knows"),
    Column("request_id", "TEXT", "what DigitalOcean's support asks for"),
    Column("error", "TEXT", "why it was refused, or is unknown"),
)


class Started(NamedTuple):
    """What a POST has done to one Droplet, as far as is known.

    Attributes:
        parent: the Droplet; None: the answer does not say.
        id: the action's; None: nobody knows whether there is one.
        outcome: None: nobody has written it down.
        error: why that is so, or how the action differs from what was asked for.
    """

    parent: int | None
    id: int | None
    outcome: Outcome | None
    error: str | None = None


def post_columns(tables: Sequence[Table]) -> Columns:
    """The columns of ``dovtab_posts`` for these tables: of each what it acts on, and by tag.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> [column.name for column in post_columns([DROPLET_ACTIONS])][1:6]
    ['sent_at', 'droplet_id', 'tag_name', 'type', 'attributes']
    """
    return (
        Column("seq", "INTEGER", "the first is 1; by tag, all of one POST have the same"),
        Column("sent_at", "TEXT", "RFC 3339"),
        *targets_columns(tables),
        *WHAT_WAS_ASKED,
        *WHAT_BECAME_OF_IT,
    )


def plan_columns(tables: Sequence[Table]) -> Columns:
    """The columns of ``dovtab_plan`` for these tables.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> [column.name for column in plan_columns([DROPLET_ACTIONS])]
    ['seq', 'droplet_id', 'tag_name', 'type', 'attributes', 'after']
    """
    return (
        Column("seq", "INTEGER", "in which order; a Droplet's own go one after the other"),
        *targets_columns(tables),
        *WHAT_WAS_ASKED,
        Column("after", "TEXT", "what it waits for: completed or ended"),
    )


def plan_rows(posts: Iterable[Post], columns: Columns) -> list[Row]:
    """What a transaction would send, in the order of the columns."""
    planned = [
        {**cells, "after": post.after}
        for seq, post in enumerate(posts, start=1)
        for cells in post.cells(seq)
    ]
    return [tuple(cells.get(c.name) for c in columns) for cells in planned]


def targets_columns(tables: Sequence[Table]) -> Columns:
    """The columns that say to what something is done: of each table its key, and by tag."""
    acting = [table for table in tables if table.acts is not None]
    keys = dict.fromkeys(table.key for table in acting)
    tags = dict.fromkeys(t.acts.by_tag.column for t in acting if t.acts and t.acts.by_tag)
    return (
        *(Column(name, "INTEGER", "what it acts on") for name in keys),
        *(Column(name, "TEXT", "or the tag that this has") for name in tags),
    )


@dataclass(slots=True, eq=False)
class Post:
    """One POST, and what became of it.

    Attributes:
        table: whose action it is.
        context: the account's, if it is not the connection's own.
        sql: the statement that asked for it.
        after: what it waits for before it is sent; see `dovtab.engine.acting.after`.
        targets: what has the tag, if somebody has looked before it was sent.
        sent_at: when it was sent, for the last time, in seconds since 1970; None: it
            was not.
        outcome: unknown until it is known. It is ``sent`` if the answer said so, and
            ``inferred`` if the answer was lost and the action was looked up.
        started: what it has done to whom.
        error: why it was refused, or why its outcome is not known.
        logged: its number in the log of actions.
    """

    request: Request
    table: Table
    context: str | None = None
    sql: str = ""
    after: str | None = None
    targets: frozenset[int] | None = None
    sent_at: float | None = None
    outcome: Outcome = "refused"
    started: Sequence[Started] = ()
    request_id: str | None = None
    error: str | None = "not sent"
    exchange: Exchange | None = None
    logged: int | None = None

    @property
    def type(self) -> str:
        """What is to be done."""
        return str((self.request.body or {}).get("type"))

    @property
    def attributes(self) -> str | None:
        """How, as JSON text."""
        body = self.request.body or {}
        return _text({name: body[name] for name in body if name != "type"} or None)

    @property
    def parent(self) -> int | None:
        """What it is to be done to; None: to whatever has the tag."""
        return self.request.parameters.get(self.table.key)

    @property
    def by_tag(self) -> bool:
        """Whether it goes to whatever has the tag."""
        return self.parent is None

    @property
    def tag_name(self) -> str | None:
        """Which tag that is."""
        return next((str(value) for value in self.request.query.values()), None)

    def ended(
        self, outcome: Outcome, error: object = None, started: Sequence[Started] = ()
    ) -> None:
        """It is known now."""
        self.error = None if error is None else str(error)
        self.started = started
        self.outcome = outcome

    def outcomes(self) -> Sequence[Started]:
        """Of each that it was done to; or of itself, if of none."""
        return self.started or [Started(self.parent, None, self.outcome, self.error)]

    def ids(self) -> set[int]:
        """The actions that are known to be of this POST."""
        return {started.id for started in self.started if started.id}

    def cells(self, seq: int) -> Iterable[dict[str, int | str | None]]:
        """By column, of each action that it has started; or of itself, if of none."""
        for one in self.outcomes():
            yield {
                "seq": seq,
                "sent_at": None if self.sent_at is None else rfc3339(self.sent_at),
                **{name: str(value) for name, value in self.request.query.items()},
                self.table.key: one.parent,
                "type": self.type,
                "attributes": self.attributes,
                "outcome": one.outcome,
                "action_id": one.id,
                "request_id": self.request_id,
                "error": one.error,
            }


class Posts:
    """The last ``KEPT`` POSTs of a connection, oldest first."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._posts: deque[tuple[int, Post]] = deque()
        # Of those that are not kept: a wait must still not use another's token.
        self._contexts: dict[tuple[str, int | None, int], str] = {}
        self._reported = 0

    def add(self, post: Post) -> Post:
        """Record a POST that is about to be sent, or would be."""
        self._posts.append((next(self._seq), post))
        if len(self._posts) > KEPT:
            _, oldest = self._posts.popleft()
            if oldest.context is not None:
                known = [(parent, id) for parent, id, *_ in oldest.started if id]
                keys = [(oldest.table.name, parent, id) for parent, id in known]
                self._contexts |= dict.fromkeys(keys, oldest.context)
        return post

    def rows(self, columns: Columns) -> list[Row]:
        """What was asked for so far, in the order of the columns."""
        found = [cells for seq, post in list(self._posts) for cells in post.cells(seq)]
        return [tuple(cells.get(c.name) for c in columns) for cells in found]

    def started(self, table: Table, context: str | None) -> list[tuple[int, int]]:
        """What was acted on and the action, of all that one account started, in their order."""
        posts = [post for _, post in list(self._posts)]
        of_account = [p for p in posts if p.table is table and p.context == context]
        pairs = (started[:2] for post in of_account for started in post.started)
        return [(parent, id) for parent, id in pairs if parent and id]

    def context(self, table: Table, parent: int, action_id: int) -> str | None:
        """The context of the account that started this action; None: our own, or nobody here.

        If nobody knows of it, it may be what a POST to this Droplet with an unknown
        outcome has started.
        """
        posts = [post for _, post in list(self._posts) if post.table is table]
        for post in posts:
            if (parent, action_id) in (started[:2] for started in post.started):
                return post.context
        key = table.name, parent, action_id
        if key in self._contexts:
            return self._contexts[key]
        unknown = [p for p in posts if p.outcome == "unknown" and p.parent == parent]
        return unknown[-1].context if unknown else None

    def unreported(self) -> Counter[str]:
        """How many have had which outcome, of those that nobody was told of."""
        new = [(seq, post) for seq, post in list(self._posts) if seq > self._reported]
        self._reported = max((seq for seq, _ in new), default=self._reported)
        counts: Counter[str] = Counter()
        for _, post in new:
            if post.outcome == "sent" and not post.started:
                counts[f"sent to no {post.table.noun}"] += 1
            elif post.outcome == "dry-run" and (post.error or "").startswith(NOT_LOOKED_UP):
                # It says nothing of whether the POST would go well.
                counts[f"dry-run, {post.error}"] += 1
            else:
                counts.update(str(one.outcome) for one in post.outcomes())
        return Counter(dict(sorted(counts.items())))


def _text(attributes: dict[str, Json] | None) -> str | None:
    if attributes is None:
        return None
    return json.dumps(attributes, separators=(",", ":"), ensure_ascii=False)
