"""What to tell of actions that nobody waited for to their end.

Their process was killed between the POST and its answer: the log has them, and
nobody knows what became of them. That is told once.

Every start of the command comes here, so what it takes to read the log is imported
only when there is something to tell.
"""

from __future__ import annotations

from pathlib import Path

_RECONCILE = "droplet_actions_reconcile()"
# The latest without an outcome of which nobody was told.
_WHERE = """
    WHERE post.id > (SELECT max(id) FROM post) - 1000
    AND post.id NOT IN (SELECT post FROM booking) AND post.id NOT IN (SELECT post FROM told)
"""


def tell_once(path: str, now: float) -> str | None:
    """What to tell, if there is anything that was not told before.

    A log that cannot be read is no reason not to go on: whoever acts is told of it.

    Args:
        path: of the log.
        now: seconds since 1970.
    """
    try:
        file = Path(path).expanduser()
        exists = file.exists()
    except (OSError, RuntimeError):
        return None
    return _tell(path, now) if exists and _has_any(file) else None


def _has_any(file: Path) -> bool:
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(file)) as log:
            (count,) = log.execute(f"SELECT count(*) FROM post {_WHERE}").fetchone()
    except sqlite3.Error:
        return False
    return bool(count)


def _tell(path: str, now: float) -> str | None:
    from dovtab.engine.acting.log import ActionLog, is_running
    from dovtab.errors import LogError

    log = ActionLog(path)
    try:
        entries = [e for e in log.entries(_WHERE) if not is_running(e, now)]
        if entries:
            log.told(entries)
    except LogError:
        return None
    if not entries:
        return None
    actions = "1 action" if len(entries) == 1 else f"{len(entries)} actions"
    have = "has" if len(entries) == 1 else "have"
    return f"{actions} of {entries[0].asked_at[:19]}Z {have} no outcome: see dovtab_log, and SELECT {_RECONCILE}"
