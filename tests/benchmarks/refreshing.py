"""How long a history takes to be brought up to date when nothing is new."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.clock import FastClock
from benchmarks.questions import account_of
from benchmarks.running_server import RunningServer
from benchmarks.wall import Time
from dovtab.api.settings import resolve
from dovtab.hosts.history import refresh, without_limit

_tokens = itertools.count()


def title_of(actions: int) -> str:
    return f"refresh, nothing new of {actions:,}"


def refreshing(server: RunningServer, actions: int, *, latency: float, runs: int) -> Time:
    """The median of some runs that know all actions of an account.

    Raises:
        ValueError: one found something new.
    """
    with TemporaryDirectory() as folder:
        settings = without_limit(
            resolve(
                {
                    "token": f"refresh{next(_tokens)}",
                    "api_url": server.url(latency, account_of(actions).account),
                    "cache_seconds": 0,
                    "quota_folder": folder,
                },
                lambda _: None,
            )
        )
        file = str(Path(folder) / "history.db")
        found = refresh(file, settings, clock=FastClock()).new
        seconds, requests = [], 0
        for _ in range(runs):
            asked, began = server.requests, time.perf_counter()
            done = refresh(file, settings, clock=FastClock())
            seconds.append(time.perf_counter() - began)
            requests = server.requests - asked
            if (found, done.new, done.rows) != (actions, 0, actions):
                raise ValueError(f"refresh: {done.new} new of {actions}")
    return Time(median(seconds), requests)
