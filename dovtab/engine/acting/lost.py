"""The search for what a POST has started whose answer was lost.

The Droplet's actions are looked at, twice, the newest first and no further than is
needed. By tag, those of each Droplet that has the tag.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_list
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from threading import Event

from dovtab.api.exchange import Request
from dovtab.engine.account import Account
from dovtab.engine.acting.claims import RIVAL_SECONDS
from dovtab.engine.acting.entry import ids_of_others
from dovtab.engine.acting.lists import Lists
from dovtab.engine.acting.outcome import candidates, is_past
from dovtab.engine.acting.posts import Post, Started
from dovtab.engine.acting.targets import tagged
from dovtab.engine.journal import rfc3339
from dovtab.engine.reading.rows import Object
from dovtab.errors import AnswerError
from dovtab.resources import Table

# The API has been seen to show a new action only after a moment.
LOOK_AGAIN_SECONDS = 2.0
_NOT_FOUND = "no such action was found"
RIVAL = "another request for the same may have been the one that ran"
_SEVERAL = "more than one action looks like it"
_SHOWN = 5


class Search:
    """A search for one POST's actions, in a call's thread.

    Args:
        known: actions that were there before it was sent, or are somebody else's.
        cancelled: set when nobody waits; then it ends as soon as it can.
        from_log: it is one of the log's, of long ago: a second look would bring nothing,
            and ``known`` is all that the log knows.

    Attributes:
        why: what to tell, if not all was found.
    """

    def __init__(
        self,
        table: Table,
        account: Account,
        post: Post,
        known: Set[int],
        cancelled: Event,
        *,
        from_log: bool = False,
    ) -> None:
        self.why = ""
        self._from_log = from_log
        self._table = table
        self._account = account
        self._post = post
        self._known = known
        self._cancelled = cancelled
        self._lists = Lists(table, account, cancelled)

    def run(self, seconds: float = math.inf) -> dict[int, Object | None]:
        """Of each Droplet the action that was found, or None.

        Args:
            seconds: for how long after it was sent it can have begun.

        Raises:
            DovtabError: it cannot be looked for.
        """
        parents = self._parents()
        found = self._look(parents, seconds)
        if not self._from_log and _is_incomplete(found) and not self._cancelled.is_set():
            self._account.pause(LOOK_AGAIN_SECONDS, self._cancelled)
            found = self._look(parents, seconds)
        self._explain(found)
        return {id: actions[0] if len(actions) == 1 else None for id, actions in found.items()}

    def _parents(self) -> list[int]:
        post = self._post
        if post.parent is not None:
            return [post.parent]
        if post.targets is not None:
            return sorted(post.targets)
        assert post.tag_name is not None
        return sorted(tagged(self._table, self._lists, post.tag_name))

    def _look(self, parents: Iterable[int], seconds: float) -> dict[int, list[Object]]:
        return {id: self._candidates(id, seconds) for id in parents}

    def _candidates(self, parent: int, seconds: float) -> list[Object]:
        listed, post, claims = self._table.reads.list, self._post, self._account.shared().claims
        assert listed is not None
        actions: list[Object] = []
        for page in self._lists.read(Request(listed, {self._table.key: parent})):
            actions += page
            since = (post.sent_at or 0.0) + self._lists.server_ahead
            if is_past(actions, since):
                break
        if claims.has_rival(post, parent):
            raise AnswerError(RIVAL)
        known = self._known | claims.ids() - post.ids()
        found = candidates(actions, post.type, since, known, since + seconds)
        return found and self._not_in_log(parent, found)

    def _not_in_log(self, parent: int, found: list[Object]) -> list[Object]:
        """Those that no other process of this user's has, as far as its log says."""
        account, post = self._account, self._post
        if account.settings.log is None or self._from_log:
            return found
        others = [
            entry
            for entry in account.log.entries(f"WHERE parent IS NULL OR parent = {parent}")
            if entry.id != post.logged
            and (entry.api_url, entry.table_name) == (account.settings.api_url, post.table.name)
        ]
        theirs = ids_of_others(post.logged, account.settings.api_url, others)
        since = rfc3339((post.sent_at or 0.0) - RIVAL_SECONDS)
        if any(e.is_unknown and e.type == post.type and e.asked_at >= since for e in others):
            raise AnswerError(RIVAL)
        return [action for action in found if action["id"] not in theirs]

    def _explain(self, found: dict[int, list[Object]]) -> None:
        missing = [id for id, actions in found.items() if len(actions) != 1]
        if not found:
            self.why = f"no {self._table.noun} was found that has the tag"
        elif missing:
            several = any(found[id] for id in missing)
            where = ", ".join(map(str, missing[:_SHOWN])) if len(found) > 1 else ""
            looks = "" if self._from_log else " in two looks"
            self.why = (_SEVERAL if several else _NOT_FOUND + looks) + (
                where and f" on {where}"
            )


def _is_incomplete(found: dict[int, list[Object]]) -> bool:
    return any(len(actions) != 1 for actions in found.values())


def as_started(found: dict[int, Object | None], error: str) -> list[Started]:
    """What was found, as the record of the POST has it."""
    return [
        Started(parent, action["id"], "inferred")
        if action
        else Started(parent, None, "unknown", error)
        for parent, action in found.items()
    ]
