"""``to_parquet``: the histories of many accounts in one folder, brought up to date.

Each account is one task on the worker that has its token, which reads what is new and
writes the months that have changed itself: no row goes anywhere else. So the folder has to
be one that all those workers see.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import pandas as pd

from dovtab.errors import DovtabError, SettingsError
from dovtab.hosts.dask.asked import Asked, checked, contexts_of, settings_of
from dovtab.hosts.dask.frames import Failure, failure_of, failures_frame
from dovtab.hosts.dask.places import current_client, submit
from dovtab.hosts.parquet.refresh import Done, refresh
from dovtab.resources import DROPLET_ACTIONS

_NUMBERS = ("account", "new", "ended", "rows", "gone", "requests")


@dataclass(frozen=True, slots=True)
class Failed:
    """An account that could not be brought up to date."""

    error: DovtabError
    failure: Failure


def to_parquet(
    contexts: str | Iterable[str],
    folder: str | os.PathLike[str],
    *,
    full: bool = False,
    failures: bool = False,
    client: Any = None,
    **settings: Any,
) -> Any:
    """Bring the actions of many accounts in a folder of Parquet files up to date.

    It has a file for each account and month, ``account=prod/month=2026-09/actions.parquet``,
    and a month is written again, whole and in one step, only if it has other rows now. One
    account that fails keeps no other from its turn, and what was read of it is kept.

    Args:
        folder: it is made if it does not exist; the workers must see it by the same name.
        full: read all of it again.
        failures: give the accounts that failed in a second data frame, and raise nothing.
        contexts, client, settings: as for `read_actions`.

    Returns: a data frame of pandas' with a row for each account: ``account``, ``new``,
        ``ended``, ``rows``, ``gone``, ``requests``, ``months`` (those that were written).

    Raises:
        DovtabError: an account has failed, which it names; others are in its notes.
    """
    path = os.fspath(folder)
    if "://" in path:
        raise SettingsError(f"{path}: a history is kept in a folder of the file system")
    names, client = contexts_of(contexts), client or current_client()
    asked = [Asked(DROPLET_ACTIONS.name, name, settings=checked(settings)) for name in names]
    tasks = submit(client, "history", _refresh, asked, str(Path(path).resolve()), full)
    results = list(dask.compute(*tasks)) if client is None else client.gather(tasks)
    done = [result for result in results if isinstance(result, Done)]
    failed = [result for result in results if isinstance(result, Failed)]
    if failed and not failures:
        first, *others = [one.error for one in failed]
        for other in others:
            first.add_note(f"and {other}")
        raise first
    table = pd.DataFrame(
        {
            **{name: [getattr(one.refreshed, name) for one in done] for name in _NUMBERS},
            "months": [list(one.months) for one in done],
        }
    )
    accounts = [one.account for one in asked]
    told = failures_frame([one.failure for one in failed], accounts)
    return (table, told) if failures else table


def _refresh(asked: Asked, folder: str, full: bool) -> Done | Failed:
    """One account; an error is given, so that others are not kept from ending."""
    try:
        return refresh(Path(folder), settings_of(asked), asked.account, full=full)
    except DovtabError as error:
        return Failed(error.about(asked.account), failure_of(asked.account, error))
