"""What a history is kept in, as much of it as whoever brings it up to date has to know.

The one rule: as long as a run reads from the network rows only gather, and nobody who reads
what is kept notices; what was gathered comes into it when the run ends, however that ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from dovtab.engine.history.reading import Known
from dovtab.resources import Row


class Written(NamedTuple):
    """What a run has brought into the history of an account.

    Attributes:
        new, ended: rows that it did not have, and that it had in progress.
        rows: how many it has now.
        listed: how many it knows to be in the account's list, those that are no rows too.
    """

    new: int
    ended: int
    rows: int
    listed: int


class HistoryStore(Protocol):
    """A place where histories of accounts are kept.

    Attributes:
        has_gathered: whether there is anything to write.
        patience_seconds: how long to wait for others who have it locked.
    """

    has_gathered: bool
    patience_seconds: float

    def known(self, account: str) -> Known:
        """What it has of an account."""

    def name_of(self, source: str) -> str | None:
        """What it calls the account that comes from there, if it has it."""

    def gather(self, rows: Sequence[Row]) -> None:
        """Take rows that are to come into it; of those with the same id the last counts."""

    def write(
        self,
        account: str,
        source: str,
        *,
        gone: Collection[int],
        whole_at: str | None,
        total: int,
    ) -> Written:
        """Bring into it what was gathered.

        Args:
            source: where that came from.
            gone: the ids that the account's list has no more.
            whole_at: up to when all of the list has been read; None: it was not.
            total: how many the list has, as the API says.

        Raises:
            SettingsError: it cannot be written.
        """
