"""The benchmarks compare like with like: everybody gives the same rows."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

import benchmarks.account
import benchmarks.picture
import benchmarks.table
from benchmarks.account import Account
from benchmarks.contestants import BY_HAND, NAMES, OWN_LISTS, enter
from benchmarks.doors import DAY, DOORS, Client, Unavailable, loading
from benchmarks.picture import LEFT, MARKS, picture
from benchmarks.questions import (
    Question,
    account_actions,
    account_of,
    get,
    join_with,
    list_of,
    questions,
    set_of,
)
from benchmarks.refreshing import refreshing, title_of
from benchmarks.running_server import RunningServer, running_server
from benchmarks.server import answer
from benchmarks.wall import Time, time_of
from built import needs_extension

BENCHMARKS = Path(__file__).parent / "benchmarks"
SCALE = 0.1
QUESTIONS = questions(SCALE)
by_name = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


def rows(server: RunningServer, name: str, question: Question) -> tuple[list[object], int]:
    """A contestant's rows in an order of their own, and how many requests they took."""
    contestant = enter(name, server.url(0, question.account), question.droplets)
    try:
        before = server.requests
        answered = contestant.ask(question)
        return sorted(answered, key=repr), server.requests - before
    finally:
        contestant.close()


@cache
def loop_s_rows(server: RunningServer, question: Question) -> list[object]:
    """Those that everybody has to give; the server answers the same each time."""
    return rows(server, "loop", question)[0]


@by_name
def test_dovtab_gives_the_loop_s_rows_with_few_requests(
    server: RunningServer, question: Question
) -> None:
    found, requests = rows(server, "dovtab", question)
    assert len(found) == question.rows
    assert requests <= question.most
    assert found == loop_s_rows(server, question)


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_at_its_whole_size_a_question_takes_no_more_requests_than_it_may(
    server: RunningServer, question: Question
) -> None:
    assert time_of(server, question, "dovtab", 0).requests <= question.most <= 107


@by_name
@pytest.mark.parametrize("name", ["shillelagh", OWN_LISTS, BY_HAND])
def test_everybody_gives_the_same_rows(
    server: RunningServer, name: str, question: Question
) -> None:
    assert rows(server, name, question)[0] == loop_s_rows(server, question)


@pytest.mark.parametrize("question", [join_with(20, 3), set_of(20, 3)], ids=["JOIN", "IN"])
def test_without_the_account_s_list_each_droplet_s_own_is_asked_for(
    server: RunningServer, question: Question
) -> None:
    made = {name: rows(server, name, question)[1] for name in ("loop", OWN_LISTS, BY_HAND)}
    assert made == {"loop": 20, OWN_LISTS: 20, BY_HAND: 1}


@pytest.mark.parametrize("name", ["dovtab", OWN_LISTS, BY_HAND, "shillelagh"])
@pytest.mark.parametrize("ask", [join_with, set_of], ids=["JOIN", "IN"])
def test_of_an_account_with_other_droplets_only_those_that_are_sought_come(
    server: RunningServer, ask: Callable[[int, int], Question], name: str
) -> None:
    question = replace(ask(20, 3), account=Account(40, 3, 10))
    found, _ = rows(server, name, question)
    assert len(found) == 60
    assert found == loop_s_rows(server, question)


def test_a_refresh_that_finds_nothing_new_takes_one_request(server: RunningServer) -> None:
    """Two actions are in progress all the time, and are on the first page."""
    assert refreshing(server, 2_000, latency=0, runs=1).requests == 1


def test_a_loop_with_another_json_library_gives_the_same_rows(server: RunningServer) -> None:
    question = list_of(205)
    assert rows(server, "loop with orjson", question) == rows(server, "loop", question)


by_door = pytest.mark.parametrize(
    "door",
    [
        pytest.param(door, marks=needs_extension) if door == "extension" else door
        for door in DOORS
    ],
)


@contextmanager
def client(
    door: str, url: str, droplets: Sequence[int], cache_seconds: int
) -> Iterator[Client]:
    """A program with a connection by one of the doors."""
    try:
        entered = Client(door, url, droplets, cache_seconds)
    except Unavailable as reason:
        pytest.skip(str(reason))
    with entered:
        yield entered


@by_door
def test_by_every_door_come_the_rows_with_the_fewest_requests(
    server: RunningServer, door: str
) -> None:
    for question in (list_of(205), account_of(account_actions(SCALE)), join_with(10)):
        url = server.url(0, question.account)
        with client(door, url, question.droplets, 0) as program:
            assert program.ask(server, question).requests == question.one_by_one


@by_door
def test_by_every_door_a_row_is_looked_up_in_the_cache(
    server: RunningServer, door: str
) -> None:
    with client(door, server.url(0, get().account), (), DAY) as program:
        assert [program.ask(server, get(), n).requests for n in (1, 10)] == [1, 0]


@needs_extension
def test_loading_the_extension_is_measured() -> None:
    try:
        first, later = loading(1)
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert len(first) == len(later) == 1


def test_the_picture_is_well_formed_and_nothing_leaves_it() -> None:
    seconds = iter([0.05, 0.05, 0.05, 0.13, 0.6, 0.7, *[100.0] * 20])
    times = {q.name: {n: Time(next(seconds), 1) for n in ("dovtab", "loop")} for q in QUESTIONS}
    svg = ElementTree.fromstring(picture(times, 0.05))
    names = {"svg": "http://www.w3.org/2000/svg"}
    bars = svg.findall("svg:rect", names)
    # Two for each question, and those of the legend.
    assert len(bars) == 2 * len(QUESTIONS) + len(NAMES)
    for bar in bars:
        assert (
            0 < float(bar.attrib["x"]) + float(bar.attrib["width"]) < float(svg.attrib["width"])
        )
    said = [text.text for text in svg.findall("svg:text", names)]
    # Of 13 pixels, a character is half as wide, and a little more in some fonts.
    assert max(len(question.name) for question in questions()) * 7.5 < LEFT
    assert said.count("1.00, 1 request") == 3
    assert {f"{mark:,}" for mark in MARKS} | set(NAMES) <= set(said)


def test_the_picture_in_the_tree_is_of_these_questions() -> None:
    drawn = ElementTree.parse(BENCHMARKS / "benchmarks.svg")
    said = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {question.name for question in questions()} <= said
    assert title_of(account_actions()) in said


@pytest.mark.parametrize("account", [Account(7, 3), Account(7, 3, 100), Account(1, 1)], ids=str)
def test_an_account_s_list_has_what_its_droplets_lists_have(account: Account) -> None:
    whole = asked(account, "/v2/actions")["actions"]
    assert len(whole) == account.total
    assert whole == sorted(whole, key=lambda action: -action["id"])
    assert whole == sorted(whole, key=lambda action: action["started_at"], reverse=True)
    own = [
        a for d in account.fleet for a in asked(account, f"/v2/droplets/{d}/actions")["actions"]
    ]
    of_droplets = [action for action in whole if action["resource_type"] == "droplet"]
    assert sorted(own, key=lambda action: -action["id"]) == of_droplets
    for action in of_droplets:
        path = f"/v2/droplets/{action['resource_id']}/actions/{action['id']}"
        assert asked(account, path)["action"] == action
    there = asked(account, "/v2/droplets", "&type=droplets")["droplets"]
    assert [droplet["id"] for droplet in there] == list(account.fleet)
    assert asked(account, "/v2/droplets", "&type=gpus")["droplets"] == []


def asked(account: Account, path: str, more: str = "") -> dict[str, Any]:
    """What the server answers."""
    said = answer(f"{account}{path}?page=1&per_page=200{more}")
    found: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
    return found


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.ico",
        "/0/v2/actions",
        "/0/7-3-0/v2/actions?page=first",
        "/0/7-3-0/v2/droplets/web-1/actions",
        "/0/7-3-0/v2/droplets/1/actions",
        "/0/7-3-0/v2/droplets/30000/actions/1",
        "/0/7-3-0/v2/images",
    ],
)
def test_what_is_not_there_is_refused_and_the_connection_lives(
    server: RunningServer, path: str
) -> None:
    with httpx.Client(trust_env=False) as http:
        assert http.get(f"{server.root}{path}").status_code == 404
        assert http.get(server.url(0, Account(7, 3)) + "/v2/actions").status_code == 200
        assert http.post(server.url(0, Account(7, 3)) + "/v2/actions").status_code == 404


def test_the_command_measures_and_draws(tmp_path: Path) -> None:
    """The least that there is of it: what it finds is not looked at."""
    picture = tmp_path / "picture.svg"
    command = [sys.executable, str(BENCHMARKS), "--quick", "0.03", "--picture", str(picture)]
    command += ["--latency", "0.002"]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    for heading in ("latency 2 ms", "processor time", "peak memory", "doors"):
        assert f"\n{heading}" in ran.stdout
    ElementTree.parse(picture)


@pytest.mark.parametrize("module", [benchmarks.account, benchmarks.picture, benchmarks.table])
def test_examples_in_docstrings_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.name)
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
