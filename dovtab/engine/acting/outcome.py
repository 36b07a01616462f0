"""What may have become of a POST whose answer was lost.

It is looked for among the Droplet's actions: one of that type, started since,
that nobody knew of, may well be ours. It need not be: somebody with another token
can have started the same at the same moment. So it is inferred, and never known;
and with none, or with more than one, nobody can tell, and it is not guessed.

Pure. Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_list
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from itertools import pairwise

from dovtab.api.exchange import Json

Action = dict[str, Json]

# The API writes whole seconds, and so does the header that tells its time.
ROUNDING_SECONDS = 2.0


def candidates(
    actions: Iterable[Action],
    type: str,
    since: float,
    known: Set[int],
    until: float = math.inf,
) -> list[Action]:
    """The actions that may be what a POST has started.

    Args:
        since, until: when it was sent and when it was over, in seconds since 1970 and
            by the API's clock.
        known: ids of actions that were there before, or are somebody else's.

    >>> made = {"id": 7, "type": "reboot", "started_at": "2026-11-24T01:00:00Z"}
    >>> candidates([made], "reboot", 1795482001.0, set()) == [made]
    True
    >>> candidates([made], "reboot", 1795482060.0, set())
    []
    """
    since, until = since - ROUNDING_SECONDS, until + ROUNDING_SECONDS
    return [
        action
        for action in actions
        if action.get("type") == type
        and action["id"] not in known
        and since <= _moment(action) <= until
    ]


def is_past(actions: Sequence[Action], since: float) -> bool:
    """Whether a list, as far as it has been read, has come past this moment.

    Lists have been seen to begin with the newest, which is documented nowhere: so it
    has to show in what was read.

    >>> new = {"id": 8, "started_at": "2026-11-24T01:00:00Z"}
    >>> old = {"id": 7, "started_at": "2026-11-24T00:00:00Z"}
    >>> is_past([new, old], 1795482000.0), is_past([old, old], 1795482000.0)
    (True, False)
    """
    moments = [_moment(action) for action in actions]
    return (
        len(moments) > 1
        and moments[0] > moments[-1]
        and all(earlier <= later for later, earlier in pairwise(moments))
        and moments[-1] < since - ROUNDING_SECONDS
    )


def has_begun_before(action: Action, moment: float) -> bool:
    """Whether it says that it was started before this moment."""
    return _moment(action) < moment


def _moment(action: Action) -> float:
    """When it was started, in seconds since 1970; NaN, which is no time, if it does not say."""
    text: Json = action.get("started_at")
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return math.nan
