"""Looking for what became of POSTs that the log has no outcome of.

Their process was killed, or their answer was lost and nothing was found at the
time. They are looked for as any lost answer is, at their own time, and what is found
is booked as inferred. An action that is another's in the log is not a candidate.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_list
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from threading import Event

from dovtab.api.exchange import Request
from dovtab.engine.account import Account
from dovtab.engine.acting.entry import Entry, ids_of_others
from dovtab.engine.acting.log import is_running
from dovtab.engine.acting.lost import RIVAL, Search, as_started
from dovtab.engine.acting.outcome import ROUNDING_SECONDS
from dovtab.engine.acting.posts import Post, Started
from dovtab.engine.interruption import reporting_interruption
from dovtab.errors import DovtabError, Interrupted
from dovtab.resources import Table

# From when it was written down a POST may wait for the rate limit, and for its answer.
SLACK_SECONDS = 30.0


class Reconciliation:
    """One pass over the log.

    Args:
        accounts: whose actions may be looked for; the first one's log.
    """

    def __init__(self, table: Table, accounts: Sequence[Account]) -> None:
        self._table = table
        self._accounts = accounts
        self._log = accounts[0].log
        self._now = accounts[0].clock.time()

    def run(self) -> Counter[str]:
        """Look for all of them; gives how many were inferred, stay unknown, or are elsewhere.

        Raises:
            LogError: there is no log, or it cannot be used.
            Interrupted: somebody stopped it; what was booked stays.
        """
        entries = self._entries()
        counts = Counter(inferred=0, unknown=0, elsewhere=0)
        for entry in filter(self._is_open, entries):
            account = self._account(entry)
            if account is None:
                counts["elsewhere"] += 1
                continue
            post = _post(self._table, entry)
            found = self._look(account, entry, post, entries)
            outcomes = (*_settled(entry), *found)
            if outcomes != entry.outcomes:
                self._log.book(entry.id, outcomes, entry.request_id, self._now)
            account.shared().claims.claim(post, {one.id for one in found if one.id})
            counts.update("inferred" if one.id else "unknown" for one in found)
        return counts

    def _entries(self, where: str = "") -> list[Entry]:
        return [e for e in self._log.entries(where) if e.table_name == self._table.name]

    def _is_open(self, entry: Entry) -> bool:
        # As long as its process runs, it may still book an outcome itself.
        return entry.is_unknown and (
            entry.outcomes is not None or not is_running(entry, self._now)
        )

    def _account(self, entry: Entry) -> Account | None:
        for account in self._accounts:
            of_entry = entry.api_url, entry.token
            if of_entry == (
                account.settings.api_url,
                account.shared().client.token.fingerprint(),
            ):
                return account
        return None

    def _look(
        self, account: Account, entry: Entry, post: Post, entries: Sequence[Entry]
    ) -> list[Started]:
        settings = account.settings
        seconds = settings.max_wait_seconds + settings.timeout_seconds + SLACK_SECONDS

        def look(cancelled: Event) -> list[Started]:
            known = ids_of_others(entry.id, entry.api_url, entries)
            search = Search(self._table, account, post, known, cancelled, from_log=True)
            found = search.run(seconds)
            return as_started(found, search.why) or _unknown(entry, search.why)

        if _has_rival(entry, entries, seconds):
            return _unknown(entry, RIVAL)
        try:
            with reporting_interruption(
                lambda: Interrupted("interrupted; what was found is booked")
            ):
                found = account.run(look)
        except Interrupted:
            raise
        except DovtabError as error:
            return _unknown(entry, f"looking for it failed: {error}")
        # Somebody else may have acted, or looked, in the meantime.
        parents = ", ".join(str(one.parent) for one in found if one.id)
        others = (
            self._entries(f"WHERE parent IS NULL OR parent IN ({parents})") if parents else []
        )
        theirs = ids_of_others(entry.id, entry.api_url, others)
        taken = {one.id for one in found if one.id} & theirs
        return _unknown(entry, RIVAL) if taken or _has_rival(entry, others, seconds) else found


def _post(table: Table, entry: Entry) -> Post:
    acts = table.acts
    assert acts is not None
    body = {"type": entry.type}
    if entry.parent is not None:
        request = Request(acts.post, {table.key: entry.parent}, body=body)
    else:
        assert acts.by_tag is not None
        tag_name = str(entry.tag_name)
        request = Request(acts.by_tag.post, query={acts.by_tag.column: tag_name}, body=body)
    missing = {one.parent for one in _unknown(entry, "") if one.parent}
    targets = frozenset(missing) if missing else entry.targets
    post = Post(request, table, entry.context, entry.sql, targets=targets)
    post.sent_at, post.logged = _seconds(entry), entry.id
    return post


def _settled(entry: Entry) -> list[Started]:
    return [one for one in entry.outcomes or () if one.outcome != "unknown"]


def _unknown(entry: Entry, why: str) -> list[Started]:
    """What is still to be found of it; as it was known before, there is nothing new but why."""
    unknown = [one for one in entry.outcomes or () if one.outcome == "unknown"]
    nothing = Started(entry.parent, None, "unknown")
    return [one._replace(error=why) for one in unknown or [nothing]]


def _has_rival(entry: Entry, others: Sequence[Entry], seconds: float) -> bool:
    """Whether what is found for it may be another's, of which nobody knows yet.

    Args:
        seconds: for how long after it was written down it can have begun.
    """
    return any(
        other.is_unknown
        and other.id != entry.id
        and (other.api_url, other.type) == (entry.api_url, entry.type)
        and (None in (other.parent, entry.parent) or other.parent == entry.parent)
        and abs(_seconds(other) - _seconds(entry)) <= seconds + 2 * ROUNDING_SECONDS
        for other in others
    )


def _seconds(entry: Entry) -> float:
    return datetime.fromisoformat(entry.asked_at).timestamp()
