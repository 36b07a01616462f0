"""INSERT INTO droplet_actions asks for what an ordinary table would hold at COMMIT."""

from __future__ import annotations

import os
from collections.abc import Iterator

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from unlisted import UNLISTED


class Pair:
    """Our table, in a dry run, and an ordinary one with a constraint, side by side."""

    def __init__(self) -> None:
        self.ours = apsw.Connection(":memory:")
        settings = resolve({"dry_run": True, "token": "none"}, os.getenv)
        attach(self.ours, settings, tables=[UNLISTED])
        self.ordinary = apsw.Connection(":memory:")
        self.ordinary.execute(
            "CREATE TABLE droplet_actions(droplet_id, type CHECK (type <> 'wrong'))"
        )
        for db in (self.ours, self.ordinary):
            db.create_scalar_function("broken", broken, 1)

    def run(self, sql: str) -> None:
        outcomes = []
        for db in (self.ours, self.ordinary):
            try:
                db.execute(sql).fetchall()
                outcomes.append("done")
            except (apsw.Error, dovtab.DovtabError, ZeroDivisionError):
                outcomes.append("failed")
        assert outcomes[0] == outcomes[1], sql
        assert self.ours.in_transaction == self.ordinary.in_transaction, sql

    def rows(self) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        return (
            list(self.ours.execute("SELECT droplet_id, type FROM dovtab_posts ORDER BY rowid")),
            list(self.ordinary.execute("SELECT * FROM droplet_actions ORDER BY rowid")),
        )

    def close(self) -> None:
        self.ours.close(True)
        self.ordinary.close(True)


def broken(value: int) -> int:
    """The value itself, unless it is five."""
    return value + 0 // (value - 5)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


targets = st.integers(1, 9)
types = st.sampled_from(["'reboot'", "'reboot'", "'shutdown'", "'wrong'"])
values = st.builds("({}, {})".format, targets, types)
many = st.lists(values, min_size=1, max_size=4).map(", ".join)
on_conflict = st.sampled_from(["", "", " OR IGNORE", " OR FAIL", " OR ABORT", " OR ROLLBACK"])
inserts = st.one_of(
    st.builds(
        "INSERT{} INTO droplet_actions(droplet_id, type) VALUES {}".format, on_conflict, many
    ),
    st.builds(
        "INSERT{} INTO droplet_actions(droplet_id, type) SELECT * FROM (VALUES {})".format,
        on_conflict,
        many,
    ),
    st.builds(
        "INSERT{} INTO droplet_actions(droplet_id, type)"
        " SELECT broken(column1), column2 FROM (VALUES (7, 'reboot'), {})".format,
        on_conflict,
        many,
    ),
    st.builds(
        "INSERT INTO droplet_actions(droplet_id, type)"
        " SELECT column1, iif(column1 = 5, abs(-9223372036854775808), column2)"
        " FROM (VALUES (7, 'reboot'), {})".format,
        many,
    ),
)
names = st.sampled_from(["a", "b"])
steps = st.one_of(
    inserts,
    inserts,
    inserts,
    st.sampled_from(["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SELECT 1"]),
    names.map("SAVEPOINT {}".format),
    names.map("ROLLBACK TO {}".format),
    names.map("RELEASE {}".format),
)


@given(script=st.lists(steps, max_size=14))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_sent_is_what_an_ordinary_table_holds(script: list[str]) -> None:
    """Whatever is inserted, undone, ignored or broken off in between."""
    pair = Pair()
    try:
        for sql in [*script, "COMMIT"]:
            pair.run(sql)
            if not pair.ordinary.in_transaction:
                ours, ordinary = pair.rows()
                assert ours == ordinary
    finally:
        pair.close()


def test_nothing_is_asked_for_before_the_commit(pair: Pair) -> None:
    pair.run("BEGIN")
    pair.run("INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')")
    assert pair.rows()[0] == []
    pair.run("COMMIT")
    assert pair.rows()[0] == [(1, "reboot")]


def test_a_statement_that_a_function_breaks_off_leaves_nothing_behind(pair: Pair) -> None:
    """SQLite undoes it, but cannot say so while Python raises."""
    for sql in (
        "BEGIN",
        "CREATE TEMP VIEW v AS SELECT * FROM (VALUES (2), (5))",
        "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')",
        "INSERT INTO droplet_actions(droplet_id, type) SELECT broken(column1), 'shutdown' FROM v",
        "INSERT INTO droplet_actions(droplet_id, type) VALUES (3, 'reboot')",
        "COMMIT",
    ):
        pair.run(sql)
    assert pair.rows()[0] == pair.rows()[1] == [(1, "reboot"), (3, "reboot")]
