"""The benchmarks compare like with like: everybody gives the same rows."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

import benchmarks.picture
import benchmarks.table
from benchmarks.contestants import enter
from benchmarks.doors import DAY, DOORS, Client, Unavailable, loading
from benchmarks.picture import MARKS, picture
from benchmarks.questions import (
    Question,
    account_actions,
    account_of,
    fleet,
    get,
    join_with,
    list_of,
    questions,
)
from benchmarks.running_server import RunningServer, running_server
from benchmarks.wall import Time
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
    contestant = enter(name, server.url(0, account_actions(SCALE)), question.droplets)
    try:
        before = server.requests
        answered = contestant.ask(question)
        return sorted(answered, key=repr), server.requests - before
    finally:
        contestant.close()


@by_name
def test_dovtab_gives_the_loop_s_rows_with_the_fewest_requests(
    server: RunningServer, question: Question
) -> None:
    found, requests = rows(server, "dovtab", question)
    assert len(found) == question.rows
    assert requests == question.requests
    assert found == rows(server, "loop", question)[0]


@by_name
def test_shillelagh_gives_the_same_rows(server: RunningServer, question: Question) -> None:
    assert rows(server, "shillelagh", question)[0] == rows(server, "loop", question)[0]


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
    actions = account_actions(SCALE)
    with client(door, server.url(0, actions), fleet(10), 0) as program:
        for question in (list_of(205), account_of(actions), join_with(10)):
            assert program.ask(server, question).requests == question.requests


@by_door
def test_by_every_door_a_row_is_looked_up_in_the_cache(
    server: RunningServer, door: str
) -> None:
    with client(door, server.url(0, 0), (), DAY) as program:
        assert [program.ask(server, get(), n).requests for n in (1, 10)] == [1, 0]


@needs_extension
def test_loading_the_extension_is_measured() -> None:
    try:
        first, later = loading(1)
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert len(first) == len(later) == 1


def test_the_picture_is_well_formed_and_nothing_leaves_it() -> None:
    seconds = iter([0.05, 0.05, 0.05, 0.13, 0.6, 0.7, *[100.0] * 12])
    times = {q.name: {n: Time(next(seconds), 1) for n in ("dovtab", "loop")} for q in QUESTIONS}
    svg = ElementTree.fromstring(picture(times, 0.05))
    names = {"svg": "http://www.w3.org/2000/svg"}
    bars = svg.findall("svg:rect", names)
    # Two for each question, and three in the legend.
    assert len(bars) == 2 * len(QUESTIONS) + 3
    for bar in bars:
        assert (
            0 < float(bar.attrib["x"]) + float(bar.attrib["width"]) < float(svg.attrib["width"])
        )
    said = [text.text for text in svg.findall("svg:text", names)]
    assert said.count("not measured") == len(QUESTIONS)
    assert {f"{mark:,}" for mark in MARKS} <= set(said)


def test_the_picture_in_the_tree_is_of_these_questions() -> None:
    drawn = ElementTree.parse(BENCHMARKS / "benchmarks.svg")
    said = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {question.name for question in questions()} <= said


def test_the_command_measures_and_draws(tmp_path: Path) -> None:
    """A tenth of it: what it finds is not looked at."""
    picture = tmp_path / "picture.svg"
    command = [sys.executable, str(BENCHMARKS), "--quick", "--picture", str(picture)]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    for heading in ("requests", "latency 0 ms", "processor time", "peak memory", "doors"):
        assert f"\n{heading}" in ran.stdout
    ElementTree.parse(picture)


@pytest.mark.parametrize("module", [benchmarks.picture, benchmarks.table])
def test_examples_in_docstrings_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.name)
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
