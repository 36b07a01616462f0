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
from dovtab.engine.acting.claims import RIVAL_SECONDS
from dovtab.engine.acting.entry import Entry
from dovtab.engine.acting.log import is_running
from dovtab.engine.acting.lost import NOT_FOUND, Search, as_started
from dovtab.engine.acting.posts import Post, Started
from dovtab.engine.call import Call
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
        entries = [e for e in self._log.entries() if e.table_name == self._table.name]
        known = {id for entry in entries for id in entry.ids()}
        open = [entry for entry in entries if self._is_open(entry)]
        counts = Counter(inferred=0, unknown=0, elsewhere=0)
        for entry in open:
            account = self._account(entry)
            if account is None:
                counts["elsewhere"] += 1
                continue
            found = self._look(account, entry, open, known)
            known |= {one.id for one in found if one.id}
            settled = [one for one in entry.outcomes or () if one.id]
            self._log.book(entry.id, [*settled, *found], entry.request_id, self._now)
            counts.update("inferred" if one.id else "unknown" for one in found)
        return counts

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
        self, account: Account, entry: Entry, open: Sequence[Entry], known: set[int]
    ) -> list[Started]:
        nothing = Started(entry.parent, None, "unknown", NOT_FOUND)
        if any(_may_be(other, entry) for other in open):
            error = "another request for the same may have been the one that ran"
            return [nothing._replace(error=error)]
        settings, post = account.settings, self._post(entry)
        seconds = settings.max_wait_seconds + settings.timeout_seconds + SLACK_SECONDS

        def look(cancelled: Event) -> list[Started]:
            search = Search(self._table, account, post, known, cancelled)
            found = search.run(looks=1, seconds=seconds)
            started = as_started(found, search.why)
            ids = {one.id for one in started if one.id}
            return started if account.shared().claims.claim(post, ids) else [nothing]

        call = Call(look)
        try:
            with reporting_interruption(
                lambda: Interrupted("interrupted; what was found is booked")
            ):
                call.start()
                return account.wait_for(call) or [nothing]
        except Interrupted:
            raise
        except DovtabError as error:
            return [nothing._replace(error=f"looking for it failed: {error}")]
        finally:
            call.release()

    def _post(self, entry: Entry) -> Post:
        acts = self._table.acts
        assert acts is not None
        body = {"type": entry.type}
        if entry.parent is not None:
            request = Request(acts.post, {self._table.key: entry.parent}, body=body)
        else:
            assert acts.by_tag is not None
            tag_name = str(entry.tag_name)
            request = Request(acts.by_tag.post, query={acts.by_tag.column: tag_name}, body=body)
        missing = {one.parent for one in entry.outcomes or () if one.id is None and one.parent}
        targets = frozenset(missing) if missing else entry.targets
        post = Post(request, self._table, entry.context, entry.sql, targets=targets)
        post.sent_at, post.logged = _seconds(entry), entry.id
        return post


def _may_be(other: Entry, entry: Entry) -> bool:
    """Whether what is found for one of them may be the other's."""
    return (
        other.id != entry.id
        and (other.api_url, other.type) == (entry.api_url, entry.type)
        and (None in (other.parent, entry.parent) or other.parent == entry.parent)
        and abs(_seconds(other) - _seconds(entry)) < RIVAL_SECONDS
    )


def _seconds(entry: Entry) -> float:
    return datetime.fromisoformat(entry.asked_at).timestamp()
