"""The DB-API 2.0 of Python, as PEP 249 has it: for pandas, Polars, JupySQL and their like.

>>> import dovtab.dbapi
>>> connection = dovtab.dbapi.connect()  # no request, and no token, until a query needs one
>>> connection.execute("SELECT count(*) FROM dovtab_requests").fetchone()
(0,)
>>> connection.close()

Rows come as they are fetched. Actions are refused unless the program, or
``DOVTAB_ALLOW_ACTIONS``, allows them. Threads may share the module, but a connection at one
time only one of them.

Source: https://peps.python.org/pep-0249/
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Unpack

from dovtab.api.settings import resolve_for_others
from dovtab.api.settings_dict import SettingsDict
from dovtab.hosts.dbapi.connection import Connection
from dovtab.hosts.dbapi.cursor import Cursor
from dovtab.hosts.dbapi.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
    translated,
)
from dovtab.hosts.dbapi.values import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    sqlite_version,
    sqlite_version_info,
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "sqlite_version",
    "sqlite_version_info",
    "threadsafety",
]

_TO_ACT_BY_URL = (
    "to allow it, put allow_actions=1 into the database's URL, or set DOVTAB_ALLOW_ACTIONS=1"
)

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"


def connect(
    database: str | os.PathLike[str] = ":memory:",
    *,
    timeout: float = 5.0,
    isolation_level: str | None = "DEFERRED",
    read_only: bool = False,
    schema: str | None = None,
    check_same_thread: bool = False,
    **settings: Unpack[SettingsDict],
) -> Connection:
    """Open a database that has the table ``droplet_actions`` and its functions.

    Args:
        database: its file; it is made if it does not exist.
        timeout: how many seconds to wait for who has the file locked.
        isolation_level: how a transaction is begun, before the first change: DEFERRED,
            IMMEDIATE or EXCLUSIVE; None: not at all, and every statement is committed.
        read_only: nothing is written to the file.
        schema: the tables are declared in a database of this name, in memory, so that
            tools can list them; then nothing else can be attached.
        check_same_thread: it is only for the thread that opens it.
        settings: as for `dovtab.connect`, but ``allow_actions`` is off unless it is given,
            or ``DOVTAB_ALLOW_ACTIONS`` is 1.

    Raises:
        ProgrammingError: a setting is unknown or its value not allowed.
        Error: the file cannot be opened.
    """
    with translated():
        resolved = resolve_for_others(settings, os.getenv)
        if schema is not None:
            resolved = replace(resolved, to_act=_TO_ACT_BY_URL)
    return Connection(
        database,
        resolved,
        timeout=timeout,
        isolation_level=isolation_level,
        read_only=read_only,
        schema=schema,
        check_same_thread=check_same_thread,
    )
