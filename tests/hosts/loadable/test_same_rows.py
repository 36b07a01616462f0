"""The random queries, through the extension in another Python's standard sqlite3."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fresh_tokens import FreshTokens, Renewed
from hypothesis import HealthCheck, given, settings
from standard_host import (
    HostError,
    StandardHost,
    quick_folder,
    standard_host,
)

from by_property import fleet, fleet_queries, page_queries, time_queries, whole_queries
from dovtab.simulator import Fault, Simulator
from thoroughness import share_of_examples

KEPT = {"nothing kept": "0", "answers kept": "5", "faults": "0"}
# Longer than the extension waits before it asks whether it was interrupted.
DELAY_SECONDS = 0.15
FAULTS = ("delay", "status", "close", "truncated", "lost_after_effect")


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulators of this file outlive each of its tests."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def host(home: Path) -> Iterator[StandardHost]:
    with standard_host(home) as running:
        yield running


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[Simulator, Simulator]]:
    with whole_queries.account() as whole, page_queries.account() as pages:
        yield whole, pages


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick_folder(tmp_path_factory.mktemp("databases")) as folder:
        yield folder


@pytest.fixture(scope="module")
def filled(accounts: tuple[Simulator, Simulator], host: StandardHost, folder: Path) -> Path:
    """A database with ``ordinary``."""
    file = folder / "filled.db"
    tokens = FreshTokens(accounts[0], host.open, {"DOVTAB_LOG": "off"}, folder / "filled.yaml")
    door = Renewed(partial(host.open, database=str(file)), tokens)
    whole_queries.prepare(door, accounts[0])
    door.close()
    return file


@pytest.fixture(scope="module", params=KEPT)
def prepared(
    request: pytest.FixtureRequest,
    accounts: tuple[Simulator, Simulator],
    host: StandardHost,
    filled: Path,
    folder: Path,
) -> Iterator[tuple[Renewed, ...]]:
    """Two connections with ``droplet_actions`` and, with the same rows, ``ordinary``."""
    given = {"DOVTAB_CACHE_SECONDS": KEPT[request.param], "DOVTAB_LOG": "off"}
    # Some joins take more than two hundred requests.
    contexts = folder / f"{request.param}.yaml"
    tokens = FreshTokens(accounts[0], host.open, given, contexts, requests=20)
    files = [shutil.copy(filled, folder / f"{request.param} {n}.db") for n in range(2)]
    if request.param == "faults":
        # Few enough that nobody waits long: the pauses are real.
        fault = partial(Fault, status=503, seconds=DELAY_SECONDS, probability=0.002, times=None)
        for kind in FAULTS:
            accounts[0].fault(fault(kind))
    yield tuple(Renewed(partial(host.open, database=str(file)), tokens) for file in files)
    accounts[0].clear_faults()


@settings(
    deadline=None,
    max_examples=share_of_examples(0.2),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sql=whole_queries.queries)
def test_a_query_gives_the_rows_of_an_ordinary_table(
    prepared: tuple[Renewed, ...], sql: str
) -> None:
    whole_queries.agree(prepared[0], sql)


def test_two_threads_with_a_connection_each_do_not_disturb_each_other(
    prepared: tuple[Renewed, ...], host: StandardHost
) -> None:
    """They share a helper and what it shares."""
    # The others take too many requests for a minute.
    asked = [sql for sql in whole_queries.ASKED_TOGETHER if " T b " not in sql]
    first, second = (door.door().name for door in prepared)
    over = [{"sql": whole_queries.over(sql, "droplet_actions")} for sql in asked]
    answers = host.ask(together={first: over, second: over[::-1]})["together"]
    for found in (answers[first], answers[second][::-1]):
        for sql, answer in zip(asked, found, strict=True):
            assert "rows" in answer, (sql, answer)
            rows = [tuple(row) for row in answer["rows"]]
            whole_queries.compare(
                sql, rows, lambda sql: whole_queries.run(prepared[0], sql, "ordinary")
            )


@pytest.fixture(scope="module")
def paged(accounts: tuple[Simulator, Simulator], host: StandardHost, folder: Path) -> Renewed:
    given = {"DOVTAB_LOG": "off"}
    tokens = FreshTokens(accounts[1], host.open, given, folder / "pages.yaml")
    door = Renewed(partial(host.open, database=str(folder / "pages.db")), tokens)
    page_queries.prepare(door, accounts[1])
    return door


@settings(max_examples=share_of_examples(0.7), deadline=None)
@given(asked=page_queries.queries)
def test_a_query_with_pages_gives_what_it_means_or_is_refused(
    paged: Renewed, asked: tuple[str, str]
) -> None:
    refused = page_queries.agree(paged, asked, HostError)
    assert refused is None or "page" in str(refused)


@pytest.fixture(scope="module")
def timed(host: StandardHost, folder: Path) -> Iterator[Renewed]:
    with time_queries.account() as simulator:
        tokens = FreshTokens(simulator, host.open, {"DOVTAB_LOG": "off"}, folder / "times.yaml")
        door = Renewed(partial(host.open, database=str(folder / "times.db")), tokens)
        time_queries.prepare(door)
        yield door
        door.close()
        tokens.close()


@settings(max_examples=settings().max_examples, deadline=None)
@given(query=time_queries.queries)
def test_a_comparison_of_times_is_right_or_refused(
    timed: Renewed, query: time_queries.Query
) -> None:
    refused = time_queries.agree(timed, query, HostError)
    assert refused is None or " does not compare with it: write strftime" in str(refused)


@pytest.fixture(scope="module", params=["1", "0"], ids=["one list", "each its own"])
def with_droplets(
    request: pytest.FixtureRequest, host: StandardHost, folder: Path
) -> Iterator[Renewed]:
    given = {"DOVTAB_LOG": "off", "DOVTAB_CONCURRENCY": "2", "DOVTAB_CACHE_SECONDS": "0"}
    given["DOVTAB_ACCOUNT_LIST"] = request.param
    with fleet.account() as simulator:
        contexts = folder / f"fleet {request.param}.yaml"
        tokens = FreshTokens(simulator, host.open, given, contexts)
        file = str(folder / f"fleet {request.param}.db")
        door = Renewed(partial(host.open, database=file), tokens)
        fleet.prepare(door, simulator)
        yield door
        door.close()
        tokens.close()


@settings(max_examples=share_of_examples(0.2), deadline=None)
@given(sql=fleet_queries.queries)
def test_a_query_over_both_tables_gives_the_rows_of_ordinary_ones(
    with_droplets: Renewed, sql: str
) -> None:
    fleet.agree(with_droplets, sql)
