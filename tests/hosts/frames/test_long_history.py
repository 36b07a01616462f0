"""The benchmark of a long history does what it says, with fewer rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.account import Account
from benchmarks.long_history import ACCOUNTS, MONTHS, NAMES, STEPS, a_day, account_of, measure

ROWS = 80_000


def step(what: str, folder: Path, account: Account, about: str) -> dict[str, Any]:
    """In this process, whose memory says nothing."""
    return STEPS[what](folder, account, about)


def test_a_day_touches_one_month_of_one_account() -> None:
    account, told = account_of(ROWS), dict[str, Any]()
    day = a_day(account)
    steps = measure(ROWS, told.__setitem__, step)
    assert 8 < day < 20
    assert [steps[f"write {name}"]["rows"] for name in NAMES] == [
        account.total - day
    ] * ACCOUNTS
    assert told["the folder"]["files"] == ACCOUNTS * MONTHS
    one = steps["refresh of a day, one account"]
    assert (one["new"], one["requests"], one["months"]) == (day, 1, ["2026-05"])
    assert one["files"] == 1
    nothing = steps["refresh, nothing new"]
    assert (nothing["new"], nothing["requests"], nothing["files"]) == (0, 1, 0)
    others = steps["refresh of a day, all others by Dask"]
    assert (others["new"], others["files"]) == (day * (ACCOUNTS - 1), ACCOUNTS - 1)
    assert others["months"] == ["2026-05"]
    assert steps["DuckDB, a week of one account"]["rows"] > 0
