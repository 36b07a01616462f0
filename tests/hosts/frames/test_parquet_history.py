"""A history in Parquet files is the one in SQLite, for the same requests, in files that are whole."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from dovtab.api.settings import resolve
from dovtab.errors import AnswerError, DovtabError, SettingsError
from dovtab.hosts import history
from dovtab.hosts.history import Refreshed
from dovtab.hosts.parquet.history import ParquetHistory
from dovtab.hosts.parquet.months import NO_MONTH
from dovtab.hosts.parquet.refresh import Done, refresh
from dovtab.resources import DROPLET_ACTIONS
from dovtab.simulator import Fault, Simulator
from shared_clock import SharedClock

COLUMNS = [column.name for column in DROPLET_ACTIONS.visible]
Rows = list[tuple[Any, ...]]


class Kept:
    """The simulator's account, and a folder and a file that have its history."""

    def __init__(self, simulator: Simulator, clock: SharedClock, root: Path) -> None:
        self.simulator, self.folder, self.file = (
            simulator,
            root / "history",
            root / "history.db",
        )
        self._clock = clock
        self._random = random.Random(1)

    def settings(self, **more: Any) -> Any:
        given = {
            "token": self.simulator.token,
            "api_url": self.simulator.url,
            "max_requests": 999,
        }
        return resolve(given | more, os.getenv)

    def refresh(self, account: str = "prod", *, full: bool = False, **more: Any) -> Done:
        settings = self.settings(**more)
        return refresh(self.folder, settings, account, full=full, clock=self._clock)

    def refresh_sqlite(self, *, full: bool = False) -> Refreshed:
        path, settings = str(self.file), self.settings()
        return history.refresh(path, settings, account="prod", full=full, clock=self._clock)

    def add(self, count: int, months: range = range(1, 9)) -> None:
        """So many actions, of which some have not ended and some are an image's."""
        chance, account = self._random, self.simulator.account
        for n in range(count):
            if chance.random() < 0.05:
                account.add_foreign_action("image", 7)
                continue
            at = f"2026-{chance.choice(months):02}-{n % 28 + 1:02}T10:00:00Z"
            status = "in-progress" if chance.random() < 0.1 else "completed"
            account.add_action(3164444 + n % 7, "reboot", status, started_at=at)

    def end_some(self) -> None:
        for action in self.simulator.account.actions.values():
            if action.status == "in-progress" and self._random.random() < 0.5:
                action.status, action.completed_at = "errored", "2026-10-01T00:00:00Z"

    def truth(self) -> Rows:
        """As the file of SQLite's has it."""
        with closing(apsw.Connection(str(self.file))) as db:
            return list(
                db.execute(
                    f"SELECT {', '.join(COLUMNS)} FROM droplet_actions_history ORDER BY id"
                )
            )

    def files(self) -> dict[str, os.stat_result]:
        paths = sorted(self.folder.glob("account=*/month=*/*.parquet"))
        return {str(path.relative_to(self.folder)): path.stat() for path in paths}


def read(folder: Path) -> Rows:
    """The rows as any reader of such folders finds them, as the API writes its times."""
    found = ds.dataset(folder, format="parquet", partitioning="hive").to_table()
    by_name = {name: found[name].to_pylist() for name in found.column_names}
    month = by_name.pop("month", [])
    by_name.pop("account", None)
    for name in ("started_at", "completed_at"):
        times = by_name.get(name, [])
        by_name[name] = [None if t is None else f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in times]
    assert all(
        t is None or t[:7] == m for t, m in zip(by_name["started_at"], month, strict=True)
    )
    return sorted(zip(*(by_name.get(name, []) for name in COLUMNS), strict=True))


@pytest.fixture
def kept(simulator: Simulator, shared_clock: SharedClock, tmp_path: Path) -> Kept:
    return Kept(simulator, shared_clock, tmp_path)


def requests(kept: Kept, run: Callable[[], Any]) -> tuple[Any, list[str]]:
    before = len(kept.simulator.requests)
    done = run()
    asked = kept.simulator.requests[before:]
    # Some go side by side.
    return done, sorted(f"{r.path} {r.query}" for r in asked)


@pytest.mark.parametrize("seed", range(4))
def test_it_has_the_rows_of_one_in_sqlite_for_the_same_requests(kept: Kept, seed: int) -> None:
    """Whatever comes, ends, goes and comes back, and also if a run is cut short."""
    chance = random.Random(seed)
    taken: list[Any] = []
    for round in range(8):
        listed = kept.simulator.account.history()
        if taken and chance.random() < 0.5:
            listed += [taken.pop()]
            listed.sort(key=lambda action: action.id)
        kept.add(chance.choice([0, 1, 30, 450]), range(1, 3 + round))
        kept.end_some()
        if round and chance.random() < 0.4:
            taken.append(listed.pop(chance.randrange(len(listed))))
        full = chance.random() < 0.2
        there, asked = requests(kept, partial(kept.refresh_sqlite, full=full))
        done, asked_too = requests(kept, partial(kept.refresh, full=full))
        assert done.refreshed == there
        assert asked_too == asked
        assert read(kept.folder) == kept.truth()


def test_a_refresh_touches_the_months_of_what_has_come_and_what_had_not_ended(
    kept: Kept,
) -> None:
    account = kept.simulator.account
    for month in range(1, 9):
        account.add_action(7, "reboot", started_at=f"2026-{month:02}-03T00:00:00Z")
    open = account.add_action(7, "snapshot", "in-progress", started_at="2026-03-09T00:00:00Z")
    assert kept.refresh().months == tuple(f"2026-0{n}" for n in range(1, 9))
    before = kept.files()
    assert kept.refresh().months == ()
    assert kept.files() == before
    account.add_action(7, "reboot", started_at="2026-08-04T00:00:00Z")
    assert kept.refresh().months == ("2026-08",)
    open.status = "completed"
    assert kept.refresh().months == ("2026-03",)
    after = kept.files()
    changed = {path for path, stat in after.items() if before[path] != stat}
    assert changed == {f"account=prod/month=2026-0{n}/actions.parquet" for n in (3, 8)}


def test_an_action_that_changes_its_month_is_never_in_two(kept: Kept, monkeypatch: Any) -> None:
    account = kept.simulator.account
    moves = account.add_action(7, "reboot", "in-progress", started_at="2026-03-09T00:00:00Z")
    account.add_action(7, "reboot", started_at="2026-03-09T00:00:00Z")
    kept.refresh()
    moves.started_at = "2026-02-01T00:00:00Z"
    seen = watched(kept, monkeypatch)
    assert kept.refresh().months == ("2026-02", "2026-03")
    assert [row[0] for row in read(kept.folder)] == sorted(account.actions)
    moves.started_at, moves.status = "2026-03-01T00:00:00Z", "completed"
    kept.refresh()
    assert len(kept.files()) == 1
    assert seen
    assert max(Counter(ids).most_common(1)[0][1] for ids in seen) == 1


def test_one_that_has_no_time_has_its_place(kept: Kept) -> None:
    def without_time(answer: Any) -> Any:
        answer["actions"][0]["started_at"] = None
        return answer

    kept.add(3)
    kept.simulator.fault(Fault("answer", mutate=without_time))
    assert NO_MONTH in kept.refresh().months
    assert sum(row[COLUMNS.index("started_at")] is None for row in read(kept.folder)) == 1


def watched(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The ids that a reader finds before and after every step on the disk."""
    seen: list[list[int]] = []

    def looking(call: Callable[..., Any]) -> Callable[..., Any]:
        def looked(*arguments: Any, **more: Any) -> Any:
            seen.append([row[0] for row in read(kept.folder)])
            done = call(*arguments, **more)
            seen.append([row[0] for row in read(kept.folder)])
            return done

        return looked

    for name in ("fsync", "replace", "unlink"):
        monkeypatch.setattr(os, name, looking(getattr(os, name)))
    return seen


def test_whoever_reads_meanwhile_sees_whole_files_and_each_row_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(300)
    kept.refresh()
    before = [row[0] for row in read(kept.folder)]
    kept.add(300)
    kept.end_some()
    seen = watched(kept, monkeypatch)
    kept.refresh()
    assert len(seen) > 20
    for ids in seen:
        assert len(ids) == len(set(ids))
        assert set(ids) >= set(before)
    assert len(seen[-1]) > len(before)


def test_of_what_has_come_twice_the_last_counts(tmp_path: Path) -> None:
    """A page may be read again, and an action that had not ended is asked for by its id."""
    store = ParquetHistory(tmp_path, "prod", DROPLET_ACTIONS)
    for status in ("in-progress", "errored"):
        store.gather([row(1, "2026-01-01T00:00:00Z", status)])
    done = store.write("prod", "somewhere", gone=[], whole_at=None, total=1)
    assert (done.new, done.rows, done.listed) == (1, 1, 1)
    assert read(tmp_path) == [row(1, "2026-01-01T00:00:00Z", "errored")]


# What a run does to the disk, cut off at every step of it in turn.
KILLED = """
import json, os, shutil, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from dovtab.hosts.parquet.history import ParquetHistory
from dovtab.resources import DROPLET_ACTIONS

root, rows = Path(sys.argv[1]), json.loads(sys.argv[2])

def dying(call, leave=lambda *given: None):
    def counted(*given, **more):
        global left
        left -= 1
        if left == 0:
            leave(call, *given)
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **more)
    return counted

def half(call, rows, path, **more):
    call(rows, path)
    os.truncate(path, path.stat().st_size // 2)

os.fsync, os.replace, os.unlink = map(dying, (os.fsync, os.replace, os.unlink))
pq.write_table = dying(pq.write_table, half)
for number in range(1, 100):
    folder = root / f"killed-{number}"
    shutil.copytree(root / "before", folder)
    child = os.fork()
    if child == 0:
        left = number
        store = ParquetHistory(folder, "prod", DROPLET_ACTIONS)
        store.gather([tuple(row) for row in rows])
        store.write("prod", "somewhere", gone=[1], whole_at="2026-09-01T00:00:00Z", total=9)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def row(id: int, at: str | None, status: str = "completed", type: str = "droplet") -> Any:
    return (id, 7, None, '{"slug": "nyc3"}', "nyc3", type, at, status, "reboot")


def test_a_run_that_is_killed_at_any_moment_leaves_months_whole_and_the_next_one_goes_on(
    tmp_path: Path,
) -> None:
    before = [
        row(1, "2026-01-01T00:00:00Z"),
        row(2, "2026-01-02T00:00:00Z", "in-progress"),
        row(3, "2026-02-01T00:00:00Z", "in-progress"),
        row(9, "2026-02-01T00:00:00Z", type="image"),
    ]
    more = [
        row(2, "2026-01-02T00:00:00Z"),
        row(3, "2026-01-05T00:00:00Z"),
        row(4, "2026-03-01T00:00:00Z"),
        row(5, "2026-03-01T00:00:00Z", "in-progress"),
    ]

    def write(folder: Path, rows: list[Any]) -> ParquetHistory:
        store = ParquetHistory(folder, "prod", DROPLET_ACTIONS)
        store.gather(rows)
        store.write("prod", "somewhere", gone=[], whole_at=None, total=4)
        return store

    write(tmp_path / "before", before)
    old, new = read(tmp_path / "before"), {2: more[0], 3: more[1], 4: more[2], 5: more[3]}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(more)],
        check=True,
        env=environment,
        timeout=100,
    )
    folders = sorted(tmp_path.glob("killed-*"))
    assert len(folders) > 14
    for folder in folders:
        found = read(folder)
        ids = [row[0] for row in found]
        assert len(ids) == len(set(ids))
        # What leaves its month is nowhere for a moment, and then it is not known.
        assert set(ids) >= {1, 2}
        assert all(one in old or one == new[one[0]] for one in found)
        by_month = {
            path.parent.name: pq.ParquetFile(path).read(["id"])["id"].to_pylist()
            for path in folder.glob("account=prod/*/actions.parquet")
        }
        assert by_month.get("month=2026-03", [4, 5]) == [4, 5]
        known = ParquetHistory(folder, "prod", DROPLET_ACTIONS).known("prod")
        assert known.listed - {1, 9} == set(ids) - {1}
        write(folder, more)
        assert read(folder) == sorted([before[0], *more])
        assert not list(folder.rglob("*.part"))


def test_a_run_that_is_cut_short_keeps_what_it_has_read(kept: Kept) -> None:
    kept.add(950)
    kept.simulator.fault(Fault("malformed_json", path="[?&]page=4", times=None))
    with pytest.raises(AnswerError) as caught:
        kept.refresh(concurrency=1)
    assert "the next run goes on" in caught.value.__notes__[0]
    assert 0 < len(read(kept.folder)) < 950
    kept.simulator.clear_faults()
    kept.refresh()
    kept.refresh_sqlite()
    assert read(kept.folder) == kept.truth()


def test_another_account_is_refused_and_so_is_the_same_under_another_name(kept: Kept) -> None:
    kept.add(30)
    kept.refresh()
    with pytest.raises(SettingsError, match="it has this account as 'prod'"):
        kept.refresh("staging")
    other = kept.simulator.add_account("other-token")
    for n in range(3):
        other.add_action(9, "reboot", id=n + 1)
    before = kept.files()
    with pytest.raises(SettingsError, match="not the actions of the account"):
        kept.refresh("prod", token="other-token")
    assert kept.files() == before
    assert kept.refresh("two words/and=a slash", token="other-token").refreshed.new == 3
    found = ds.dataset(kept.folder, format="parquet", partitioning="hive").to_table()
    assert Counter(found["account"].to_pylist())["two words/and=a slash"] == 3


def test_of_two_runs_on_an_account_one_waits(kept: Kept) -> None:
    kept.add(30)
    raised: list[BaseException] = []

    def again(number: int) -> None:
        kept.simulator.before_page(None)
        try:
            kept.refresh(max_wait_seconds=0)
        except DovtabError as error:
            raised.append(error)

    kept.simulator.before_page(again)
    kept.refresh()
    assert "another run is refreshing it" in str(raised[0])


@pytest.mark.parametrize("damage", ["month=2026-01/actions.parquet", "notes"])
def test_a_file_that_is_broken_is_an_error_and_stays(kept: Kept, damage: str) -> None:
    kept.add(30, range(1, 2))
    kept.refresh()
    notes = kept.folder / ".dovtab" / "prod.json"
    path = notes if damage == "notes" else kept.folder / "account=prod" / damage
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(SettingsError, match="cannot be read"):
        kept.refresh()
    assert path.read_bytes() == b"PAR1 no more"


def test_a_folder_that_cannot_be_made_is_an_error(kept: Kept) -> None:
    kept.folder.write_text("a file")
    with pytest.raises(SettingsError, match="cannot be made"):
        kept.refresh()
