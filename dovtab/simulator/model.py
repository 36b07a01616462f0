"""A Droplet and an action, as the account holds them and as the API shows them.

Both show the API's attributes under the API's names. What the API does not
show (the true power state, what an action will do) is kept beside them.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplets
and #tag/Actions
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache

from dovtab.simulator.catalogue import SIZES, JsonObject, image_body, region_body
from dovtab.simulator.clock import timestamp

_DAY = 86400


@dataclass(slots=True)
class Action:
    """Something done to a resource.

    ``visible_from`` is in the clock's seconds. ``started_by`` is the label of the
    token that started it, and ``started_by_request`` the log's ``seq`` of the
    POST; both are None in history that was only added.
    """

    id: int
    status: str
    type: str
    started_at: str
    completed_at: str | None
    resource_id: int | None
    resource_type: str
    region_slug: str | None
    visible_from: float = 0.0
    started_by: str | None = None
    started_by_request: int | None = None

    def text(self, *, show_completed_at: bool = True) -> str:
        """The action as JSON text; pages of 200 make this worth writing by hand."""
        completed_at = self.completed_at if show_completed_at else None
        return (
            f'{{"id":{self.id},"status":{_quoted(self.status)},"type":{_quoted(self.type)},'
            f'"started_at":"{self.started_at}",'
            f'"completed_at":{_text_or_null(completed_at)},'
            f'"resource_id":{"null" if self.resource_id is None else self.resource_id},'
            f'"resource_type":{_quoted(self.resource_type)},'
            f'"region":{_region_text(self.region_slug)},'
            f'"region_slug":{_text_or_null(self.region_slug)}}}'
        )


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    return json.dumps(text)


def _text_or_null(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


@lru_cache(maxsize=64)
def _region_text(slug: str | None) -> str:
    return json.dumps(slug and region_body(slug), separators=(",", ":"))


@dataclass(slots=True)
class Droplet:
    """A virtual machine.

    ``status`` is what the API shows; ``powered`` is the truth, from which the
    status may lag. ``disk`` is in GiB and stays behind ``size`` after a resize
    that left the disk alone. ``team`` is no part of the API.
    """

    id: int
    name: str
    region: str
    size: str
    disk: int
    status: str
    created_at: str
    powered: bool
    image: int | str = "ubuntu-24-04-x64"
    tags: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    backup_ids: tuple[int, ...] = ()
    snapshot_ids: tuple[int, ...] = ()
    backup_policy: JsonObject | None = None
    kernel: int | None = None
    gpu: bool = False
    team: str = ""
    pending: int | None = None
    destroyed: bool = False
    fail_next: bool = field(default=False, repr=False)

    @property
    def locked(self) -> bool:
        """An action is in progress; another one would be refused."""
        return self.pending is not None

    def body(self, now: float) -> JsonObject:
        """The Droplet as the API gives it."""
        size = SIZES[self.size]
        return {
            "id": self.id,
            "name": self.name,
            "memory": size.memory,
            "vcpus": size.vcpus,
            "disk": self.disk,
            "disk_info": [{"type": "local", "size": {"amount": self.disk, "unit": "gib"}}],
            "locked": self.locked,
            "status": self.status,
            "kernel": self._kernel_body(),
            "created_at": self.created_at,
            "features": list(self.features),
            "backup_ids": list(self.backup_ids),
            "next_backup_window": self._backup_window(now),
            "snapshot_ids": list(self.snapshot_ids),
            "image": image_body(self.image, self.created_at),
            "volume_ids": [],
            "size": size.body(),
            "size_slug": self.size,
            "networks": self._networks(),
            "region": region_body(self.region),
            "tags": list(self.tags),
            "vpc_uuid": "760e09ef-dc84-11e8-981e-3cfdfeaae000",
        }

    def _kernel_body(self) -> JsonObject | None:
        if self.kernel is None:
            return None
        return {"id": self.kernel, "name": f"kernel {self.kernel}", "version": "generic"}

    def _backup_window(self, now: float) -> JsonObject | None:
        if "backups" not in self.features:
            return None
        start = (now // _DAY + 1) * _DAY
        return {"start": timestamp(start), "end": timestamp(start + 23 * 3600)}

    def _networks(self) -> JsonObject:
        third, fourth = self.id // 250 % 250, self.id % 250 + 1
        v4 = [
            ("private", f"10.128.{third}.{fourth}", "255.255.0.0", "nil"),
            ("public", f"203.0.113.{fourth}", "255.255.255.0", "203.0.113.254"),
        ]
        v6 = {
            "ip_address": f"2001:db8::{third:x}:{fourth:x}",
            "netmask": 64,
            "gateway": "2001:db8::1",
            "type": "public",
        }
        return {
            "v4": [
                {"ip_address": address, "netmask": mask, "gateway": gateway, "type": kind}
                for kind, address, mask, gateway in v4
            ],
            "v6": [v6] if "ipv6" in self.features else [],
        }
