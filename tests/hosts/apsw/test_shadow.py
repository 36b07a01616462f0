"""A table of the database's that has a name of ours hides ours: never in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator

HIDING = [
    "CREATE TABLE droplet_actions(droplet_id, type)",
    "CREATE TABLE Droplet_Actions(droplet_id, type)",
    "CREATE VIEW droplet_actions AS SELECT 1 AS droplet_id, 'reboot' AS type",
    "CREATE VIRTUAL TABLE droplet_actions USING fts5(droplet_id, type)",
    "CREATE TABLE dovtab_posts(outcome)",
]
NAMES = "droplet_actions|dovtab_posts"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stranger.db"


def make(file: Path, sql: str) -> None:
    with apsw.Connection(str(file)) as db:
        db.execute(sql)
    db.close()


@pytest.mark.parametrize("sql", HIDING)
def test_a_file_that_has_one_is_refused(file: Path, sql: str) -> None:
    make(file, sql)
    with pytest.raises(
        dovtab.SettingsError,
        match=rf"^the database main has a (table|view|virtual) ({NAMES}) of its own, which hides",
    ):
        dovtab.connect(str(file), token="none")
    db = apsw.Connection(str(file))
    with pytest.raises(dovtab.SettingsError, match="hides dovtab's"):
        dovtab.register(db, token="none")
    db.close()


@pytest.mark.parametrize("sql", HIDING)
def test_one_that_comes_later_is_told_at_its_first_use(
    simulator: Simulator, db: apsw.Connection, file: Path, sql: str
) -> None:
    make(file, sql)
    db.execute("ATTACH ? AS stranger", (str(file),))
    assert db.execute("SELECT 1").get == 1
    name = "dovtab_posts" if "posts" in sql else "droplet_actions"
    for use in (f"SELECT * FROM {name}", f"SELECT 1; SELECT count(*) FROM {name.upper()}"):
        with pytest.raises(dovtab.SettingsError, match="the database stranger has a"):
            list(db.execute(use))
    db.execute("DETACH stranger")
    list(db.execute("SELECT * FROM dovtab_posts"))
    assert simulator.requests == []


def test_it_can_be_taken_out_of_the_way(db: apsw.Connection) -> None:
    db.execute(HIDING[0])
    with pytest.raises(dovtab.SettingsError, match="the database main has a table"):
        db.execute("INSERT INTO droplet_actions VALUES (1, 'reboot')")
    db.execute("ALTER TABLE droplet_actions RENAME TO history")
    assert db.execute("SELECT count(*) FROM dovtab_posts").get == 0
    db.execute("CREATE TEMP VIEW droplet_actions AS SELECT 1")
    with pytest.raises(dovtab.SettingsError, match="the database temp has a view"):
        db.execute("SELECT * FROM droplet_actions")
    db.execute("DROP VIEW droplet_actions")
    assert list(db.execute("SELECT * FROM dovtab_plan")) == []


def test_a_table_of_our_own_hides_nothing(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """Who calls it so in his temp database knows what it is."""
    simulator.account.add_droplet(droplet_id=1)
    simulator.account.add_action(1)
    db = connect()
    db.execute("CREATE VIRTUAL TABLE temp.droplet_actions USING droplet_actions()")
    assert db.execute("SELECT count(*) FROM droplet_actions(1)").get == 1
