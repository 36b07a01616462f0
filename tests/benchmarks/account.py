"""An account by its shape: which action is where in its list, and of whom.

The one rule: the account's list has exactly the actions of its Droplets' own lists, and
those of its images between them, newest first, with falling ids and a fixed time between
two of them. Every action is reckoned from its place, so no list has to be kept.

Pure.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dovtab.simulator.catalogue import REGIONS, region_body

FIRST_DROPLET, FIRST_IMAGE, FIRST_ACTION = 30_000, 9_000_000, 2_000_000_000
NEWEST = datetime(2026, 5, 31, 12, tzinfo=UTC)
# Seconds: 600 actions take a week.
APART = 1008
# Of the newest so many are in progress.
RUNNING = 2
# One in five of a Droplet's actions is of each type.
TYPES = ("reboot", "snapshot", "backup", "power_cycle", "resize")
SLUGS = sorted(REGIONS)
REGION_TEXTS = {slug: json.dumps(region_body(slug), separators=(",", ":")) for slug in SLUGS}


class Account(NamedTuple):
    """How many Droplets, how many actions each of them has, and how many images have.

    Attributes:
        apart: seconds between two actions.
    """

    droplets: int
    each: int
    of_images: int = 0
    apart: int = APART

    @classmethod
    def read(cls, text: str) -> Account:
        """An account as its `str` says it.

        Raises:
            ValueError: it is none.

        >>> Account.read(str(Account(20, 3, 940)))
        Account(droplets=20, each=3, of_images=940, apart=1008)
        """
        droplets, each, of_images, *apart = map(int, text.split("-"))
        return cls(droplets, each, of_images, *apart[:1])

    def __str__(self) -> str:
        return "-".join(map(str, self))

    @property
    def of_droplets(self) -> int:
        """How many actions its Droplets have."""
        return self.droplets * self.each

    @property
    def total(self) -> int:
        """How many actions its list has."""
        return self.of_droplets + self.of_images

    @property
    def fleet(self) -> tuple[int, ...]:
        """The ids of its Droplets."""
        return tuple(range(FIRST_DROPLET, FIRST_DROPLET + self.droplets))

    def place(self, droplet: int, number: int) -> int:
        """Where in the account's list a Droplet's action is; both from 0, the newest.

        >>> account = Account(2, 3, 6)
        >>> [account.place(d, n) for n in range(3) for d in account.fleet]
        [0, 2, 4, 6, 8, 10]
        """
        nth = number * self.droplets + droplet - FIRST_DROPLET
        return nth * self.total // self.of_droplets

    def action(self, droplet: int, number: int) -> int:
        """The id of a Droplet's action; number 0 is the newest."""
        return FIRST_ACTION + self.total - self.place(droplet, number)

    def owner(self, place: int) -> tuple[int, int] | None:
        """The Droplet whose action is there, and its number; None: an image's.

        >>> account = Account(2, 3, 6)
        >>> [account.owner(place) for place in (0, 1, 2, 10)]
        [(30000, 0), None, (30001, 0), (30001, 2)]
        """
        nth = -(-place * self.of_droplets // self.total)
        if nth >= self.of_droplets or nth * self.total // self.of_droplets != place:
            return None
        number, droplet = divmod(nth, self.droplets)
        return FIRST_DROPLET + droplet, number

    def json(self, place: int) -> str:
        """The action there, as the API gives it."""
        owner, running = self.owner(place), place < RUNNING
        resource, number = owner or (FIRST_IMAGE + place, 0)
        type = TYPES[(self.each - 1 - number) % len(TYPES)] if owner else "transfer"
        slug = SLUGS[resource % len(SLUGS)]
        at = started(place, self.apart)
        ended = "null" if running else f'"{at + timedelta(seconds=9):%Y-%m-%dT%H:%M:%SZ}"'
        return (
            f'{{"id":{FIRST_ACTION + self.total - place},'
            f'"status":"{"in-progress" if running else "completed"}","type":"{type}",'
            f'"started_at":"{at:%Y-%m-%dT%H:%M:%SZ}","completed_at":{ended},'
            f'"resource_id":{resource},"resource_type":"{"droplet" if owner else "image"}",'
            f'"region":{REGION_TEXTS[slug]},"region_slug":"{slug}"}}'
        )


def started(place: int, apart: int = APART) -> datetime:
    """When the action of that place was started."""
    return NEWEST - timedelta(seconds=place * apart)
