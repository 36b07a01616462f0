"""How many actions an open transaction has asked for, as a door can tell."""

from __future__ import annotations

import os

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from unlisted import UNLISTED

INSERT = "INSERT INTO droplet_actions(droplet_id, type) "


@pytest.fixture
def db() -> apsw.Connection:
    return apsw.Connection(":memory:")


def test_what_is_queued_is_counted_until_the_transaction_ends(db: apsw.Connection) -> None:
    session = attach(
        db, resolve({"dry_run": True, "token": "none"}, os.getenv), tables=[UNLISTED]
    )
    counts = []
    for sql in (
        "SELECT 1",
        INSERT + "VALUES (1, 'reboot')",
        "BEGIN",
        INSERT + "VALUES (1, 'reboot'), (2, 'reboot')",
        "SAVEPOINT s",
        INSERT + "VALUES (3, 'reboot')",
        "ROLLBACK TO s",
        "COMMIT",
        "BEGIN; " + INSERT + "VALUES (1, 'reboot')",
        "ROLLBACK",
    ):
        db.execute(sql)
        counts.append(session.queued)
    assert counts == [0, 0, 0, 2, 2, 3, 2, 0, 1, 0]
    db.close()
    assert session.queued == 0


def test_rows_of_a_statement_that_failed_are_not_counted(db: apsw.Connection) -> None:
    session = attach(
        db, resolve({"dry_run": True, "token": "none"}, os.getenv), tables=[UNLISTED]
    )
    db.execute("BEGIN; " + INSERT + "VALUES (1, 'reboot')")
    with pytest.raises(dovtab.ArgumentError):
        db.execute(INSERT + "VALUES (2, 'reboot'), (3, 'wrong')")
    assert session.queued == 1
    db.execute(INSERT + "VALUES (2, 'reboot')")
    assert session.queued == 2
    db.execute("COMMIT")
    assert db.execute("SELECT group_concat(droplet_id) FROM dovtab_posts").get == "1,2"


def test_asking_while_a_statement_is_writing_changes_nothing(db: apsw.Connection) -> None:
    session = attach(
        db, resolve({"dry_run": True, "token": "none"}, os.getenv), tables=[UNLISTED]
    )
    counts = []

    def look(droplet_id: int) -> int:
        counts.append(session.queued)
        return droplet_id

    db.create_scalar_function("look", look, 1)
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (look(1), 'reboot'), (look(2), 'reboot')")
    assert session.queued == 2
    db.execute("COMMIT")
    assert db.execute("SELECT count(*) FROM dovtab_posts").get == 2
    assert counts == [0, 1]
