"""The tables over all accounts, through the extension in the standard library's sqlite3."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import dovtab
from built import needs_extension
from dovtab.simulator import Simulator
from several_accounts import ACCOUNTS, HAS, add_accounts, asked

pytestmark = needs_extension


@pytest.fixture
def accounts(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Simulator:
    add_accounts(simulator, tmp_path, monkeypatch)
    monkeypatch.setenv("DOVTAB_CACHE_SECONDS", "0")
    return simulator


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_variable_of_a_context_reaches_the_helper(accounts: Simulator, name: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        db.execute(f"CREATE VIRTUAL TABLE temp.other USING droplet_actions(context='{name}')")
        query = f"SELECT count(*) FROM other WHERE droplet_id = {HAS[name][0]}"
        assert asked(accounts, lambda: db.execute(query).fetchone()) == {name: 1}
        with pytest.raises(sqlite3.OperationalError, match="no such table: all_droplets"):
            db.execute("SELECT * FROM all_droplets")


def test_the_context_of_the_environment_is_one_of_them(
    accounts: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_CONTEXT", "stage")
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        assert db.execute("SELECT count(*) FROM droplets").fetchone() == (3,)


def test_the_tables_over_all_accounts_are_there_if_the_environment_says_so(
    accounts: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVTAB_ALL_CONTEXTS", "1")
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        of_each = "SELECT account, count(*) FROM all_droplets GROUP BY account"
        assert dict(db.execute(of_each).fetchall()) == {n: len(ids) for n, ids in HAS.items()}
        of_one = (
            "SELECT id FROM all_droplet_actions WHERE account = 'stage' AND droplet_id = 102"
        )
        found: list[object] = []
        assert asked(accounts, lambda: found.extend(db.execute(of_one))) == {"stage": 1}
        assert sorted(found) == [(102000,), (102001,), (102002,)]  # type: ignore[type-var]
        # A single object is its scan's last, and another account comes after it.
        of_nobody_knows = "SELECT account FROM all_droplet_actions WHERE action_id = 102001"
        assert db.execute(of_nobody_knows).fetchall() == [("stage",)]
        with pytest.raises(sqlite3.OperationalError, match="may not be modified"):
            db.execute("DELETE FROM all_droplets")


@pytest.mark.usefixtures("one_by_one")
def test_a_join_with_a_file_is_run_ahead(
    accounts: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    accounts.latency = 0.02
    monkeypatch.setenv("DOVTAB_ALL_CONTEXTS", "1")
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as db:
        db.execute("CREATE TABLE inventory(droplet_id INTEGER)")
        rows = [(id,) for ids in HAS.values() for id in ids]
        db.executemany("INSERT INTO inventory VALUES (?)", rows)
        db.commit()
        dovtab.load(db)
        query = "SELECT count(*) FROM inventory JOIN all_droplet_actions USING (droplet_id)"
        assert db.execute(query).fetchone() == (36,)
        ahead = "SELECT count(*) FROM dovtab_requests WHERE look_ahead = 'ahead'"
        assert db.execute(ahead).fetchone()[0] > 24


def test_where_there_is_no_context_it_is_an_error_of_one_line(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVTAB_ALL_CONTEXTS", "1")
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        with pytest.raises(sqlite3.OperationalError, match=r"^there is no context: set a .*$"):
            db.execute("SELECT * FROM all_droplets").fetchall()
