"""From Python's values to SQLite's, and PEP 249's types.

SQLite has no dates. One that knows its zone is written as DigitalOcean writes it, in UTC
with a Z, so that it compares with the times of a Droplet's actions; one that does not,
as Python's sqlite3 does it.

Source: https://peps.python.org/pep-0249/#type-objects-and-constructors
"""

from __future__ import annotations

import datetime
import numbers
import operator
import time
from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from dovtab.hosts.dbapi.errors import ProgrammingError

# Beyond PEP 249, but as sqlite3 has them.
sqlite_version = apsw.sqlite_lib_version()
sqlite_version_info = tuple(map(int, sqlite_version.split(".")))

Date, Time, Timestamp = datetime.date, datetime.time, datetime.datetime
Binary = bytes


class Type:
    """What a type code is compared with, which is a column's declared type."""

    def __init__(self, *codes: str) -> None:
        self._codes = frozenset(codes)

    def __eq__(self, other: object) -> bool:
        return other in self._codes if isinstance(other, str) else other is self

    def __hash__(self) -> int:
        return hash(self._codes)


STRING, BINARY, NUMBER = Type("TEXT"), Type("BLOB"), Type("INTEGER", "REAL")
DATETIME, ROWID = Type(), Type("INTEGER")
# What else is declared says nothing of what is there.
_STORED = frozenset({"TEXT", "BLOB", "INTEGER", "REAL"})


def type_code(declared: str | None) -> str | None:
    """Of a column with this declared type; None: its values may be any."""
    code = (declared or "").upper()
    return code if code in _STORED else None


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date, seconds after 1970."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day, seconds after 1970."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The local time, seconds after 1970."""
    return Timestamp(*time.localtime(ticks)[:6])


def bindings(parameters: object) -> Any:
    """What apsw binds for the parameters of a statement.

    Raises:
        ProgrammingError: they are neither a sequence nor a mapping.
    """
    if isinstance(parameters, Mapping):
        return {name: adapted(value) for name, value in parameters.items()}
    if isinstance(parameters, Sequence) and not isinstance(parameters, str | bytes):
        return tuple(map(adapted, parameters))
    raise ProgrammingError(
        f"parameters are a sequence or a mapping, not a {type(parameters).__name__}"
    )


def adapted(value: Any) -> object:
    """As SQLite takes it; what it has no type for is left for it to refuse.

    >>> zone = datetime.timezone(datetime.timedelta(hours=2))
    >>> adapted(datetime.datetime(2026, 11, 24, 12, tzinfo=zone))
    '2026-11-24T10:00:00Z'
    >>> adapted(datetime.datetime(2026, 11, 24, 12)), adapted(datetime.date(2026, 11, 24))
    ('2026-11-24 12:00:00', '2026-11-24')
    """
    if value is None or type(value) in (int, str, float, bytes):
        return value
    if isinstance(value, datetime.datetime):
        if value != value:  # "Not a time", in pandas.
            return None
        if value.tzinfo is None:
            return value.isoformat(" ")
        utc = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return f"{utc.isoformat()}Z"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    # What pandas makes its rows of: numpy's scalars, which know Python's value.
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        if getattr(value.dtype, "kind", "") == "M":
            # Of billionths of a second it would be a number.
            value = value.astype("datetime64[us]")
        found = value.item()
        return found if type(found) is type(value) else adapted(found)
    return operator.index(value) if isinstance(value, numbers.Integral) else value
