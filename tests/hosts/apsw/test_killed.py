"""A process that is killed while it commits: the log has what it sent, and the rest is found.

The suite has a kill of each kind. ``KILLS=100 pytest hosts/apsw/test_killed.py`` has each
kind at each of the eight POSTs, one after the other and side by side, and more.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import dovtab
from dovtab.simulator import Fault, Simulator

DROPLETS = range(1, 9)

# At the server the test kills it; at the log it does so itself, as nobody else can be in time.
COMMITTER = """
import os, signal, sqlite3, sys
import dovtab

url, log, concurrency, when, table, nth = sys.argv[1:]
writes = 0

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

class Killing(sqlite3.Connection):
    def execute(self, sql, *values):
        global writes
        if not sql.startswith(f"INSERT INTO {table} "):
            return super().execute(sql, *values)
        writes += 1
        its_turn = writes == int(nth)
        if its_turn and when == "before":
            kill()
        cursor = super().execute(sql, *values)
        if its_turn:
            kill()
        return cursor

connect = sqlite3.connect
sqlite3.connect = lambda path, **options: connect(path, factory=Killing, **options)
db = dovtab.connect(token="simulator", api_url=url, log=log, concurrency=int(concurrency))
db.execute(
    "INSERT INTO droplet_actions(droplet_id, type)"
    " SELECT value, 'enable_ipv6' FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8]')"
)
"""


@pytest.fixture(autouse=True)
def with_a_log(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have none."""
    monkeypatch.delenv("DOVTAB_LOG")


@dataclass(frozen=True)
class Beforehand(Fault):
    """Calls somebody when a POST has arrived and not taken effect yet."""

    tell: Callable[[], None] = lambda: None

    def matches(self, request: Any) -> bool:
        matches = super().matches(request)
        if matches:
            self.tell()
        return matches


WHEN = list(product(("before", "after"), ("effect", "post", "booking")))
PAIRS = list(product(range(1, len(DROPLETS) + 1), (1, 16)))
random.Random(7).shuffle(PAIRS)
STEPS = [
    (*when, *PAIRS[(first + 3 * kind) % len(PAIRS)])
    for first in range(len(PAIRS))
    for kind, when in enumerate(WHEN)
]
STEPS = list(islice(cycle(STEPS), int(os.environ.get("KILLS", len(WHEN)))))


@pytest.mark.parametrize(("when", "what", "nth", "concurrency"), STEPS)
def test_of_a_process_that_is_killed_nothing_is_lost_and_nothing_is_made_up(
    tmp_path: Path, when: str, what: str, nth: int, concurrency: int
) -> None:
    log = tmp_path / "actions.db"
    with Simulator() as simulator:
        for id in DROPLETS:
            simulator.account.add_droplet(droplet_id=id)
        at_rest = set(threading.enumerate())
        arguments = [simulator.url, str(log), str(concurrency), when, what, str(nth)]
        committer = subprocess.Popen([sys.executable, "-c", COMMITTER, *arguments])
        if what == "effect":
            kill_at(simulator, committer, when, nth)
        assert committer.wait(timeout=20) == -signal.SIGKILL
        is_at_rest(simulator, at_rest)
        sent = Counter(posts(simulator))
        assert max(sent.values(), default=1) == 1

        db = dovtab.connect(token="simulator", api_url=simulator.url, log=str(log))
        rows = "SELECT droplet_id, outcome, action_id FROM dovtab_log ORDER BY droplet_id"
        logged = [droplet for droplet, *_ in db.execute(rows)]
        assert len(logged) == len(set(logged))
        assert set(logged) >= sent.keys()

        counts = json.loads(db.execute("SELECT droplet_actions_reconcile()").get)
        found = list(db.execute(rows))
        made = {(a.resource_id, a.id) for a in simulator.account.actions.values()}
        assert {(droplet, id) for droplet, _, id in found if id} == made
        assert len([id for *_, id in found if id]) == len(made)
        for _, outcome, id in found:
            assert outcome in (("sent", "inferred") if id else ("unknown",))
        outcomes = Counter(outcome for _, outcome, _ in found)
        told = {"inferred": outcomes["inferred"], "unknown": outcomes["unknown"]}
        assert counts == told | {"elsewhere": 0}
        # Of those that were to go one after the other, at most one is in doubt.
        in_doubt = outcomes["inferred"] + outcomes["unknown"]
        assert in_doubt <= (1 if concurrency == 1 else len(DROPLETS))
        if what == "effect":
            assert in_doubt >= 1

        assert json.loads(db.execute("SELECT droplet_actions_reconcile()").get)["inferred"] == 0
        assert list(db.execute(rows)) == found
        db.close()
        assert len(posts(simulator)) == sent.total()
    with closing(sqlite3.connect(log)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def kill_at(
    simulator: Simulator, process: subprocess.Popen[bytes], when: str, nth: int
) -> None:
    """Kill it when its n-th POST has arrived, before or after that takes effect."""
    arrived = 0

    def kill() -> None:
        process.kill()
        # Now it is certain that it does nothing more.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    def one_has_arrived() -> None:
        nonlocal arrived
        arrived += 1
        if arrived == nth:
            kill()

    def one_has_run(answer: Any) -> Any:
        kill()
        return answer

    if when == "before":
        simulator.fault(Beforehand("close", "POST", skip=nth - 1, tell=one_has_arrived))
    else:
        simulator.fault(Fault("answer", "POST", skip=nth - 1, mutate=one_has_run))


def is_at_rest(simulator: Simulator, at_rest: set[threading.Thread]) -> None:
    """Wait until all has taken effect that was on its way."""
    with pytest.raises(HTTPError):
        urlopen(simulator.url)  # Connections are accepted in their order.
    while set(threading.enumerate()) - at_rest:
        time.sleep(0.001)


def posts(simulator: Simulator) -> list[int]:
    """The Droplets that they were for."""
    return [int(r.path.split("/")[3]) for r in simulator.requests if r.method == "POST"]
