"""``cd tests && python -m benchmarks.many_accounts``: eight accounts, two workers, real limits.

The largest account has more pages than a minute's quota, so it takes a minute and nobody can
be faster; the others have a third of that. All together may take at most 1.3 times as long
as it alone. Then one account fails and a worker is killed in the middle: the rows are the
same, nothing is refused, and no token is used by two processes at once. What a killed worker
has read counts against the quota, so its accounts take as much again.

Needs ``pip install 'dovtab[dask]'``. Takes five minutes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.memory import peak
from dovtab.simulator import Simulator
from dovtab.simulator.log import LoggedRequest

LATENCY = 0.05
PAGE = 200
SIZES = {f"team-{letter}": 100 * PAGE for letter in "bcdefgh"} | {"team-a": 300 * PAGE}
LARGEST, FAILING = "team-a", "revoked"
# A worker says in each request which process it is.
PRELOAD = """
import os
from dovtab.api import connections
connections.VERSION = f"{connections.VERSION} process/{os.getpid()}"
"""


def token(name: str) -> str:
    return f"token-of-{name}"


def fill(simulator: Simulator) -> None:
    for number, (name, size) in enumerate(SIZES.items(), start=1):
        account = simulator.add_account(token(name))
        account.add_droplet(number, name)
        for n in range(size):
            account.add_action(
                number, id=number * 1_000_000 + n, started_at="2026-01-01T00:00:00Z"
            )


def process(request: LoggedRequest) -> str:
    return request.headers["user-agent"].partition("process/")[2].partition(" ")[0]


class Read:
    """One read of some accounts, and what the simulator says of it."""

    def __init__(
        self, simulator: Simulator, client: Any, names: list[str], fails: bool
    ) -> None:
        from dovtab.hosts.dask import read_actions

        self._simulator, self._before = simulator, len(simulator.requests)
        began = time.perf_counter()
        rows, failed = read_actions([*names, FAILING] if fails else names, failures=True)
        counts = rows.groupby("account", observed=True)["id"].nunique().compute()
        self.rows = len(rows)
        self.seconds = time.perf_counter() - began
        self.failed = failed.compute()["account"].tolist()
        assert counts.to_dict() == {name: SIZES[name] for name in names}
        assert self.rows == sum(SIZES[name] for name in names)
        assert self.failed == [FAILING] * fails
        self.requests = simulator.requests[self._before :]

    def tell(self, title: str, alone: float | None) -> None:
        asked = [r for r in self.requests if r.authorized_as]
        refused = sum(r.status == 429 for r in asked)
        at_once = 0
        for name in SIZES:
            own = [process(r) for r in asked if r.authorized_as == token(name)]
            # One that died is followed by its successor, and does not come back.
            at_once += sum(a != b for a, b in pairwise(own)) - max(0, len(set(own)) - 1)
        ratio = f", {self.seconds / alone:.2f} of the largest alone" if alone else ""
        print(
            f"{title}: {self.rows:,} rows, {len(asked):,} requests, {refused} refused,"
            f" {at_once} times two processes at once, failed {self.failed},"
            f" {self.seconds:.1f} s{ratio}",
            flush=True,
        )


def kill(simulator: Simulator, name: str, before: int, pages: int) -> None:
    """End the worker that asks an account, when it has asked for so many pages."""
    while True:
        own = [r for r in simulator.requests[before:] if r.authorized_as == token(name)]
        if len(own) >= pages:
            os.kill(int(process(own[-1])), signal.SIGKILL)
            return
        time.sleep(0.05)


def main() -> None:
    from distributed import Client

    from dovtab.hosts.dask import local_cluster

    names = sorted(SIZES)
    with Simulator(latency=LATENCY) as simulator, TemporaryDirectory() as folder:
        fill(simulator)
        environment = {
            "DIGITALOCEAN_API_URL": simulator.url,
            "DIGITALOCEAN_CONFIG": str(Path(folder) / "none"),
            "DOVTAB_QUOTA_FOLDER": str(Path(folder) / "quota"),
            "DOVTAB_CACHE_SECONDS": "0",
        } | {
            f"DIGITALOCEAN_TOKEN_{name.upper().replace('-', '_')}": token(name)
            for name in [*names, FAILING]
        }
        every = [*names, FAILING]
        with (
            local_cluster(every, 2, preload=PRELOAD, env=environment) as workers,
            Client(workers) as client,
        ):
            alone = Read(simulator, client, [LARGEST], fails=False)
            alone.tell("the largest alone", None)
            _next_minute()
            Read(simulator, client, names, fails=False).tell("all eight", alone.seconds)
            print(
                "peak of each worker:", [f"{p / 1e6:.0f} MB" for p in client.run(peak).values()]
            )
            for victim, pages in (("team-b", 50), (LARGEST, 100)):
                _next_minute()
                before = len(simulator.requests)
                killer = threading.Thread(target=kill, args=(simulator, victim, before, pages))
                killer.start()
                read = Read(simulator, client, names, fails=True)
                killer.join()
                title = f"one fails, the worker of {victim} killed after {pages} of its pages"
                read.tell(title, alone.seconds)


def _next_minute() -> None:
    """The quota is that of a run that begins with nothing used."""
    time.sleep(61)


if __name__ == "__main__":
    sys.exit(main())
