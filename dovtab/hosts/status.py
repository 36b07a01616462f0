"""The exit statuses of the command: what a script can know without reading a message.

The one rule: of several failures the worst counts, and worst is what running it again
helps least. Whatever was not known to go well is not 0.

Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08
"""

from __future__ import annotations

from dovtab.errors import (
    ActionsError,
    AnswerError,
    APIError,
    ArgumentError,
    DovtabError,
    Interrupted,
    LogError,
    NetworkError,
    NotAllowedError,
    RateLimitError,
    SettingsError,
    TooManyActionsError,
    TooManyRequestsError,
    WaitError,
)

OK, WRONG, CANNOT_START, REFUSED, UNKNOWN, UNANSWERED, LIMIT = range(7)
# As a shell has it for what a signal ends: SIGINT, and SIGPIPE.
INTERRUPTED, UNREAD = 130, 141

# What it means, the worst first.
MEANINGS = {
    INTERRUPTED: "interrupted, by Ctrl-C or SIGTERM",
    UNKNOWN: "what became of an action is not known: its answer was lost, or a wait for it"
    " ended first; see dovtab_posts and dovtab_log",
    REFUSED: "actions were refused, not allowed, too many, or never committed; the others of a"
    " transaction may have been sent",
    CANNOT_START: "an option, a setting, the token or a file of dovtab's own cannot be used",
    WRONG: "the SQL is wrong, or SQLite has another error: a file, a constraint",
    UNANSWERED: "the API did not answer, or answered with an error",
    LIMIT: "the rate limit (max_wait_seconds), or max_requests",
    UNREAD: "whoever read the output has stopped reading; nothing is said",
    OK: "all went well",
}

# The first that fits.
STATUSES: tuple[tuple[type[DovtabError], int], ...] = (
    (SettingsError, CANNOT_START),
    (ArgumentError, WRONG),
    (NotAllowedError, REFUSED),
    (TooManyRequestsError, LIMIT),
    (TooManyActionsError, REFUSED),
    (RateLimitError, LIMIT),
    (APIError, UNANSWERED),
    (AnswerError, UNANSWERED),
    (NetworkError, UNANSWERED),
    (ActionsError, REFUSED),
    (WaitError, UNKNOWN),
    (LogError, REFUSED),
    (Interrupted, INTERRUPTED),
    (DovtabError, WRONG),
)
# It is not valid, or lacks a scope: to run it again helps nobody.
_TOKEN_REFUSED = (401, 403)
_OUTCOMES = {"unknown": UNKNOWN, "refused": REFUSED}
_WIDTH = 80


def status_of(error: BaseException) -> int:
    """The status of a command that this error ends.

    >>> status_of(NetworkError("no answer")), status_of(ValueError("near SELEC"))
    (5, 1)
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return UNREAD
    if not isinstance(error, DovtabError):
        return WRONG
    if isinstance(error, APIError) and error.status in _TOKEN_REFUSED:
        return CANNOT_START
    if error.outcome is not None:
        return _OUTCOMES[error.outcome]
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def worst(*statuses: int) -> int:
    """The one that counts; a script's own, of ``.exit 7``, before any.

    >>> worst(OK, UNANSWERED, REFUSED), worst(7, REFUSED), worst(OK)
    (3, 7, 0)
    """
    order = list(MEANINGS)
    return min(statuses, key=lambda status: order.index(status) if status in order else -1)


def listed() -> str:
    """The table of ``--help exit``."""
    # Few ask for it.
    from textwrap import wrap

    lines = ["Exit status; of several failures the first of these counts:", ""]
    for status, meaning in MEANINGS.items():
        wrapped = wrap(meaning, _WIDTH - 8)
        lines.append(f"{status:>6}  {wrapped[0]}")
        lines += [" " * 8 + line for line in wrapped[1:]]
    lines += ["", ".exit NUMBER ends with that. At a prompt, failures do not count."]
    return "\n".join(lines)
