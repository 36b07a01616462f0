"""`dovtab --refresh FILE` and `dovtab.refresh`: a history that is brought up to date.

What a run has read when something ends it comes into the file, and the next run goes on
from there. It asks for as much as it takes: ``max_requests`` is a query's limit, and
counts here only if it was set on purpose.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Container
from contextlib import closing
from dataclasses import dataclass, replace

from dovtab.api.clock import Clock, SystemClock
from dovtab.api.contexts import all_contexts, context_names, variable_of
from dovtab.api.credentials import token_of
from dovtab.api.settings import Settings
from dovtab.engine.account import Account
from dovtab.engine.history.reading import Reading
from dovtab.engine.journal import rfc3339
from dovtab.engine.quota_waits import ToldWaits
from dovtab.engine.session import Observer
from dovtab.engine.statement import Statement
from dovtab.errors import DovtabError, SettingsError
from dovtab.hosts.history_file import HistoryFile
from dovtab.hosts.history_store import HistoryStore, Written
from dovtab.hosts.run_alone import run_alone
from dovtab.hosts.status import OK, status_of, worst
from dovtab.resources import DROPLET_ACTIONS

# As many as the setting can say.
UNLIMITED = 1_000_000
DEFAULT_NAME = "default"
# How long whoever was interrupted still waits for those who have the file locked.
HURRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a run has done.

    Attributes:
        account: whose actions, as the table calls it.
        new, ended: rows that were not there, and that were in progress and are not now.
        rows: how many the account has there now.
        gone: how many were found to be in the account's list no more; they stay.
        requests: how many it took.
    """

    account: str
    new: int
    ended: int
    rows: int
    gone: int
    requests: int

    def __str__(self) -> str:
        gone = f", {self.gone:,} gone from the account's list" if self.gone else ""
        requests = "request" if self.requests == 1 else "requests"
        return (
            f"{self.new:,} new, {self.ended:,} ended, {self.rows:,} in all{gone},"
            f" {self.requests:,} {requests}"
        )


def refresh(
    path: str,
    settings: Settings,
    *,
    account: str | None = None,
    full: bool = False,
    clock: Clock | None = None,
    observer: Observer | None = None,
) -> Refreshed:
    """Bring the history in a file up to date.

    Args:
        account: what the table calls it; None: by its context's name.
        full: read all of it again.

    Raises:
        SettingsError: the file cannot be used, or is in use, or has another account of that
            name, or this one under another.
        DovtabError: whatever keeps an answer away. How far it has come is a note, the
            first, of it and of a KeyboardInterrupt.
    """
    if not path or path.startswith((":", "file:")):
        raise SettingsError(f"a history is kept in a file, and {path or 'nothing'!r} is none")
    token_of(settings)  # Without one nothing is made.
    with (
        run_alone(path, settings.max_wait_seconds),
        closing(HistoryFile(path, DROPLET_ACTIONS)) as file,
    ):
        return bring_up_to_date(
            file, path, settings, account=account, full=full, clock=clock, observer=observer
        )


def bring_up_to_date(
    store: HistoryStore,
    path: str,
    settings: Settings,
    *,
    account: str | None = None,
    full: bool = False,
    clock: Clock | None = None,
    observer: Observer | None = None,
) -> Refreshed:
    """The same for whatever a history is kept in; nobody else may write there meanwhile.

    Args:
        path: what errors call it.

    Raises:
        SettingsError, DovtabError: as `refresh`.
    """
    name, clock = account or account_name(settings), clock or SystemClock()
    statement = Statement(reads=True)
    api = _account(settings, statement, clock, observer)
    known = store.known(name)
    reading = Reading(DROPLET_ACTIONS, api, statement, name, known, store.gather, full=full)
    other = store.name_of(reading.source)
    if other not in (None, name) and not known.listed:
        raise SettingsError(
            f"{path}: it has this account as '{other}', and would have it twice: go on with"
            f" that name (--context NAME, account=)"
        )
    began_at, whole_at = rfc3339(clock.time()), None
    try:
        reading.run()
        whole_at = began_at
        written = _write(store, reading, whole_at)
    except (DovtabError, KeyboardInterrupt) as ending:
        if whole_at is None or isinstance(ending, KeyboardInterrupt):
            _note(ending, _kept(store, reading, whole_at, full=full))
        raise
    return Refreshed(
        name,
        written.new,
        written.ended,
        written.rows,
        len(reading.survey.gone),
        statement.requests,
    )


def command(
    path: str,
    settings: Settings,
    *,
    account: str | None = None,
    full: bool = False,
    quiet: bool = False,
    observer: Observer | None = None,
    is_one_of_many: bool = False,
) -> int:
    """The same for the command: one line of what was done, or why not; the exit status.

    Args:
        is_one_of_many: the line says which account it is about.
    """
    about = f"{account or account_name(settings)}: " if is_one_of_many else ""
    try:
        done = refresh(path, settings, account=account, full=full, observer=observer)
    except KeyboardInterrupt as pressed:
        pressed.__notes__ = [f"{path}: {about}{_told(pressed)}"]
        raise
    except DovtabError as error:
        said = _told(error)
        where = "" if said.startswith(path) else f"{path}: "
        print(f"Error: {where}{about}{said}", file=sys.stderr)
        return status_of(error)
    finally:
        if observer is not None:
            observer.ended(Counter())
    if not quiet:
        print(f"{path}: {about}{done}")
    return OK


def command_for_all(
    path: str,
    settings: Settings,
    *,
    full: bool = False,
    quiet: bool = False,
    observer: Observer | None = None,
) -> int:
    """The same for each context in turn; one that fails keeps no other from its turn.

    Raises:
        SettingsError: there is no context, or one is named beside all of them.
    """
    if settings.context is not None:
        raise SettingsError(
            "--refresh is for one context or for all: leave out --context, or --all-contexts"
            " (DOVTAB_ALL_CONTEXTS)"
        )
    status = OK
    for name in all_contexts(settings.getenv, settings.variables):
        one = command(
            path,
            replace(settings, token=None, context=name),
            full=full,
            quiet=quiet,
            observer=observer,
            is_one_of_many=True,
        )
        status = worst(status, one)
    return status


def account_name(settings: Settings) -> str:
    """What the history calls an account: as doctl calls its context.

    >>> account_name(Settings(context="Prod", getenv=lambda name: None))
    'prod'
    """
    named = settings.context or settings.getenv("DIGITALOCEAN_CONTEXT")
    if not named:
        return DEFAULT_NAME
    # PROD-EU and prod_eu are one variable, and so one account.
    names = context_names(settings.getenv, settings.variables)
    same = [name for name in names if variable_of(name) == variable_of(named)]
    return named.lower() if named.lower() in same or not same else same[0]


def without_limit(settings: Settings, given: Container[str] = ()) -> Settings:
    """The settings without the limit of a query, unless it was given, or the environment has one."""
    is_set = "max_requests" in given or settings.getenv("DOVTAB_MAX_REQUESTS")
    return settings if is_set else replace(settings, max_requests=UNLIMITED)


def _account(
    settings: Settings, statement: Statement, clock: Clock, observer: Observer | None
) -> Account:
    """An account whose waiting is shown."""

    told = ToldWaits(observer.held_up) if observer is not None else ToldWaits()

    def interrupted() -> bool:
        seconds = told.look([account.waits], lambda: statement)
        if observer is not None:
            observer.waiting(statement, seconds)
        return False

    wait_over: Callable[[], None] = observer.wait_over if observer else lambda: None
    account = Account(settings, interrupted, clock, wait_over)
    return account


def _kept(store: HistoryStore, reading: Reading, whole_at: str | None, *, full: bool) -> str:
    """Keep what a run has read that was cut short; gives how far it is."""
    if not store.has_gathered:
        return "nothing new was read"
    store.patience_seconds = HURRY_SECONDS
    try:
        listed = _write(store, reading, whole_at).listed
    except SettingsError as error:
        return f"what was read is lost: {error}"
    far = f"{listed:,} of {max(reading.survey.total, listed):,} actions are there"
    return far if full else f"{far}, the next run goes on"


def _write(store: HistoryStore, reading: Reading, whole_at: str | None) -> Written:
    survey = reading.survey
    return store.write(
        reading.name, reading.source, gone=survey.gone, whole_at=whole_at, total=survey.total
    )


def _note(ending: BaseException, note: str) -> None:
    """Say how far it has come, in place of what was said of it before."""
    others = [n for n in getattr(ending, "__notes__", []) if not isinstance(n, _Far)]
    ending.__notes__ = [_Far(note), *others]


class _Far(str):
    """A note of ours."""


def _told(ending: BaseException) -> str:
    """What ended it, and how far it has come, on a line."""
    notes: list[str] = getattr(ending, "__notes__", [])
    far = [note for note in notes if isinstance(note, _Far)]
    others = [note for note in notes if not isinstance(note, _Far)]
    why = str(ending) or next(iter(others), "interrupted")
    return " ".join("; ".join([why, *far]).split())
