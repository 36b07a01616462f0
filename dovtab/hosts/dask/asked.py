"""What is asked of an account, and how it is asked where its token is.

The one rule: what goes to a worker has the account's name and no token. The worker finds
that as the command does, in its own environment or doctl's file; so it is in no graph, no
log and no dashboard.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from dovtab.api.contexts import variable_of
from dovtab.api.settings import Settings, resolve
from dovtab.errors import ArgumentError, DovtabError, SettingsError
from dovtab.hosts.apsw.connection import Connection, attach
from dovtab.hosts.history import without_limit
from dovtab.hosts.parquet.columns import arrow, joined
from dovtab.resources import TABLES as ALL_TABLES

TABLES = {table.name: table for table in ALL_TABLES}
_ROWS_AT_ONCE = 20_000
# Whose account it is, and what may be done to it, is not for a setting to say here.
_NO_SETTINGS = {"token", "context", "all_contexts", "allow_actions", "log"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One account's share of what is asked.

    Attributes:
        table: its name.
        context: as it was given; the resource has this name.
        since: from when on, as the API writes times.
        droplets: whose actions; None: all.
    """

    table: str
    context: str
    since: str | None = None
    droplets: tuple[int, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """What the rows call it, as everywhere."""
        return self.context.lower()


def contexts_of(contexts: str | Iterable[str]) -> list[str]:
    """The names that were given, each once.

    Raises:
        ArgumentError: there is none, or two are the same account's.

    >>> contexts_of(["prod", "staging"])
    ['prod', 'staging']
    """
    names: dict[str, str] = {}
    for name in [contexts] if isinstance(contexts, str) else contexts:
        if not isinstance(name, str) or not name.strip():
            raise ArgumentError("contexts must be the names of contexts")
        variable = variable_of(name.strip().lower())
        if variable in names:
            other = names[variable]
            raise ArgumentError(f"contexts has an account twice, as {other!r} and {name!r}")
        names[variable] = name.strip()
    if not names:
        raise ArgumentError("contexts must be the names of contexts, and there is none")
    return list(names.values())


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that may go to a worker.

    Raises:
        SettingsError: one is unknown, or has no place here.
    """
    for name in _NO_SETTINGS & settings.keys():
        raise SettingsError(
            f"{name} cannot be given here: a worker finds an account's token by the context's"
            " name, in its own environment or doctl's file, and cannot act"
        )
    resolve(dict(settings), lambda name: None, list)
    return settings


def settings_of(asked: Asked) -> Settings:
    """The settings of this process for an account."""
    given: dict[str, Any] = {
        **asked.settings,
        "context": asked.context,
        "all_contexts": False,
        "allow_actions": False,
        "log": None,
    }
    settings = resolve(given, os.getenv)
    # A batch asks for as much as it takes, unless somebody says otherwise.
    return without_limit(settings, asked.settings)


def read(asked: Asked) -> pa.Table:
    """The rows of an account.

    Raises:
        DovtabError: why not; it names the account.
    """
    table = TABLES[asked.table]
    names = ", ".join(column.name for column in table.visible)
    where, values = _where(asked)
    try:
        with closing(Connection(":memory:")) as connection:
            attach(connection, settings_of(asked))
            rows = connection.execute(f"SELECT {names} FROM {table.name}{where}", values)
            parts = [arrow(table, some) for some in _batches(rows)]
    except DovtabError as error:
        raise error.about(asked.account) from None
    return joined(table, parts)


def _where(asked: Asked) -> tuple[str, tuple[str, ...]]:
    conditions, values = [], []
    if asked.droplets is not None:
        conditions.append("droplet_id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(asked.droplets))
    if asked.since is not None:
        conditions.append("since = ?")
        values.append(asked.since)
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), tuple(values)


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        yield batch
