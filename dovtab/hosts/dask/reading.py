"""``read_actions`` and ``read_droplets``: the tables of many accounts as Dask data frames.

An account is read by one task, whole or the Droplets that are named, as one query of the
single machine: what its list costs and what the Droplets' own would is weighed there. The
quota of a token lets nobody be faster with more of them. Its rows are then cut into parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import getitem
from time import time
from typing import Any

import dask.dataframe as dd
import pandas as pd

from dovtab.engine.reading.since import moment
from dovtab.errors import ArgumentError, DovtabError
from dovtab.hosts.dask.asked import TABLES, Asked, checked, contexts_of, read
from dovtab.hosts.dask.frames import (
    empty_frame,
    failure_of,
    failures_frame,
    meta,
    parts_of,
)
from dovtab.hosts.dask.places import apply, current_client, submit
from dovtab.resources import DROPLET_ACTIONS, DROPLETS, Table

Ids = Iterable[int]


def read_actions(
    contexts: str | Iterable[str],
    since: str | datetime | None = None,
    droplets: Mapping[str, Ids] | Ids | None = None,
    *,
    slices: int = 1,
    failures: bool = False,
    retries: int = 0,
    client: Any = None,
    **settings: Any,
) -> Any:
    """The actions of many accounts: `account`, then the visible columns of ``droplet_actions``.

    The accounts are asked at once, and once; see ``dovtab --help dask``.

    Args:
        contexts: the names of the accounts.
        since: a time, or text as the hidden column ``since`` takes it: ``-7 days``.
        droplets: for each context the ids of Droplets, and no others are asked for; or ids
            that every account is asked for. None: the whole accounts.
        slices: in how many partitions an account's rows come, by Droplet.
        failures: an account that cannot be read is a row in a second data frame; otherwise
            whatever is computed of the first one ends with its error.
        retries: how often an account that failed is read again; it is read anew, and no row
            is there twice.
        client: of Dask's; None: the current one. Without one it is all read when this returns.
        settings: for the workers, as for `dovtab.connect`; what is not given comes from their
            own environment. No token is among them.

    Returns: a Dask data frame, or two.

    Raises:
        ArgumentError, SettingsError: something that was given is wrong, or no worker has the
            resource of a context.
    """
    names, text = contexts_of(contexts), _since(since)
    asked = [
        Asked(DROPLET_ACTIONS.name, name, text, ids, checked(settings))
        for name, ids in zip(names, _droplets(names, droplets), strict=True)
    ]
    return _frames(DROPLET_ACTIONS, asked, slices, client, retries, failures=failures)


def read_droplets(
    contexts: str | Iterable[str],
    *,
    slices: int = 1,
    failures: bool = False,
    retries: int = 0,
    client: Any = None,
    **settings: Any,
) -> Any:
    """The Droplets of many accounts: `account`, then the visible columns of ``droplets``.

    Args, Returns, Raises: as `read_actions`.
    """
    asked = [
        Asked(DROPLETS.name, name, settings=checked(settings)) for name in contexts_of(contexts)
    ]
    return _frames(DROPLETS, asked, slices, client, retries, failures=failures)


def _frames(
    table: Table,
    asked: Sequence[Asked],
    slices: int,
    client: Any,
    retries: int,
    *,
    failures: bool,
) -> Any:
    if slices < 1:
        raise ArgumentError(f"slices must be 1 or more, not {slices}")
    client = client or current_client()
    accounts = [one.account for one in asked]
    tell: Callable[..., Any] = _read_or_tell if failures else _read
    read = submit(client, f"read-{table.name}", tell, asked, accounts, slices, retries)
    parts = [apply(client, getitem, account, n) for account in read for n in range(slices)]
    rows = dd.from_delayed(parts, meta=meta(table, accounts), prefix=table.name)
    if not failures:
        return rows
    told = [apply(client, getitem, account, slices) for account in read]
    return rows, dd.from_delayed(told, meta=failures_frame([], accounts), prefix="failures")


def _read(
    asked: Asked, accounts: Sequence[str], slices: int, retries: int
) -> list[pd.DataFrame]:
    """The parts of an account."""
    try:
        rows = read(asked)
    except DovtabError:
        if retries < 1:
            raise
        return _read(asked, accounts, slices, retries - 1)
    return parts_of(TABLES[asked.table], rows, asked.account, accounts, slices)


def _read_or_tell(
    asked: Asked, accounts: Sequence[str], slices: int, retries: int
) -> list[pd.DataFrame]:
    """The same, and why there are none."""
    try:
        return [*_read(asked, accounts, slices, retries), failures_frame([], accounts)]
    except DovtabError as error:
        found = failure_of(asked.account, error)
    nothing = empty_frame(TABLES[asked.table], accounts)
    return [*[nothing] * slices, failures_frame([found], accounts)]


def _since(since: str | datetime | None) -> str | None:
    """As the API writes it, so that whoever reads again reads the same."""
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise ArgumentError("since must be a time that knows its zone")
        at = since.timestamp()
    elif since is None:
        return None
    else:
        at = moment(since, time())
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _droplets(
    names: Sequence[str], droplets: Mapping[str, Ids] | Ids | None
) -> list[tuple[int, ...] | None]:
    if droplets is None:
        return [None] * len(names)
    if not isinstance(droplets, Mapping):
        ids = _ids(droplets)
        return [ids] * len(names)
    if strays := set(droplets) ^ set(names):
        one = min(strays)
        raise ArgumentError(f"droplets must have the ids for each of the contexts: see {one!r}")
    return [_ids(droplets[name]) for name in names]


def _ids(ids: Ids) -> tuple[int, ...]:
    try:
        # Of pandas and numpy, too; but 7.5 is no Droplet.
        return tuple(dict.fromkeys(id.__index__() for id in ids))
    except (AttributeError, TypeError):
        raise ArgumentError("droplets must be ids, which are whole numbers") from None
