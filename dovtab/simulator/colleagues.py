"""Colleagues: somebody else of the account does the same, at the same moment.

A colleague has a token of their own, so that ours, its scopes and its limits
are nothing to them; and their requests are in no log of ours. What they start
is in the history all the same: a client whose answer was lost must not take
their action for its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from dovtab.simulator.access import Holder
from dovtab.simulator.limits import RateLimit
from dovtab.simulator.routes import Api
from dovtab.simulator.wire import Request

LABEL = "colleague"

When = Literal["before", "instead", "after"]


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who sends the POSTs that match, too.

    They start the same action on each Droplet that is fit for it when our POST
    comes, be it for one Droplet or by tag; where none is, they start nothing.

    Args:
        path: a regular expression, searched in path and query.
        skip: matching POSTs that they leave alone first.
        times: POSTs that they join after those; None: for ever.
        probability: of joining one, from the simulator's seed; None: certain.
        when: ``before``: theirs comes first, and ours finds the Droplet locked.
            ``instead``: ours never reaches the account; a fault at the edge says
            what is answered, and without one the connection is closed.
            ``after``: ours takes effect, then theirs, as if ours were over: for
            once two actions of one Droplet are in progress.
    """

    path: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float | None = None
    when: When = "before"

    def __post_init__(self) -> None:
        if self.when not in get_args(When):
            raise ValueError(
                f"unknown moment {self.when!r}; known: {', '.join(get_args(When))}"
            )
        if self.path is not None:
            re.compile(self.path)

    def matches(self, request: Request) -> bool:
        if request.method != "POST":
            return False
        return self.path is None or re.search(self.path, request.target) is not None


@contextmanager
def beside(colleague: Colleague | None, api: Api, request: Request) -> Iterator[None]:
    """Let a colleague act before or after what happens within, and nobody between."""
    if colleague is None:
        yield
        return
    holder = Holder(LABEL, None, RateLimit(api.account.rules))
    with api.account.lock:
        act = api.prepared(request, holder)
        if colleague.when != "after":
            act()
        yield
        if colleague.when == "after":
            act()
