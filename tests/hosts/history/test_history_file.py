"""The file of a history: accounts apart, others' tables left alone, one run at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import apsw
import pytest

import dovtab
from dovtab.api.settings import Settings, resolve
from dovtab.hosts import history, history_file
from dovtab.hosts.history import account_name
from dovtab.hosts.run_alone import run_alone
from dovtab.simulator import Fault, ManualClock, Simulator

if TYPE_CHECKING:
    from conftest import History

Run = Callable[..., subprocess.CompletedProcess[str]]
NOBODY = 65534


def fill(simulator: Simulator, count: int) -> None:
    for n in range(count):
        simulator.account.add_action(1 + n % 7)


@pytest.fixture
def run(simulator: Simulator, tmp_path: Path) -> Run:
    environment = os.environ | {
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
    }

    def run_command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dovtab", *arguments],
            env=environment | more,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
        )

    return run_command


# Accounts


def other_account(clock: ManualClock) -> Simulator:
    """Ids are of one account only, as they are at DigitalOcean."""
    other = Simulator(clock=clock)
    other.account.add_action(1, id=5_000_000_000)
    fill(other, 300)
    return other


def test_several_accounts_are_kept_in_one_file(kept: History, clock: ManualClock) -> None:
    fill(kept.simulator, 250)
    assert kept.refresh(account="a").rows == 250
    first = kept.rows("a")
    with other_account(clock) as other:
        kept.simulator = other
        assert kept.refresh(account="b").rows == 301
        assert kept.refresh(account="b").requests == 1
        assert kept.rows("b") == kept.truth()
    assert kept.rows("a") == first
    refreshed = kept.query("SELECT account, total, is_whole FROM dovtab_history ORDER BY 1")
    assert refreshed == [("a", 250, 1), ("b", 301, 1)]


@pytest.mark.parametrize("full", [True, False])
def test_another_account_is_not_mixed_in_under_the_same_name(
    kept: History, clock: ManualClock, full: bool
) -> None:
    fill(kept.simulator, 250)
    kept.refresh()
    before = kept.rows(), kept.query("SELECT * FROM dovtab_history")
    with other_account(clock) as other:
        kept.simulator = other
        with pytest.raises(dovtab.SettingsError, match="that this file has as 'default'"):
            kept.refresh(full=full)
        assert len(other.requests) == 2
    assert (kept.rows(), kept.query("SELECT * FROM dovtab_history")) == before


@pytest.mark.parametrize("new", [0, 250])
def test_another_account_that_numbers_alike_is_not_mixed_in(
    kept: History, clock: ManualClock, new: int
) -> None:
    fill(kept.simulator, 250)
    kept.refresh()
    before = kept.rows(), kept.query("SELECT * FROM dovtab_history")
    with Simulator(clock=clock) as other:
        other.account.add_action(2)
        fill(other, 250 + new)
        kept.simulator = other
        with pytest.raises(dovtab.SettingsError, match="that this file has as 'default'"):
            kept.refresh()
        assert len(other.requests) == (2 if new else 1)
    assert (kept.rows(), kept.query("SELECT * FROM dovtab_history")) == before


def test_a_new_token_of_the_same_account_is_taken(kept: History) -> None:
    fill(kept.simulator, 250)
    kept.refresh()
    kept.simulator.account.add_token("another")
    fill(kept.simulator, 20)
    assert kept.refresh(token="another").requests == 1
    # Nothing on the first page is known, and so one that is known is asked for.
    kept.simulator.account.add_token("third")
    fill(kept.simulator, 250)
    assert kept.refresh(token="third").requests == 3
    assert kept.refresh(token="third").requests == 1
    assert kept.rows() == kept.truth()


def test_one_account_is_not_kept_under_two_names(kept: History) -> None:
    fill(kept.simulator, 20)
    kept.refresh(account="prod")
    before = kept.query("SELECT * FROM dovtab_history")
    with pytest.raises(dovtab.SettingsError, match="it has this account as 'prod'"):
        kept.refresh()
    assert kept.query("SELECT * FROM dovtab_history") == before
    assert kept.refresh(account="prod").requests == 1


@pytest.mark.parametrize("context", ["prod-eu", "PROD_EU", "Prod.EU"])
def test_an_account_has_one_name_however_its_variable_is_written(
    context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_PROD_EU", "t")
    assert history.account_name(resolve({"context": context}, os.getenv)) == "prod_eu"


def test_an_account_without_actions_may_become_any(kept: History) -> None:
    kept.refresh()
    kept.simulator.account.add_token("another")
    fill(kept.simulator, 3)
    assert kept.refresh(token="another").rows == 3


def test_no_token_comes_into_the_file(kept: History) -> None:
    secret = "dop_v1_0123456789"
    kept.simulator.account.add_token(secret)
    fill(kept.simulator, 3)
    kept.refresh(token=secret)
    assert secret.encode() not in kept.path.read_bytes()
    ((source,),) = kept.query("SELECT source FROM dovtab_history")
    assert source.startswith(kept.simulator.url + " ")


@pytest.mark.parametrize(
    ("context", "variable", "name"),
    [(None, None, "default"), ("Prod", "qa", "prod"), (None, "QA", "qa")],
)
def test_an_account_is_called_as_its_context(
    context: str | None, variable: str | None, name: str
) -> None:
    getenv = {"DIGITALOCEAN_CONTEXT": variable}.get
    assert account_name(Settings(context=context, getenv=getenv)) == name


# Files


def test_other_tables_and_the_journal_mode_stay(kept: History) -> None:
    fill(kept.simulator, 3)
    kept.query("PRAGMA journal_mode = wal")
    kept.query("CREATE TABLE inventory AS SELECT 1 AS droplet_id")
    kept.refresh()
    assert kept.query("PRAGMA journal_mode") == [("wal",)]
    assert kept.query("SELECT * FROM inventory") == [(1,)]
    assert kept.rows() == kept.truth()


def test_columns_indexes_and_triggers_that_somebody_has_added_stay(kept: History) -> None:
    fill(kept.simulator, 3)
    kept.refresh()
    kept.query("ALTER TABLE droplet_actions_history ADD COLUMN note TEXT")
    kept.query("UPDATE droplet_actions_history SET note = 'seen'")
    kept.refresh(full=True)
    assert kept.query("SELECT DISTINCT note FROM droplet_actions_history") == [("seen",)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE droplet_actions_history(id INTEGER PRIMARY KEY, what)",
        "CREATE VIEW droplet_actions_history AS SELECT 'a' AS account, 1 AS id",
        "CREATE TABLE dovtab_other_actions(account, id, what)",
        "CREATE TABLE dovtab_history(id PRIMARY KEY)",
    ],
)
def test_a_table_of_that_name_that_is_another_is_left_alone(
    kept: History, statement: str
) -> None:
    kept.query(statement)
    before = kept.path.read_bytes()
    with pytest.raises(dovtab.SettingsError, match="that is not dovtab's: rename it"):
        kept.refresh()
    assert kept.path.read_bytes() == before
    assert kept.simulator.requests == []


def test_a_table_of_that_name_that_is_made_meanwhile_is_left_alone(kept: History) -> None:
    fill(kept.simulator, 3)
    kept.simulator.before_page(
        lambda number: kept.query("CREATE TABLE droplet_actions_history(what)")
    )
    with pytest.raises(dovtab.SettingsError, match="that is not dovtab's: rename it"):
        kept.refresh()
    assert kept.query("SELECT name FROM sqlite_schema") == [("droplet_actions_history",)]
    assert kept.query("SELECT * FROM droplet_actions_history") == []


def test_a_file_that_is_no_database_is_left_alone(kept: History, run: Run) -> None:
    kept.path.write_text("This is a text, and not a database of SQLite's.\n" * 100)
    with pytest.raises(dovtab.SettingsError, match="file is not a database"):
        kept.refresh()
    ran = run("--refresh", "history.db")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"Error: {'history.db'}: file is not a database\n"
    assert kept.path.read_text().startswith("This is a text")
    assert kept.simulator.requests == []


@pytest.mark.parametrize("path", ["", ":memory:", "file:x?mode=memory"])
def test_a_history_is_a_file(path: str) -> None:
    with pytest.raises(dovtab.SettingsError, match="a history is kept in a file"):
        dovtab.refresh(path, token="t")


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root may write everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_file_that_cannot_be_written_is_said_before_anything_is_read(kept: History) -> None:
    kept.refresh()
    simulator, asked = kept.simulator, len(kept.simulator.requests)
    with TemporaryDirectory() as folder:
        # pytest's own folders are for their user alone.
        Path(folder).chmod(0o777)
        path = shutil.copy(kept.path, folder)
        Path(path).chmod(0o444)
        with not_as_root(), pytest.raises(dovtab.SettingsError, match="it cannot be written"):
            dovtab.refresh(path, token=simulator.token, api_url=simulator.url)
    assert len(simulator.requests) == asked


@pytest.mark.parametrize("name", ["circle", "a\0b", "a\udcff"])
def test_a_name_that_no_file_can_have_is_said(kept: History, name: str) -> None:
    kept.path = kept.path.with_name(name)
    if name == "circle":
        kept.path.symlink_to(kept.path)
    with pytest.raises(dovtab.SettingsError, match="no file can have that name"):
        kept.refresh()


def test_a_folder_that_is_not_there_is_said(run: Run) -> None:
    ran = run("--refresh", "nowhere/history.db")
    assert (ran.returncode, ran.stdout) == (2, "")
    said = "Error: nowhere/history.db: history.db-refresh cannot be made: No such file or directory\n"
    assert ran.stderr == said


def test_without_a_token_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(dovtab.SettingsError, match="no API token"):
        dovtab.refresh(os.fspath(tmp_path / "history.db"))
    assert list(tmp_path.glob("history.db*")) == []


def test_a_helping_table_that_somebody_has_dropped_is_made_anew(kept: History) -> None:
    fill(kept.simulator, 3)
    kept.refresh()
    kept.query("DROP TABLE dovtab_other_actions")
    assert kept.refresh().new == 0
    assert kept.refresh().requests == 1
    assert kept.rows() == kept.truth()


def test_nobody_is_kept_from_reading_or_writing_while_the_network_is(kept: History) -> None:
    fill(kept.simulator, 450)
    kept.refresh()
    kept.query("CREATE TABLE others(n)")
    fill(kept.simulator, 450)
    written: list[int] = []

    def write(number: int) -> None:
        # All of the last run, or all of this, and nothing in between.
        assert kept.query("SELECT count(*) FROM droplet_actions_history") == [(450,)]
        kept.query("INSERT INTO others VALUES (?)", number)
        written.append(number)

    kept.simulator.before_page(write)
    kept.refresh(concurrency=1)
    assert len(written) == 3
    assert len(kept.rows()) == 900


def test_who_has_the_file_locked_for_too_long_keeps_it_as_it_was(
    kept: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kept.simulator, 3)
    kept.refresh()
    fill(kept.simulator, 3)
    monkeypatch.setattr(history_file, "BUSY_SECONDS", 0.05)
    # No other copy of SQLite: in one process two do not see each other's locks.
    with closing(apsw.Connection(os.fspath(kept.path))) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(dovtab.SettingsError, match=r"locked for 0\.05 s") as locked:
            kept.refresh()
        db.execute("ROLLBACK")
    # It is not tried a second time.
    assert not hasattr(locked.value, "__notes__")
    assert len(kept.rows()) == 3
    assert kept.refresh().new == 3


def test_an_interruption_ends_the_wait_for_a_lock(
    kept: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kept.simulator, 3)
    kept.refresh()
    fill(kept.simulator, 3)

    def press(seconds: float) -> None:
        if seconds < 0.1:
            monkeypatch.undo()
            monkeypatch.setattr(history, "HURRY_SECONDS", 0.0)
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", press)
    with closing(apsw.Connection(os.fspath(kept.path))) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeyboardInterrupt) as pressed:
            kept.refresh()
        db.execute("ROLLBACK")
    (note,) = pressed.value.__notes__
    assert note.startswith("what was read is lost: ")
    assert note.endswith("others have had it locked for 0 s; nothing was changed")
    assert kept.refresh().new == 3


def test_an_interruption_while_it_writes_loses_nothing(
    kept: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kept.simulator, 3)
    write = history_file.HistoryFile.write
    monkeypatch.setattr(history_file.HistoryFile, "write", interrupted_once(write))
    with pytest.raises(KeyboardInterrupt) as pressed:
        kept.refresh()
    assert pressed.value.__notes__ == ["3 of 3 actions are there, the next run goes on"]
    assert kept.rows() == kept.truth()
    assert kept.is_whole


def interrupted_once(write: Callable[..., history_file.Written]) -> Callable[..., object]:
    calls: list[None] = []

    def interrupted(*arguments: object, **more: object) -> object:
        calls.append(None)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return write(*arguments, **more)

    return interrupted


# Two at once


def test_a_second_run_is_refused_if_the_first_takes_too_long(kept: History) -> None:
    fill(kept.simulator, 3)
    with (
        run_alone(os.fspath(kept.path), 0),
        pytest.raises(dovtab.SettingsError, match="another run is refreshing it"),
    ):
        kept.refresh(max_wait_seconds=0)
    assert kept.simulator.requests == []
    assert kept.refresh().new == 3
    assert list(kept.path.parent.glob("history.db*")) == [kept.path]


def test_two_runs_at_once_are_one_after_the_other(kept: History) -> None:
    fill(kept.simulator, 450)
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(kept.refresh().new)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 0, 450]
    assert len(kept.simulator.requests) == 3 + 3
    assert kept.rows() == kept.truth()


def test_a_lock_that_was_taken_away_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening it and locking it, whoever had it has come to his end."""
    open_file = os.open

    def open_and_lose(path: Path, flags: int, mode: int) -> int:
        monkeypatch.undo()
        file = open_file(path, flags, mode)
        path.unlink()
        return file

    monkeypatch.setattr(os, "open", open_and_lose)
    with run_alone(os.fspath(tmp_path / "history.db"), 5):
        assert (tmp_path / "history.db-refresh").exists()
    assert list(tmp_path.glob("history.db*")) == []


# The command


def test_the_command_says_what_it_did(simulator: Simulator, run: Run) -> None:
    fill(simulator, 1250)
    ran = run("--refresh", "history.db")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "history.db: 1,250 new, 0 ended, 1,250 in all, 7 requests\n"
    ran = run("--quiet", "--refresh", "history.db")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    ran = run("--refresh", "history.db", "--full")
    assert ran.stdout == "history.db: 0 new, 0 ended, 1,250 in all, 7 requests\n"


def test_the_command_refreshes_contexts(
    simulator: Simulator, run: Run, tmp_path: Path, kept: History
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("auth-contexts:\n  prod: simulator\n")
    fill(simulator, 5)
    ran = run("--context", "prod", "--refresh", "history.db", DIGITALOCEAN_CONFIG=str(config))
    assert ran.returncode == 0, ran.stderr
    assert kept.rows("prod") == kept.truth()
    assert kept.rows() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--refresh",), "--refresh needs a value"),
        (("--refresh", "h.db", "other.db"), "--refresh has its own file"),
        (("--refresh", "h.db", "other.db", "SELECT 1"), "--refresh has its own file"),
        (("--quiet",), "--quiet goes with --refresh FILE"),
        (("--full", "other.db", "SELECT 1"), "--full goes with --refresh FILE"),
        (("--refresh", ""), "--refresh needs the name of a file"),
        (("other.db", "--refresh", "h.db"), "--refresh comes before the database"),
        (("--refresh", ":memory:"), "a history is kept in a file"),
    ],
)
def test_a_wrong_command_makes_nothing(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = run(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    (line,) = ran.stderr.splitlines()
    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_is_refused_is_one_line(
    simulator: Simulator, run: Run, tmp_path: Path
) -> None:
    simulator.fault(Fault("status", status=403, times=None))
    ran = run("--refresh", "history.db")
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("Error: history.db: GET /v2/actions?page=1&per_page=200: 403")
    assert list(tmp_path.glob("history*")) == []


def test_a_demonstration_is_an_account_of_its_own(run: Run, kept: History) -> None:
    for new in (80, 0):
        ran = run("--demo", "--refresh", "history.db", DIGITALOCEAN_API_URL="")
        assert ran.stdout == f"history.db: {new} new, 0 ended, 80 in all, 1 request\n"
    assert len(kept.rows("demo")) == 80
