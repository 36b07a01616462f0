"""What is sent at COMMIT is what SQLite lets stand, whatever was undone before."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovtab.api.settings import resolve
from dovtab.resources import Column
from engine.second_door import Door, columns
from unlisted import UNLISTED

# A statement of so many rows, and whether it stands; a savepoint and what becomes of it.
steps = st.one_of(
    st.tuples(st.just("insert"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("write"), st.integers(0, 3), st.booleans()),
    st.tuples(st.sampled_from(["savepoint", "release", "rollback_to"]), st.integers(0, 4), st.just(True)),
)  # fmt: skip


@pytest.fixture(scope="module")
def door() -> Door:
    given = {"token": "simulator", "api_url": "http://127.0.0.1:9", "dry_run": True}
    return Door(resolve(given, os.getenv), tables=[UNLISTED])


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """Nothing is sent at all: a dry run writes down what would be."""


@settings(deadline=None)
@given(script=st.lists(steps, max_size=14), commits=st.booleans())
def test_a_transaction_is_what_a_list_with_savepoints_is(
    door: Door, script: list[tuple[str, int, bool]], commits: bool
) -> None:
    table = door.connect("droplet_actions")
    names = columns(table)
    before = len(door.session.account.posts.rows((Column("seq", "INTEGER", ""),)))
    asked: list[int] = []
    marks: dict[int, int] = {}
    number = 0
    table.transaction.begin()
    for step, n, stands in script:
        if step in ("insert", "write"):
            length = len(asked)
            with door.statement(f"{step} ...", reads=False):
                for _ in range(n if step == "insert" else 0):
                    number += 1
                    row: dict[str, Any] = {"droplet_id": number, "type": "reboot"}
                    table.insert(None, [row.get(name) for name in names])
                    asked.append(number)
                door.changes += n if stands else 0
            if not stands:
                del asked[length:]
            continue
        # SQLite settles a statement before it says anything of a savepoint.
        with door.statement(step, reads=True):
            getattr(table.transaction, step)(n)
        if step == "savepoint":
            marks[n] = len(asked)
        elif step == "release":
            marks = {m: length for m, length in marks.items() if m < n}
        else:
            del asked[marks.get(n, 0) :]
            marks = {m: length for m, length in marks.items() if m <= n}
    with door.statement("COMMIT or ROLLBACK", reads=False):
        table.transaction.sync() if commits else table.transaction.rollback()
    rows = door.session.account.posts.rows((Column("droplet_id", "INTEGER", ""),))[before:]
    assert [droplet for (droplet,) in rows] == (asked if commits else [])
