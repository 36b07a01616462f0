"""What to tell of actions that nobody waited for to their end.

Their process was killed between the POST and its answer: the log has them, and
nobody knows what became of them. That is told once.
"""

from __future__ import annotations

from dovtab.engine.acting.log import ActionLog
from dovtab.errors import LogError


def tell_once(log: ActionLog, now: float) -> str | None:
    """What to tell, if there is anything that was not told before.

    A log that cannot be read is no reason not to go on: it is told of by whoever acts.

    Args:
        now: seconds since 1970.
    """
    try:
        entries = log.unfinished(now)
        if entries:
            log.told(entries)
    except LogError:
        return None
    if not entries:
        return None
    actions = "1 action" if len(entries) == 1 else f"{len(entries)} actions"
    have = "has" if len(entries) == 1 else "have"
    moment = f"{entries[0].asked_at[:19]}Z"
    return f"{actions} of {moment} {have} no outcome: see dovtab_log"
