"""DigitalOcean Droplet actions as a SQLite table.

>>> import dovtab
>>> db = dovtab.connect()  # no request, and no token, until a query needs one
>>> db.execute("SELECT count(*) FROM dovtab_requests").get
0
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Unpack

from dovtab.api.settings_dict import SettingsDict
from dovtab.errors import (
    ActionsError,
    AnswerError,
    APIError,
    ArgumentError,
    DovtabError,
    LogError,
    NetworkError,
    NotAllowedError,
    RateLimitError,
    SettingsError,
    TooManyActionsError,
    TooManyRequestsError,
    WaitError,
)
from dovtab.version import VERSION

if TYPE_CHECKING:
    import sqlite3

    import apsw

    from dovtab.hosts.history import Refreshed

__version__ = VERSION

__all__ = [
    "APIError",
    "ActionsError",
    "AnswerError",
    "ArgumentError",
    "DovtabError",
    "LogError",
    "NetworkError",
    "NotAllowedError",
    "RateLimitError",
    "SettingsDict",
    "SettingsError",
    "TooManyActionsError",
    "TooManyRequestsError",
    "WaitError",
    "connect",
    "load",
    "loadable_path",
    "refresh",
    "register",
]


def connect(path: str = ":memory:", **settings: Unpack[SettingsDict]) -> apsw.Connection:
    """Open a database that has the table ``droplet_actions`` and its functions.

    Args:
        path: the database file; it is made if it does not exist.
        settings: see `SettingsDict`. One that is not given comes from the environment,
            then from its default.

    Raises:
        SettingsError: a setting is unknown or its value not allowed.
        apsw.CantOpenError: SQLite cannot open the file.
    """
    # The engine does without apsw, and so does whoever uses another door to it.
    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import Connection, attach
    from dovtab.hosts.apsw.opening import naming

    resolved = resolve(settings, os.getenv)
    with naming(path):
        connection = Connection(path)
        attach(connection, resolved)
    return connection


def register(connection: apsw.Connection, **settings: Unpack[SettingsDict]) -> None:
    """Add the table ``droplet_actions`` and its functions to an open connection.

    Where an outermost ``with connection:`` ends in a COMMIT that fails, because
    actions were refused, apsw's own connections raise an apsw.SQLError, "SQL logic
    error", and not our error: that is its ``__context__``. All is rolled back, and
    ``dovtab_posts`` tells what was sent. A connection of `connect` raises ours, and
    so do BEGIN and COMMIT as statements.

    Args:
        connection: of apsw; the standard library's sqlite3 has no virtual tables. An
            asynchronous one does this in its own thread:
            ``await connection.async_run(dovtab.register, connection)``.
        settings: as for `connect`.

    Raises:
        SettingsError: a setting is unknown or its value not allowed.
        TypeError: it is another kind of connection.
    """
    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach

    attach(connection, resolve(settings, os.getenv))


def loadable_path() -> str:
    """Where the loadable extension is, as SQLite's ``.load`` wants it: without its suffix.

    Raises:
        SettingsError: it was not built when dovtab was installed; it says what it takes.
    """
    from dovtab.hosts.loadable import path

    return path()


def load(connection: sqlite3.Connection) -> None:
    """Load the extension into a connection of the standard library's sqlite3.

    It is the same as ``connection.load_extension(dovtab.loadable_path())``, and works
    on Pythons whose sqlite3 was built without that. Settings come from the environment,
    and acting is off unless ``DOVTAB_ALLOW_ACTIONS`` is 1.

    Raises:
        TypeError: it is another kind of connection.
        SettingsError: the extension is not there, or this Python cannot load it.
        sqlite3.Error: it was loaded and could not start.
    """
    from dovtab.hosts import loadable

    loadable.load(connection)


def refresh(
    path: str | os.PathLike[str],
    *,
    account: str | None = None,
    full: bool = False,
    **settings: Unpack[SettingsDict],
) -> Refreshed:
    """Bring the table ``droplet_actions_history`` of a database file up to date.

    It is an ordinary table, for what knows no virtual ones and for Droplets that will be
    destroyed. What is known is not read again, and a run that was cut short goes on where
    it was. SQLite does not like one process to have a file open with two copies of it: if
    yours has it open with the standard library's sqlite3, close that first.

    Args:
        path: the database file; it is made if it does not exist, and may have other tables.
        account: what the table calls the account; None: the context's name, or "default".
        full: read all of it again.
        settings: as for `connect`; ``max_requests`` counts only if it is set.

    Raises:
        SettingsError: the file cannot be used, or has another account of that name.
        DovtabError: whatever keeps an answer away; what was read until then is kept.
    """
    from dovtab.api.settings import resolve
    from dovtab.hosts import history

    if settings.get("all_contexts"):
        raise SettingsError("refresh() is for one account: call it once for each context")
    given = settings.get("max_requests") is not None
    resolved = resolve(settings, os.getenv)
    if not given:
        resolved = history.without_limit(resolved)
    return history.refresh(os.fspath(path), resolved, account=account, full=full)
