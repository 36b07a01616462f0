"""The sixteen types of action that can be started, and their attributes.

The table's ``type`` column holds more (create, destroy, backup, migrate, ...):
those are results, and nothing here constrains what is read.

Sources: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_post
and #operation/dropletActions_post_byTag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["integer", "text", "boolean", "object"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A member of the request's body; ``kinds`` are the JSON types it may have.

    A text must not be empty. An integer that is an id is 1 or more.
    """

    name: str
    kinds: tuple[Kind, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class ActionType:
    """A value of ``type`` in a POST."""

    name: str
    attributes: tuple[Attribute, ...] = ()
    by_tag: bool = False


_OPTIONAL_POLICY = Attribute("backup_policy", ("object",), required=False)

ACTION_TYPES: dict[str, ActionType] = {
    action_type.name: action_type
    for action_type in (
        ActionType("enable_backups", (_OPTIONAL_POLICY,), by_tag=True),
        ActionType("disable_backups", by_tag=True),
        ActionType("change_backup_policy", (Attribute("backup_policy", ("object",)),)),
        ActionType("reboot"),
        ActionType("power_cycle", by_tag=True),
        ActionType("shutdown", by_tag=True),
        ActionType("power_off", by_tag=True),
        ActionType("power_on", by_tag=True),
        ActionType("restore", (Attribute("image", ("integer",)),)),
        ActionType("password_reset"),
        ActionType(
            "resize",
            (Attribute("size", ("text",)), Attribute("disk", ("boolean",), required=False)),
        ),
        ActionType("rebuild", (Attribute("image", ("integer", "text")),)),
        ActionType("rename", (Attribute("name", ("text",)),)),
        ActionType("change_kernel", (Attribute("kernel", ("integer",)),)),
        ActionType("enable_ipv6", by_tag=True),
        ActionType("snapshot", (Attribute("name", ("text",), required=False),), by_tag=True),
    )
}

# The two plans whose values the API lists. Others exist (`intra_daily_4h`) and
# more will come, so an unknown plan, or an unknown member, is passed on.
LISTED_BACKUP_PLANS = ("daily", "weekly")
BACKUP_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
BACKUP_HOURS = (0, 4, 8, 12, 16, 20)
BACKUP_POLICY_KINDS: dict[str, Kind] = {
    "plan": "text",
    "weekday": "text",
    "hour": "integer",
    "window_length_hours": "integer",
    "retention_period_days": "integer",
}
