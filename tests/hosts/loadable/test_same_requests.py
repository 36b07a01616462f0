"""The random queries ask the API for the same through every door, where none looks ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw
import pytest
from extension_in_apsw import open_with_extension
from fresh_tokens import FreshTokens, Open, Settings
from hypothesis import given, settings
from standard_host import quick_folder, standard_host

from by_property import fleet, fleet_queries, whole_queries
from by_property.doors import ApswDoor, Door
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Simulator
from thoroughness import share_of_examples

GIVEN = {"DOVTAB_LOG": "off", "DOVTAB_LOOK_AHEAD": "0", "DOVTAB_CACHE_SECONDS": "0"}


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator of this file outlives each of its tests."""


def open_without_extension(settings: Settings, database: str = ":memory:") -> ApswDoor:
    connection = apsw.Connection(database)
    attach(connection, resolve({}, settings.get))
    return ApswDoor(connection)


class Doors:
    """Connections that nothing is kept for from one query to the next."""

    def __init__(self, tokens: FreshTokens, opens: dict[str, Open]) -> None:
        self._tokens = tokens
        self._opens = opens

    def ask(self, run: Callable[[Door], object]) -> dict[str, Counter[object]]:
        """What each door has asked for."""
        made = {}
        # What has ended is kept for as long as a token is used.
        settings = self._tokens.settings()
        for name, open in self._opens.items():
            door = open(settings)
            run(door)
            made[name] = Counter(door.rows("SELECT method, path FROM dovtab_requests"))
            door.close()
        return made


@contextmanager
def opened(
    simulator: Simulator, home: Path, prepare: Callable[..., None], given: Settings = GIVEN
) -> Iterator[Doors]:
    """In apsw with the extension SQLite plans a query as it does without."""
    with simulator, standard_host(home) as host, quick_folder(home) as folder:
        tokens = FreshTokens(
            simulator, open_without_extension, given, folder / "config.yaml", requests=-1
        )
        opens: dict[str, Open] = {}
        for name, open in (
            ("apsw", open_without_extension),
            ("the extension in apsw", open_with_extension),
            ("the extension elsewhere", host.open),
        ):
            # A file each: no two copies of SQLite in a process share one.
            opens[name] = partial(open, database=str(folder / f"{name}.db"))
            door = opens[name](tokens.settings())
            prepare(door, simulator, rows=False)
            door.close()
        yield Doors(tokens, opens)
        tokens.close()


def same(made: dict[str, Counter[object]], sql: str) -> None:
    wanted = made["apsw"]
    if " JOIN " not in sql:
        # Another SQLite may begin a join at its other end.
        assert made["the extension elsewhere"] == wanted
    assert made["the extension in apsw"] == wanted


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    home = tmp_path_factory.mktemp("home")
    with opened(whole_queries.account(), home, whole_queries.prepare) as doors:
        yield doors


@settings(deadline=None, max_examples=share_of_examples(0.3))
@given(sql=whole_queries.queries)
def test_a_query_asks_for_the_same_through_every_door(doors: Doors, sql: str) -> None:
    same(doors.ask(lambda door: whole_queries.run(door, sql, "droplet_actions")), sql)


@pytest.fixture(scope="module")
def doors_of_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    home = tmp_path_factory.mktemp("home")
    given = {**GIVEN, "DOVTAB_CONCURRENCY": "2"}
    with opened(fleet.account(), home, fleet.prepare, given) as doors:
        yield doors


@settings(deadline=None, max_examples=share_of_examples(0.15))
@given(sql=fleet_queries.queries)
def test_a_query_over_both_tables_asks_for_the_same_through_every_door(
    doors_of_fleet: Doors, sql: str
) -> None:
    """The account's list among it, where that is read in place of many."""
    ours = fleet.over(sql, ours=True)
    same(doors_of_fleet.ask(lambda door: door.rows(ours)), ours)
