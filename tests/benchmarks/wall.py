"""How long answers take, in latencies, and how many requests they take.

Every run begins with one request of another kind, so that a connection is
open, and everything imported, before the time counts; and once everybody asks
without latency, so that the server has rendered its answers. Contestants take
turns; a figure is the median of up to five runs, fewer where they are long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.contestants import FIT_IN_A_MINUTE, OWN_LISTS, enter, requests
from benchmarks.questions import Question, warm_up
from benchmarks.running_server import RunningServer

RUNS = 5
# A contestant is not asked again after this long, and not at all if asking one
# by one takes longer than that. Both in seconds.
ENOUGH, LONGEST = 1.0, 55.0
SIDE_BY_SIDE = ("dovtab", OWN_LISTS)


@dataclass(frozen=True, slots=True)
class Time:
    """The median of some runs.

    Attributes:
        seconds: from the question to the last row.
        requests: the server's count.
    """

    seconds: float
    requests: int


def times(
    server: RunningServer,
    question: Question,
    names: Iterable[str],
    *,
    latency: float,
    runs: int = RUNS,
) -> dict[str, Time]:
    """Each contestant's time; those that would take too long are left out.

    Args:
        latency: seconds.
        runs: of each contestant, at most.

    Raises:
        ValueError: an answer has not as many rows as it must.
    """
    found: dict[str, list[Time]] = {}
    for name in names:
        expected = requests(name, question)
        slow = expected is not None and expected * latency > LONGEST
        if expected is not None and (name in SIDE_BY_SIDE or not slow):
            found[name] = []
    for name in found:
        # The server keeps its answers, and nobody is to wait until it has them.
        time_of(server, question, name, 0)
    for _ in range(runs):
        for name, before in found.items():
            if sum(run.seconds for run in before) < ENOUGH:
                before.append(time_of(server, question, name, latency))
    return {
        name: Time(median(run.seconds for run in measured), measured[0].requests)
        for name, measured in found.items()
    }


def time_of(server: RunningServer, question: Question, name: str, latency: float) -> Time:
    """One run.

    Raises:
        ValueError: the answer has not as many rows as it must.
    """
    url = server.url(latency, question.account)
    limited = (requests(name, question) or 0) <= FIT_IN_A_MINUTE
    contestant = enter(name, url, question.droplets, limited=limited)
    try:
        contestant.ask(warm_up(question.account))
        asked, began = server.requests, time.perf_counter()
        rows = contestant.ask(question)
        seconds = time.perf_counter() - began
        made = server.requests - asked
    finally:
        contestant.close()
    if len(rows) != question.rows:
        raise ValueError(f"{name}: {question.name}: {len(rows)} rows, not {question.rows}")
    return Time(seconds, made)
