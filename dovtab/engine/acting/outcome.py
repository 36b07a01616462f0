"""What became of a POST whose answer was lost.

It is looked for among the Droplet's actions: one of that type, started since,
that nobody knew of, is ours. With none, or with more than one, nobody can tell,
and it is never guessed.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_list
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime

from dovtab.api.exchange import Json

# The API writes whole seconds, and so does the header that tells its time.
ROUNDING_SECONDS = 2.0


def candidates(
    actions: Iterable[dict[str, Json]], type: str, since: float, known: Set[int]
) -> list[dict[str, Json]]:
    """The actions that may be what a POST has started.

    Args:
        since: when it was sent, in seconds since 1970 and by the API's clock.
        known: ids of actions that were there before, or are somebody else's.

    >>> made = {"id": 7, "type": "reboot", "started_at": "2026-11-24T01:00:00Z"}
    >>> candidates([made], "reboot", 1795482001.0, set()) == [made]
    True
    >>> candidates([made], "reboot", 1795482060.0, set())
    []
    """
    return [
        action
        for action in actions
        if action.get("type") == type
        and action["id"] not in known
        and _moment(action.get("started_at")) >= since - ROUNDING_SECONDS
    ]


def _moment(text: Json) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
