"""Eight accounts in one simulator, each with a token and limits of its own, and what they are asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from dovtab.simulator import Simulator
from dovtab.simulator.log import LoggedRequest

# How many actions each has; one has nothing at all.
SIZES = {
    f"team-{letter}": size
    for letter, size in zip("abcdefgh", (1300, 0, *[250] * 6), strict=False)
}
NAMES = list(SIZES)
REVOKED = "revoked"
PAGE = 200
DROPLETS = 6
STARTED = "2026-0{month}-{day:02}T10:00:00Z"
# A worker says in each request which process it is.
PRELOAD = """
import os
from dovtab.api import connections
connections.VERSION = f"{connections.VERSION} process/{os.getpid()}"
"""


def token(name: str) -> str:
    return f"secret-of-{name}-5ec4e7"


def droplets(name: str) -> range:
    """The ids of an account's Droplets."""
    first = 1000 * (1 + [*NAMES, REVOKED].index(name))
    return range(first, first + DROPLETS)


def pages(name: str) -> int:
    return max(1, -(-SIZES[name] // PAGE))


def process(request: LoggedRequest) -> str:
    """Which one asked."""
    return request.headers["user-agent"].partition("process/")[2].partition(" ")[0]


def fill(simulator: Simulator, name: str) -> None:
    """The actions of eight months, the newest last."""
    account, own, size = simulator.add_account(token(name)), droplets(name), SIZES[name]
    for id in own if size else ():
        account.add_droplet(id, f"{name}-{id}", tags=["web"])
    for n in range(size):
        at = STARTED.format(month=1 + 8 * n // size, day=1 + 8 * n % size * 28 // size)
        account.add_action(
            own[n % DROPLETS],
            ("reboot", "snapshot")[n % 2],
            started_at=at,
            id=100_000 * own[0] + n,
        )


@dataclass
class Fleet:
    """The accounts, and what they were asked.

    Attributes:
        environment: of the workers.
        client: Dask's, of two worker processes.
    """

    simulator: Simulator
    environment: dict[str, str]
    client: Any = None
    since: int = 0

    def asked(self) -> dict[str, list[LoggedRequest]]:
        """The requests of this test by account; of no account under another name."""
        names = {token(name): name for name in NAMES}
        found: dict[str, list[LoggedRequest]] = {name: [] for name in NAMES}
        for request in self.simulator.requests[self.since :]:
            found.setdefault(names.get(request.authorized_as or "", REVOKED), []).append(
                request
            )
        return found

    def counts(self) -> Counter[str]:
        return Counter({name: len(those) for name, those in self.asked().items() if those})

    def processes(self) -> dict[str, set[str]]:
        """Of each account those that asked it."""
        return {n: {process(r) for r in those} for n, those in self.asked().items() if those}

    def ids(self, name: str) -> set[int]:
        return set(
            range(100_000 * droplets(name)[0], 100_000 * droplets(name)[0] + SIZES[name])
        )
