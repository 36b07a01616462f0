"""``dovtab:///inventory.db`` as tools over SQLAlchemy use it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, NotSupportedError, OperationalError, ProgrammingError

import dovtab.dbapi
from dovtab.resources import DROPLET_ACTIONS, DROPLETS
from dovtab.simulator import Simulator

DROPLET = 3164444


@pytest.fixture
def engine(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    simulator.account.populate(droplets=3, actions=300)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    engine = create_engine(f"dovtab:///{tmp_path / 'inventory.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE inventory(id INTEGER PRIMARY KEY, team TEXT)"))
        connection.execute(text(f"INSERT INTO inventory VALUES ({DROPLET}, 'web'), (7, 'db')"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("name", ["dovtab", "dovtab+apsw"])
def test_the_url_leads_to_it(name: str) -> None:
    engine = create_engine(f"{name}://")
    assert engine.dialect.name == "dovtab"
    assert engine.dialect.driver == "apsw"
    assert engine.dialect.import_dbapi() is dovtab.dbapi
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM dovtab_requests")).scalar() == 0
    engine.dispose()


def test_tools_find_the_tables_without_a_request(simulator: Simulator, engine: Engine) -> None:
    inspector = inspect(engine)
    assert inspector.get_schema_names() == ["main", "digitalocean"]
    assert inspector.get_table_names() == ["inventory"]
    assert inspector.get_table_names(schema="digitalocean") == ["droplet_actions", "droplets"]
    for schema in (None, "digitalocean"):
        for table in (DROPLET_ACTIONS, DROPLETS):
            assert inspector.has_table(table.name, schema=schema)
            columns = inspector.get_columns(table.name, schema=schema)
            assert [(c["name"], str(c["type"]), c["comment"]) for c in columns] == [
                (column.name, column.type, column.description) for column in table.visible
            ]
            for read in ("pk_constraint", "foreign_keys", "indexes", "unique_constraints"):
                assert getattr(inspector, f"get_{read}")(table.name, schema) in (
                    [],
                    {"constrained_columns": [], "name": None},
                )
    assert simulator.requests == []


def test_a_table_of_the_users_of_that_name_is_his(tmp_path: Path) -> None:
    engine = create_engine(f"dovtab:///{tmp_path / 'x.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE droplets(mine PRIMARY KEY)"))
    (column,) = inspect(engine).get_columns("droplets")
    assert column["name"] == "mine"
    assert "comment" not in column
    assert inspect(engine).get_pk_constraint("droplets")["constrained_columns"] == ["mine"]
    engine.dispose()


def test_a_join_with_the_inventory(simulator: Simulator, engine: Engine) -> None:
    metadata = MetaData()
    inventory = Table("inventory", metadata, autoload_with=engine)
    # Hidden columns are not reflected: what is to be used of them is said.
    hidden = Column("droplet_id", Integer)
    actions = Table(
        "droplet_actions", metadata, hidden, schema="digitalocean", autoload_with=engine
    )
    joined = inventory.join(actions, actions.c.droplet_id == inventory.c.id)
    query = select(inventory.c.team, actions.c.id).select_from(joined)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    assert len(rows) == 300
    assert {row.team for row in rows} == {"web"}
    assert {r.path for r in simulator.requests} == {
        f"/v2/droplets/{id}/actions" for id in (DROPLET, 7)
    }


@pytest.mark.parametrize("name", ["droplet_actions", "digitalocean.droplet_actions"])
def test_a_preview_is_one_request(simulator: Simulator, engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT * FROM {name} LIMIT 100 OFFSET 0")).all()
    assert len(rows) == 100
    assert len(simulator.requests) == 1


def test_nothing_of_it_comes_into_the_file(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT id FROM droplet_actions LIMIT 1")).all()
    plain = sqlite3.connect(tmp_path / "inventory.db")
    assert plain.execute("SELECT name FROM sqlite_master").fetchall() == [("inventory",)]
    plain.close()


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT droplet_actions_post(3164444, 'reboot')", NotSupportedError),
        (
            "INSERT INTO droplet_actions(droplet_id, type) VALUES (3164444, 'reboot')",
            NotSupportedError,
        ),
        ("ATTACH 'other.db' AS other", NotSupportedError),
        ("DETACH digitalocean", NotSupportedError),
        ("VACUUM INTO 'other.db'", NotSupportedError),
        ("CREATE TABLE digitalocean.mine(x)", NotSupportedError),
        ("CREATE VIEW digitalocean.mine AS SELECT 1", NotSupportedError),
        ("DROP TABLE digitalocean.droplets", NotSupportedError),
        ("ALTER TABLE digitalocean.droplets RENAME TO mine", NotSupportedError),
        ("PRAGMA writable_schema = 1", NotSupportedError),
        ("PRAGMA temp_store_directory = '/'", NotSupportedError),
        ("SELECT load_extension('other')", OperationalError),
    ],
)
def test_what_a_visitor_must_not_do(
    simulator: Simulator, engine: Engine, sql: str, kind: type[Exception]
) -> None:
    for more in ({}, {"isolation_level": "AUTOCOMMIT"}):
        with engine.connect().execution_options(**more) as connection, pytest.raises(kind):
            connection.execute(text(sql))
    assert not [r for r in simulator.requests if r.method == "POST"]


def test_its_owner_may_let_it_act(
    simulator: Simulator, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = create_engine(engine.url.update_query_dict({"allow_actions": "on"}))
    with allowed.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO digitalocean.droplet_actions(droplet_id, type) VALUES (:id, 'reboot')"
            ),
            {"id": DROPLET},
        )
    assert [r.method for r in simulator.requests].count("POST") == 1
    allowed.dispose()


def test_a_file_that_is_only_read(engine: Engine) -> None:
    reads = create_engine(engine.url.update_query_dict({"mode": "ro"}))
    with reads.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM inventory")).scalar() == 2
        assert (
            len(connection.execute(text("SELECT id FROM droplet_actions LIMIT 3")).all()) == 3
        )
        with pytest.raises(OperationalError, match="readonly"):
            connection.execute(text("DELETE FROM inventory"))
    reads.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("dovtab:///x.db?token=dop_v1_secret", "token is not taken from a URL"),
        ("dovtab:///x.db?api_url=https://elsewhere.example", "api_url is not taken from a URL"),
        ("dovtab://host/x.db", "has no host"),
        ("dovtab:///x.db?concurrency=0", "concurrency must be"),
        ("dovtab:///x.db?colour=red", "no setting 'colour'"),
        ("dovtab:///x.db?mode=memory", "mode is ro"),
        ("dovtab:///x.db?timeout=long", "timeout must be"),
        ("dovtab:///x.db?mode=ro&mode=rwc", "mode is ro"),
    ],
)
def test_a_wrong_url_is_said_at_once(url: str, says: str) -> None:
    with pytest.raises(ArgumentError, match=says) as caught:
        create_engine(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_moment_that_knows_its_zone_compares(engine: Engine) -> None:
    at = Column("started_at", DateTime(timezone=True))
    actions = Table("droplet_actions", MetaData(), Column("id", Integer), at)
    with engine.connect() as connection:
        moments = connection.execute(select(actions.c.started_at)).scalars().all()
        middle = sorted(moments)[450].astimezone(timezone(timedelta(hours=5)))
        later = select(actions.c.id).where(actions.c.started_at >= middle)
        found = len(connection.execute(later).all())
        assert found == sum(moment >= middle for moment in moments)
        with pytest.raises(ProgrammingError, match="does not compare"):
            connection.execute(later.where(actions.c.started_at < datetime(2026, 1, 1)))


def test_moments_come_back_as_they_went(engine: Engine) -> None:
    kept = Table("kept", MetaData(), Column("at", DateTime))
    moments = [datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 10)]
    with engine.begin() as connection:
        kept.create(connection)
        connection.execute(kept.insert(), [{"at": moment} for moment in moments])
        assert connection.execute(select(kept.c.at)).scalars().all() == moments


def test_threads_have_databases_in_memory_of_their_own() -> None:
    engine = create_engine("dovtab://")

    def ask(_: int) -> int | None:
        with engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM dovtab_requests")).scalar()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(200))) == [0] * 200
    engine.dispose()


def test_savepoints_and_autocommit(engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin_nested() as nested:
            connection.execute(text("DELETE FROM inventory"))
            nested.rollback()
        connection.execute(text("DELETE FROM inventory WHERE id = 7"))
        connection.rollback()
        assert connection.execute(text("SELECT count(*) FROM inventory")).scalar() == 2
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DELETE FROM inventory WHERE id = 7"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM inventory")).scalar() == 1


def test_the_package_imports_none_of_it() -> None:
    check = "import sys, dovtab, dovtab.dbapi; print('sqlalchemy' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
