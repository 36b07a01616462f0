"""A history in a folder of Parquet files, brought up to date: one account.

One run at a time is at work on an account; of those on others nobody has to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dovtab.api.clock import Clock
from dovtab.api.settings import Settings
from dovtab.errors import SettingsError
from dovtab.hosts.history import Refreshed, bring_up_to_date
from dovtab.hosts.parquet.history import ParquetHistory
from dovtab.hosts.parquet.months import Months
from dovtab.hosts.run_alone import run_alone
from dovtab.resources import DROPLET_ACTIONS


@dataclass(frozen=True, slots=True)
class Done:
    """What a run has done.

    Attributes:
        months: those that were written again.
    """

    refreshed: Refreshed
    months: tuple[str, ...]


def refresh(
    folder: Path,
    settings: Settings,
    account: str,
    *,
    full: bool = False,
    clock: Clock | None = None,
) -> Done:
    """Read what is new of an account, and write the months that have changed.

    Raises:
        SettingsError: the folder cannot be used, or has another account of that name, or this
            one under another.
        DovtabError: whatever keeps an answer away; what was read until then is kept.
    """
    notes = Months(folder, account).notes
    try:
        notes.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder}: it cannot be made: {error.strerror}") from None
    with run_alone(str(notes.with_suffix("")), settings.max_wait_seconds):
        store = ParquetHistory(folder, account, DROPLET_ACTIONS)
        done = bring_up_to_date(
            store, str(folder), settings, account=account, full=full, clock=clock
        )
    return Done(done, tuple(store.written_months))
