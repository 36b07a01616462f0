"""The random queries ask the API for the same through every door, where none looks ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import apsw
import pytest
from extension_in_apsw import open_with_extension
from fresh_tokens import FreshTokens, Open, Settings
from hypothesis import given, settings
from standard_host import quick_folder, share_of_examples, standard_host

from by_property.doors import ApswDoor
from by_property.whole_queries import account, prepare, queries, run
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach

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

    def ask(self, sql: str) -> dict[str, Counter[object]]:
        """What each door has asked for."""
        made = {}
        # What has ended is kept for as long as a token is used.
        settings = self._tokens.settings()
        for name, open in self._opens.items():
            door = open(settings)
            run(door, sql, "droplet_actions")
            made[name] = Counter(door.rows("SELECT method, path FROM dovtab_requests"))
            door.close()
        return made


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """In apsw with the extension SQLite plans a query as it does without."""
    home = tmp_path_factory.mktemp("home")
    with (
        account() as simulator,
        standard_host(home) as host,
        quick_folder(home) as folder,
    ):
        tokens = FreshTokens(
            simulator, open_without_extension, GIVEN, folder / "config.yaml", requests=-1
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


@settings(deadline=None, max_examples=share_of_examples(0.3))
@given(sql=queries)
def test_a_query_asks_for_the_same_through_every_door(doors: Doors, sql: str) -> None:
    made = doors.ask(sql)
    wanted = made["apsw"]
    if " JOIN " not in sql:
        # Another SQLite may begin a join at its other end.
        assert made["the extension elsewhere"] == wanted
    assert made["the extension in apsw"] == wanted
