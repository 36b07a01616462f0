"""Several accounts over DB-API and SQLAlchemy."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from dovtab import dbapi
from dovtab.simulator import Simulator
from several_accounts import HAS, add_accounts, asked

OF_EACH = "SELECT account, count(*) FROM all_droplets GROUP BY account"
OF_ONE = "SELECT id FROM all_droplet_actions WHERE account = 'stage' AND droplet_id = 101"


@pytest.fixture
def accounts(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Simulator:
    add_accounts(simulator, tmp_path, monkeypatch)
    return simulator


def test_the_tables_over_all_accounts_are_there_with_the_setting(accounts: Simulator) -> None:
    with closing(dbapi.connect(all_contexts=True)) as connection:
        cursor = connection.cursor()
        assert dict(cursor.execute(OF_EACH)) == {name: len(ids) for name, ids in HAS.items()}
        found: list[object] = []
        assert asked(accounts, lambda: found.extend(cursor.execute(OF_ONE))) == {"stage": 1}
        assert len(found) == 3


def test_a_url_can_ask_for_them(accounts: Simulator) -> None:
    engine = create_engine("dovtab://?all_contexts=1")
    with engine.connect() as connection:
        found = connection.execute(text(OF_EACH)).all()
        assert dict(map(tuple, found)) == {n: len(i) for n, i in HAS.items()}
    engine.dispose()


def test_a_context_is_an_error_of_the_door_s_own(accounts: Simulator) -> None:
    with (
        closing(dbapi.connect(context="qa")) as connection,
        pytest.raises(dbapi.Error, match=r"DIGITALOCEAN_TOKEN_QA is not set.*stage, two words"),
    ):
        connection.cursor().execute("SELECT * FROM droplets").fetchall()
