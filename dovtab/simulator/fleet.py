"""A fleet to look at: Droplets with roles, and a plausible history of each.

The same seed and the same time give the same fleet. Its last week has
something to find: Droplets that were rebooted twice, last backups that failed,
a build machine that was switched off.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from dovtab.simulator.clock import Clock
from dovtab.simulator.model import Action, Droplet

_HOUR = 3600.0
_DAY = 24 * _HOUR
_STEP = 180.0  # seconds from one action of a routine to the next
_FIRST_BACKUP_ID = 53_893_572


@dataclass(frozen=True, slots=True)
class Role:
    """What a Droplet is for, and whose it is."""

    name: str
    team: str
    size: str
    backups: bool = False
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """An action of the past; ``age`` is in seconds before now."""

    age: float
    droplet: Droplet
    type: str
    status: str = "completed"


_WEB = Role("web", "storefront", "s-1vcpu-2gb")
_DB = Role("db", "data", "s-4vcpu-8gb", backups=True)
_WORKER = Role("worker", "pipeline", "s-2vcpu-4gb")
_CACHE = Role("cache", "storefront", "s-2vcpu-2gb", backups=True)
_BUILD = Role("build", "tooling", "s-2vcpu-4gb", idle=True)
_ROLES = (_WEB, _WEB, _DB, _WORKER, _WEB, _DB, _CACHE, _WORKER, _BUILD, _WEB)
_REGIONS = ("nyc3", "nyc3", "fra1", "ams3")

_ROUTINES = (
    ("snapshot",),
    ("snapshot",),
    ("reboot",),
    ("power_cycle",),
    ("power_off", "resize", "power_on"),
    ("shutdown", "snapshot", "power_on"),
)
_SECONDS = {"create": 45, "snapshot": 63, "backup": 110, "resize": 60, "shutdown": 4}
_USUAL_SECONDS = 10


class Account(Protocol):
    """As much of an account as is needed to fill it."""

    seed: int
    clock: Clock

    @property
    def lock(self) -> AbstractContextManager[object]: ...
    @property
    def add_droplet(self) -> Callable[..., Droplet]: ...
    @property
    def add_action(self) -> Callable[..., Action]: ...
    @property
    def add_foreign_action(self) -> Callable[..., Action]: ...
    @property
    def living(self) -> Callable[[], list[Droplet]]: ...


def populate(account: Account, droplets: int, actions: int) -> None:
    """Fill an account: so many Droplets, so many actions each, and foreign rows."""
    chance = random.Random(account.seed)
    now = account.clock.time()
    events: list[Event] = []
    for n in range(droplets):
        droplet = _add_droplet(account, n, now)
        events += _life(droplet, _ROLES[n % len(_ROLES)], n, actions, chance)
    events.sort(key=lambda event: -event.age)
    foreign = max(1, droplets // 5) if droplets else 0
    stride = max(1, len(events) // (foreign + 1))
    for n, event in enumerate(events):
        start = now - event.age
        end = start + _SECONDS.get(event.type, _USUAL_SECONDS)
        account.add_action(event.droplet.id, event.type, event.status, start, end)
        if n % stride == stride - 1 and n // stride < foreign:
            _add_foreign(account, n // stride, start)


def inventory(account: Account) -> list[tuple[int, str, str]]:
    """What the API does not know: (Droplet's id, its name, its team)."""
    with account.lock:
        return [(droplet.id, droplet.name, droplet.team) for droplet in account.living()]


def _add_droplet(account: Account, n: int, now: float) -> Droplet:
    role = _ROLES[n % len(_ROLES)]
    earlier = sum(_ROLES[m % len(_ROLES)] is role for m in range(n % len(_ROLES)))
    number = n // len(_ROLES) * _ROLES.count(role) + earlier + 1
    staging = role.idle or n % 5 == 4
    return account.add_droplet(
        name=f"{role.name}-{number:02}",
        tags=(role.name, "env:staging" if staging else "env:prod"),
        region=_REGIONS[n % len(_REGIONS)],
        size=role.size,
        status="off" if role.idle else "active",
        features=("backups", "private_networking") if role.backups else ("private_networking",),
        backup_ids=(_FIRST_BACKUP_ID + n,) if role.backups else (),
        created_at=now - _age(n),
        team=role.team,
    )


def _age(n: int) -> float:
    """Seconds since Droplet number n was created: one to eleven months."""
    return (30 + n * 37 % 300) * _DAY


def _life(
    droplet: Droplet, role: Role, n: int, actions: int, chance: random.Random
) -> Iterator[Event]:
    """The events of one Droplet: its creation, its routine, its last week."""
    week = list(_last_week(droplet, role, n, chance))[: max(0, actions - 1)]
    routines = list(_routines(role, max(0, actions - 1 - len(week)), chance))
    oldest = max(_age(n), 7 * _DAY + actions * _HOUR)
    if actions:
        yield Event(oldest, droplet, "create")
    ages = [chance.uniform(8 * _DAY, max(9 * _DAY, oldest - _DAY)) for _ in routines]
    for age, routine in zip(sorted(ages, reverse=True), routines, strict=True):
        for step, type_ in enumerate(routine):
            failed = type_ in ("backup", "snapshot") and chance.random() < 0.06
            status = "errored" if failed else "completed"
            yield Event(age - step * _STEP, droplet, type_, status)
    yield from week


def _routines(role: Role, length: int, chance: random.Random) -> Iterator[tuple[str, ...]]:
    """Things that are done together, ``length`` actions altogether."""
    while length:
        if role.backups and chance.random() < 0.6:
            routine: tuple[str, ...] = ("backup",)
        else:
            routine = chance.choice([r for r in _ROUTINES if len(r) <= length])
        yield routine
        length -= len(routine)


def _last_week(droplet: Droplet, role: Role, n: int, chance: random.Random) -> Iterator[Event]:
    if role.backups:
        status = "errored" if n % 4 == 2 else "completed"
        yield Event(chance.uniform(0.5, 6) * _DAY, droplet, "backup", status)
    if role.idle:
        yield Event(chance.uniform(0.2, 1) * _DAY, droplet, "power_off")
    elif n % 4 == 1 or role is _WORKER:
        first = chance.uniform(3, 6.5) * _DAY
        yield Event(first, droplet, "reboot")
        if n % 4 == 1 or n % 8 == 3:
            yield Event(first - chance.uniform(1, 2.5) * _DAY, droplet, "reboot")


def _add_foreign(account: Account, n: int, start: float) -> None:
    if n % 2:
        account.add_foreign_action("backend", None, "assign_ip", started_at=start)
    else:
        account.add_foreign_action("image", 7_555_620 + n, "transfer", started_at=start)
