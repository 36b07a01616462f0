"""The histories of many accounts are kept in one folder, each written where its token is."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from eight_accounts import NAMES, REVOKED, SIZES, Fleet, pages

from dovtab.errors import APIError, SettingsError
from dovtab.hosts.dask import to_parquet


def found(folder: Path) -> dict[str, list[int]]:
    """The ids that are there, by account."""
    rows = ds.dataset(folder, format="parquet", partitioning="hive").to_table()
    ids: dict[str, list[int]] = {name: [] for name in NAMES}
    for account, id in zip(rows["account"].to_pylist(), rows["id"].to_pylist(), strict=True):
        ids[account].append(id)
    return {account: sorted(its) for account, its in ids.items()}


def expected(fleet: Fleet) -> dict[str, list[int]]:
    return {name: sorted(fleet.ids(name)) for name in NAMES}


def test_each_account_is_read_once_and_then_asked_what_is_new(
    fleet: Fleet, tmp_path: Path
) -> None:
    done = to_parquet(NAMES, tmp_path / "history")
    assert done["new"].tolist() == done["rows"].tolist() == list(SIZES.values())
    assert done["months"].map(len).tolist() == [8, 0, *[8] * 6]
    assert found(tmp_path / "history") == expected(fleet)
    assert fleet.counts() == {name: pages(name) for name in NAMES}
    assert [len(those) for those in fleet.processes().values()] == [1] * len(NAMES)
    again = to_parquet(NAMES, tmp_path / "history")
    assert again["requests"].tolist() == [1] * len(NAMES)
    assert again["months"].map(len).sum() == again["new"].sum() == 0


def test_one_that_fails_keeps_no_other_from_its_turn(fleet: Fleet, tmp_path: Path) -> None:
    names = [REVOKED, *NAMES]
    with pytest.raises(APIError, match=f"account '{REVOKED}': .*401"):
        to_parquet(names, tmp_path)
    assert found(tmp_path) == expected(fleet)
    done, failed = to_parquet(names, tmp_path, failures=True)
    assert done["account"].tolist() == NAMES
    assert failed[["account", "error", "status"]].values.tolist() == [
        [REVOKED, "APIError", 401]
    ]


def test_without_a_client_every_failure_is_told(alone: Fleet, tmp_path: Path) -> None:
    with pytest.raises(APIError, match=f"account '{REVOKED}'") as caught:
        to_parquet([REVOKED, "team-z", *NAMES], tmp_path)
    assert any("and account 'team-z': context" in note for note in caught.value.__notes__)
    assert found(tmp_path) == expected(alone)


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    arrived, killed = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        if number == 3 and not arrived.is_set():
            arrived.set()
            assert killed.wait(60)

    def kill() -> None:
        assert arrived.wait(60)
        (victim,) = fleet.processes()[NAMES[0]]
        os.kill(int(victim), signal.SIGKILL)
        fleet.client.wait_for_workers(2)
        killed.set()

    fleet.simulator.before_page(hold)
    killer = threading.Thread(target=kill)
    killer.start()
    done, failed = to_parquet([*NAMES, REVOKED], tmp_path, failures=True)
    killer.join()
    assert done["rows"].tolist() == list(SIZES.values())
    assert failed["account"].tolist() == [REVOKED]
    assert found(tmp_path) == expected(fleet)
    assert len(fleet.processes()[NAMES[0]]) == 2
    assert not list(tmp_path.rglob("*.part"))
    assert Counter(r.status for name in NAMES for r in fleet.asked()[name]).keys() <= {
        200,
        None,
    }


@pytest.mark.parametrize("folder", ["s3://bucket/history", "gs://bucket"])
def test_a_bucket_is_no_folder(fleet: Fleet, folder: str) -> None:
    with pytest.raises(SettingsError, match="a folder of the file system"):
        to_parquet(NAMES, folder)
