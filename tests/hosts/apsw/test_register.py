"""dovtab.register() on a connection of the user's own, where it differs from dovtab.connect()."""

from __future__ import annotations

import apsw
import pytest

import dovtab
from dovtab.simulator import Fault, Simulator

INSERT = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot'), (2, 'reboot')"


@pytest.fixture
def db(simulator: Simulator) -> apsw.Connection:
    for id in (1, 2):
        simulator.account.add_droplet(droplet_id=id)
    simulator.fault(Fault(kind="status", status=422, path="/2/", times=None))
    db = apsw.Connection(":memory:")
    dovtab.register(db, token=simulator.token, api_url=simulator.url)
    db.execute("CREATE TABLE note(text)")
    return db


def test_a_with_block_of_apsw_s_raises_its_own_error_over_ours(db: apsw.Connection) -> None:
    """What it says when it rolls back what SQLite has rolled back already hides ours."""

    def act() -> None:
        with db:
            db.execute("INSERT INTO note VALUES ('rolled back')")
            db.execute(INSERT)

    with pytest.raises(apsw.SQLError) as caught:
        act()
    refused = caught.value.__context__
    assert isinstance(refused, dovtab.ActionsError)
    assert (refused.sent, refused.refused) == (1, 1)
    assert not db.in_transaction
    assert db.execute("SELECT count(*) FROM note").get == 0


def test_begin_and_commit_raise_ours(db: apsw.Connection) -> None:
    db.execute("BEGIN")
    db.execute("INSERT INTO note VALUES ('rolled back')")
    db.execute(INSERT)
    with pytest.raises(dovtab.ActionsError):
        db.execute("COMMIT")
    assert not db.in_transaction
    assert db.execute("SELECT count(*) FROM note").get == 0


def test_a_with_block_within_a_transaction_ends_in_a_commit_of_the_user_s(
    db: apsw.Connection,
) -> None:
    db.execute("BEGIN")
    with db:
        db.execute(INSERT)
    with pytest.raises(dovtab.ActionsError):
        db.execute("COMMIT")
