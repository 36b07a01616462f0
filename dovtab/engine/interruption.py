"""The one place that tells of an interruption.

SQLite's interrupt is an error of ours, Ctrl-C is Python's own. Either stops the
waiting and not what is waited for, so whoever waits says here what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dovtab.api.exchange import Request
from dovtab.errors import Interrupted


@contextmanager
def reporting_interruption(report: Callable[[], Interrupted]) -> Iterator[None]:
    """Let an interruption out as what ``report`` says; Ctrl-C takes that as a note.

    Args:
        report: called once, and only if there is an interruption.
    """
    try:
        yield
    except Interrupted:
        raise report() from None
    except KeyboardInterrupt as pressed:
        pressed.add_note(str(report()))
        raise


def not_sent(request: Request) -> Interrupted:
    """The error for a request that was given up in time."""
    return Interrupted(f"{request}: interrupted before it was sent")


def not_answered(request: Request) -> Interrupted:
    """The error for a request that nobody waits for any more."""
    return Interrupted(f"{request}: interrupted before it was answered{request.may_have_run}")
