"""What an action of a transaction waits for before it is sent: the column ``after``.

NULL
    What came before it on the same Droplet has been started.
``completed``
    That is completed; if it is not, this is not sent.
``ended``
    All that came before it has ended, whatever came of it, and nothing else is in
    progress on the Droplet.

Nothing here sleeps: it gives the seconds to wait, and is taken up again.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from math import inf
from threading import Event

from dovtab.api.exchange import Request
from dovtab.engine.account import Account
from dovtab.engine.acting.lists import Lists
from dovtab.engine.acting.order import outcomes, undertaken, went_well
from dovtab.engine.acting.outcome import is_past
from dovtab.engine.acting.polling import MOST_FAILURES, End, Polling
from dovtab.engine.acting.posts import Post, Started
from dovtab.engine.acting.targets import all_targets
from dovtab.engine.acting.wait import ask, get, has_ended
from dovtab.engine.reading.rows import Object
from dovtab.errors import DovtabError
from dovtab.resources import Table

COMPLETED, ENDED = "completed", "ended"
AFTER = (COMPLETED, ENDED)
# A large disk takes its time to be copied.
PATIENCE_SECONDS = 3600.0
# A new action has been seen to be missing from lists for a moment: so long a list that
# shows nothing is not believed, if what was sent may have begun and was not seen to end.
LAG_SECONDS = 30.0
# A lock has been seen to outlast its action: from so long a pause on, each twice the last.
AGAIN_SECONDS, MOST_REFUSALS = 5.0, 4
# No action has been seen to take as long.
LONGEST_SECONDS = 86_400.0

# Gives seconds to wait; then why it must not be sent, or None.
Ready = Generator[float, None, str | None]


class After:
    """Waits for what comes before the POSTs of a transaction.

    Args:
        before: of each POST those that it comes after.
        cancelled: set when nobody waits; then it ends as soon as it can.
    """

    def __init__(
        self,
        table: Table,
        account: Account,
        before: Mapping[Post, Sequence[Post]],
        cancelled: Event,
    ) -> None:
        self._table = table
        self._account = account
        self._before = before
        self._cancelled = cancelled

    def ready(self, post: Post) -> Ready:
        """Wait until it may be sent; gives why it must not be, or None."""
        if post.after == ENDED:
            yield from self._all_ended(post)
            return None
        for earlier in self._before[post]:
            for one in outcomes(earlier, post):
                if not went_well(one):
                    return f"not sent: an action before it on this {self._table.noun} failed"
                if post.after == COMPLETED and one.id is not None:
                    problem = yield from self._completed(one)
                    if problem is not None:
                        return problem
        return None

    def again(self, refused: int) -> Ready:
        """Wait once more: what has ended may lock the Droplet still.

        Args:
            refused: how often it has been by now.
        """
        yield AGAIN_SECONDS * 2.0**refused
        return None

    def is_locked(self, post: Post) -> bool:
        """Whether that is so, as far as the API lists it."""
        owners = self._table.owners
        if owners is None or post.parent is None:
            return False
        lists = Lists(self._table, self._account, self._cancelled)
        try:
            found = all_targets(owners, lists).get(post.parent)
        except DovtabError:
            return False
        return found is not None and found.locked

    def _completed(self, one: Started) -> Ready:
        end = yield from self._end(one)
        status = end.action.get("status") if end.action else end.kind
        if status == COMPLETED:
            return None
        why = f": {end.error}" if end.error else ""
        return f"not sent: action {one.id}, which it comes after, is {status}{why}"

    def _all_ended(self, post: Post) -> Generator[float, None, None]:
        if self._account.settings.dry_run:
            return
        tried, clock = list(undertaken(post, self._before)), self._account.clock
        unseen = any(one.outcome == "unknown" for one in tried)
        for one in tried:
            if one.id is not None:
                end = yield from self._end(one)
                unseen = unseen or end.kind != "ended"
        believed_at = clock.monotonic() + (LAG_SECONDS if unseen else 0.0)

        def is_idle(open: Object) -> bool:
            return not open and clock.monotonic() >= believed_at

        parents = {post.parent, *(post.targets or ()), *(one.parent for one in tried)}
        for parent in parents - {None}:
            answer = partial(self._in_progress, parent)
            # An outage is no reason to go on: what is in progress would refuse it.
            end = yield from self._until(answer, is_idle, most_failures=inf)
            if end.kind == "failed":
                # Nobody lets us look, so all that is left is not to be too early.
                yield max(0.0, believed_at - clock.monotonic())

    def _end(self, one: Started) -> Generator[float, None, End]:
        assert one.parent is not None
        assert one.id is not None
        request = get(
            self._table, {self._table.key: one.parent, self._table.reads.item[0]: one.id}
        )
        return (
            yield from self._until(
                partial(self._poll, request), partial(has_ended, self._table), MOST_FAILURES
            )
        )

    def _until(
        self,
        answer: Callable[[], Object | None],
        is_over: Callable[[Object], bool],
        most_failures: float,
    ) -> Generator[float, None, End]:
        """Ask until it is over, or makes no sense to ask again."""
        clock = self._account.clock
        polling = Polling(PATIENCE_SECONDS, is_over, most_failures)
        started = clock.monotonic()
        while True:
            answered: Object | DovtabError | None
            try:
                answered = answer()
            except DovtabError as error:
                answered = error
            next = polling.take(answered, clock.monotonic() - started, random.random())
            if isinstance(next, End):
                return next
            if self._cancelled.is_set():
                return End("timeout")
            yield next

    def _poll(self, request: Request) -> Object | None:
        self._account.acquire_in_thread(request, self._cancelled)
        exchange = self._account.record(request)
        return ask(self._table, self._account, exchange, self._cancelled, None)

    def _in_progress(self, parent: int) -> Object:
        """Whatever is in progress on a Droplet; empty: nothing is."""
        listed = self._table.reads.list
        assert listed is not None
        lists = Lists(self._table, self._account, self._cancelled)
        actions: list[Object] = []
        for page in lists.read(Request(listed, {self._table.key: parent})):
            for action in page:
                if not has_ended(self._table, action):
                    return action
            actions += page
            if is_past(actions, self._account.clock.time() - LONGEST_SECONDS):
                break
        return {}
