"""The random scripts that act, through the extension in another Python's standard sqlite3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from extension_in_apsw import open_with_extension
from fresh_tokens import FreshTokens
from hypothesis import given, settings
from standard_host import StandardHost, quick_folder, standard_host

from by_property.apsw_half import apsw_half
from by_property.pair import Pair, account
from by_property.scripts import scripts
from dovtab.simulator import Simulator
from dovtab.simulator.clock import SystemClock
from thoroughness import share_of_examples

NUMBERS = re.compile(r"numbers\(1, (\d)\)")


def without_numbers(sql: str) -> str:
    """The standard module makes no virtual table in Python: SQLite's own takes its place."""
    return NUMBERS.sub(lambda found: f"json_each('{list(range(1, int(found[1]) + 1))}')", sql)


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator runs on."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with account(SystemClock()) as running:
        yield running


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandardHost]:
    with standard_host(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(
    simulator: Simulator, host: StandardHost, tmp_path_factory: pytest.TempPathFactory
) -> FreshTokens:
    settings = {
        "DOVTAB_ALLOW_ACTIONS": "1",
        "DOVTAB_CACHE_SECONDS": "0",
        "DOVTAB_MAX_ACTIONS": "0",
    }
    contexts = tmp_path_factory.mktemp("contexts") / "config.yaml"
    return FreshTokens(simulator, host.open, settings, contexts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick_folder(tmp_path_factory.mktemp("logs")) as folder:
        yield folder


@given(script=scripts)
@settings(deadline=None, max_examples=share_of_examples(0.3))
def test_what_is_sent_is_what_ordinary_tables_hold(
    simulator: Simulator,
    tokens: FreshTokens,
    host: StandardHost,
    folder: Path,
    script: list[str],
) -> None:
    log = folder / "actions.db"
    log.unlink(missing_ok=True)
    settings = tokens.settings(DOVTAB_LOG=str(log))
    ours, model = host.open(settings, half=True), host.open(half=True)
    both = Pair(simulator, ours, model, sees_at_once=True)
    try:
        both.play([without_numbers(sql) for sql in script])
    finally:
        both.close()


def posts(simulator: Simulator) -> int:
    return sum(request.method == "POST" for request in simulator.requests)


@given(script=scripts)
@settings(deadline=None, max_examples=share_of_examples(0.2))
def test_what_is_sent_is_that_in_a_newer_sqlite_too(
    simulator: Simulator, tokens: FreshTokens, folder: Path, script: list[str]
) -> None:
    """The one that is in apsw."""
    log = folder / "newer.db"
    log.unlink(missing_ok=True)
    ours = apsw_half(open_with_extension(tokens.settings(DOVTAB_LOG=str(log))).db)
    model = apsw_half(apsw.Connection(":memory:"))
    both = Pair(simulator, ours, model, sees_at_once=True)
    try:
        both.play(script)
    finally:
        both.close()


INSERT = "INSERT INTO droplet_actions(droplet_id, type) VALUES "


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT droplet_actions_post(stop(5), 'snapshot')", 1),
        (f"{INSERT} (stop(5), 'snapshot')", 1),
        (f"{INSERT} (1, 'snapshot'), (stop(5), 'reboot')", 2),
    ],
)
def test_what_is_interrupted_before_it_acts_sends_nothing(
    simulator: Simulator, tokens: FreshTokens, host: StandardHost, sql: str, count: int
) -> None:
    door = host.open(tokens.settings(DOVTAB_LOG="off"), half=True)
    before = posts(simulator)
    assert not door.run(sql)
    assert "interrupted" in door.error
    assert posts(simulator) == before
    # And it is no longer.
    assert door.run(sql.replace("stop(5)", "5"))
    assert posts(simulator) == before + count
    door.close()


LATER = """SELECT value, CASE WHEN value > 1 THEN droplet_actions_post(3, 'snapshot') ->> 'type' END
    FROM json_each('[1, 2, 3]')"""


@pytest.mark.parametrize("door", ["another Python's", "apsw's"])
def test_a_function_may_be_called_first_after_the_first_row(
    simulator: Simulator, tokens: FreshTokens, host: StandardHost, door: str
) -> None:
    """The same call is sent once, in a newer SQLite too."""
    open = host.open if door == "another Python's" else open_with_extension
    opened, before = open(tokens.settings(DOVTAB_LOG="off")), posts(simulator)
    try:
        assert opened.rows(LATER) == [(1, None), (2, "snapshot"), (3, "snapshot")]
        assert posts(simulator) == before + 1
    finally:
        opened.close()


def test_where_it_could_be_this_one_or_that_nothing_acts(
    simulator: Simulator, tokens: FreshTokens
) -> None:
    """A newer SQLite does not show which of two is on its way to its second row."""
    door, before = open_with_extension(tokens.settings(DOVTAB_LOG="off")), posts(simulator)
    try:
        half_read = door.db.execute(LATER)
        assert next(half_read) == (1, None)
        other = door.db.execute(LATER)
        assert next(other) == (1, None)
        with pytest.raises(apsw.SQLError, match="two statements that act are running"):
            next(other)
        assert posts(simulator) == before
        # Once the other one has ended there is no doubt.
        assert list(half_read) == [(2, "snapshot"), (3, "snapshot")]
        assert posts(simulator) == before + 1
    finally:
        door.close()
