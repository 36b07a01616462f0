"""How long answers take, in latencies, and how many requests they take.

Every run begins with one request of another kind, so that a connection is
open, and everything imported, before the time counts. Contestants take turns;
a figure is the median of up to five runs, fewer where they are long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.contestants import enter
from benchmarks.questions import Question, list_of
from benchmarks.running_server import RunningServer

RUNS = 5
# A contestant is not asked again after this long, and not at all if asking one
# by one takes longer than that. Both in seconds.
ENOUGH, LONGEST = 1.0, 55.0


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
    account_actions: int,
    runs: int = RUNS,
) -> dict[str, Time]:
    """Each contestant's time; those that would take too long are left out.

    Args:
        latency: seconds.
        account_actions: how many the account has.
        runs: of each contestant, at most.

    Raises:
        ValueError: an answer has not as many rows as it must.
    """
    slow = question.requests * latency > LONGEST
    found: dict[str, list[Time]] = {n: [] for n in names if n == "dovtab" or not slow}
    url = server.url(latency, account_actions)
    for _ in range(runs):
        for name, before in found.items():
            if sum(run.seconds for run in before) < ENOUGH:
                before.append(_time(server, question, name, url))
    return {
        name: Time(median(run.seconds for run in measured), measured[0].requests)
        for name, measured in found.items()
    }


def _time(server: RunningServer, question: Question, name: str, url: str) -> Time:
    contestant = enter(name, url, question.droplets)
    try:
        contestant.ask(list_of(1))
        asked, began = server.requests, time.perf_counter()
        rows = contestant.ask(question)
        seconds = time.perf_counter() - began
        requests = server.requests - asked
    finally:
        contestant.close()
    if len(rows) != question.rows:
        raise ValueError(f"{name}: {question.name}: {len(rows)} rows, not {question.rows}")
    return Time(seconds, requests)
