"""The types of action: when each is refused, how long it takes, what it changes.

A row of the table is a type's whole life: the Droplet must be fit for it when
it is asked for, and is changed only when it completes. A type that errors
changes nothing.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions;
the messages are those that users reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dovtab.simulator.catalogue import SIZES, JsonObject
from dovtab.simulator.model import Droplet
from dovtab.simulator.rules import Rules

PENDING = "Droplet already has a pending event."
_POWER_OFF_FIRST = "Droplet is currently on. Please power it off to run this event."
_HOSTNAME = re.compile(r"[A-Za-z0-9.-]+")

Refusal = Callable[[Droplet, JsonObject, Rules], str | None]
Change = Callable[[Droplet, JsonObject, Callable[[], int]], None]


def _never(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return None


def _nothing(droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What an action of one type goes through.

    Args:
        seconds: from its start to its end.
        powered: the Droplet's power afterwards; None: as it was.
        refusal: why the Droplet is not fit for it, or None.
        change: what is different afterwards, apart from the power.
    """

    seconds: float
    powered: bool | None = None
    refusal: Refusal = _never
    change: Change = _nothing


def refusal(droplet: Droplet, type_: str, attributes: JsonObject, rules: Rules) -> str | None:
    """Why an action may not start now, in the API's words, or None if it may."""
    if droplet.locked:
        return PENDING
    return LIFECYCLES[type_].refusal(droplet, attributes, rules)


def _unless_on(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return None if droplet.powered else "Droplet is already powered off"


def _unless_off(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return "Droplet is already powered on" if droplet.powered else None


def _reboot_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return _unless_on(droplet, attributes, rules) if rules.reboot_requires_on else None


def _power_cycle_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return _unless_on(droplet, attributes, rules) if rules.power_cycle_requires_on else None


def _snapshot_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return _POWER_OFF_FIRST if rules.snapshot_requires_off and droplet.powered else None


def _snapshot(droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]) -> None:
    droplet.snapshot_ids += (new_image(),)


def _resize_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    size = SIZES.get(attributes["size"])
    if size is None:
        return "You specified an invalid size."
    if rules.resize_requires_off and droplet.powered:
        return _POWER_OFF_FIRST
    if size.slug == droplet.size:
        return "The droplet is already set to this size."
    if size.disk < droplet.disk:
        return "Size can not decrease size of Droplet's disk image"
    return None


def _resize(droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]) -> None:
    droplet.size = attributes["size"]
    if attributes.get("disk"):
        droplet.disk = SIZES[droplet.size].disk


def _rename_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    if _HOSTNAME.fullmatch(attributes["name"]):
        return None
    return "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"


def _rename(droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]) -> None:
    droplet.name = attributes["name"]


def _restore_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    if attributes["image"] in droplet.backup_ids:
        return None
    return "The image is no backup of this Droplet."


def _new_disk(droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]) -> None:
    droplet.image = attributes["image"]


def _kernel_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return "The Droplet manages its own kernel." if droplet.kernel is None else None


def _change_kernel(
    droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]
) -> None:
    droplet.kernel = attributes["kernel"]


def _refuse_repeat(feature: str) -> Refusal:
    def refuses(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
        if rules.repeats_refused and feature in droplet.features:
            return f"The Droplet has {feature} already."
        return None

    return refuses


def _add_feature(feature: str) -> Change:
    def changes(droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]) -> None:
        if feature not in droplet.features:
            droplet.features += (feature,)

    return changes


def _enable_backups(
    droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]
) -> None:
    _add_feature("backups")(droplet, attributes, new_image)
    droplet.backup_policy = attributes.get("backup_policy") or {"plan": "daily"}


def _backups_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    if "backups" in droplet.features:
        return None
    return "Backups have already been disabled on this Droplet."


def _disable_backups(
    droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]
) -> None:
    droplet.features = tuple(f for f in droplet.features if f != "backups")
    droplet.backup_policy = None


def _policy_refusal(droplet: Droplet, attributes: JsonObject, rules: Rules) -> str | None:
    return None if "backups" in droplet.features else "Backups are not enabled on this Droplet."


def _change_policy(
    droplet: Droplet, attributes: JsonObject, new_image: Callable[[], int]
) -> None:
    droplet.backup_policy = attributes["backup_policy"]


LIFECYCLES: dict[str, Lifecycle] = {
    "power_on": Lifecycle(10, True, _unless_off),
    "power_off": Lifecycle(5, False, _unless_on),
    "shutdown": Lifecycle(4, False, _unless_on),
    "reboot": Lifecycle(10, True, _reboot_refusal),
    "power_cycle": Lifecycle(10, True, _power_cycle_refusal),
    "resize": Lifecycle(60, None, _resize_refusal, _resize),
    "snapshot": Lifecycle(60, None, _snapshot_refusal, _snapshot),
    "rename": Lifecycle(2, None, _rename_refusal, _rename),
    "rebuild": Lifecycle(60, True, change=_new_disk),
    "restore": Lifecycle(60, True, _restore_refusal, _new_disk),
    "password_reset": Lifecycle(15, True),
    "change_kernel": Lifecycle(5, None, _kernel_refusal, _change_kernel),
    "enable_ipv6": Lifecycle(2, None, _refuse_repeat("ipv6"), _add_feature("ipv6")),
    "enable_backups": Lifecycle(2, None, _refuse_repeat("backups"), _enable_backups),
    "disable_backups": Lifecycle(2, None, _backups_refusal, _disable_backups),
    "change_backup_policy": Lifecycle(2, None, _policy_refusal, _change_policy),
    "enable_private_networking": Lifecycle(
        2, None, _refuse_repeat("private_networking"), _add_feature("private_networking")
    ),
}
