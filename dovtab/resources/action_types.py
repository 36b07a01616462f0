"""The sixteen types of action that can be started on a Droplet, and their attributes.

The table's ``type`` column holds more (create, destroy, backup, migrate, ...):
those are results, and nothing here constrains what is read.

Sources: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_post
and #operation/dropletActions_post_byTag.
"""

from __future__ import annotations

from dovtab.resources.acts import ActionType, Attribute, Members, by_name

# The two plans whose values the API lists. Others exist (`intra_daily_4h`) and
# more will come, so an unknown plan, or an unknown member, is passed on.
BACKUP_POLICY = Members(
    kinds={
        "plan": "text",
        "weekday": "text",
        "hour": "integer",
        "window_length_hours": "integer",
        "retention_period_days": "integer",
    },
    allowed={
        "weekday": ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
        "hour": (0, 4, 8, 12, 16, 20),
    },
    when=("plan", ("daily", "weekly")),
)

_POLICY = Attribute("backup_policy", ("object",), members=BACKUP_POLICY)
_OPTIONAL_POLICY = Attribute(
    "backup_policy", ("object",), required=False, members=BACKUP_POLICY
)

ACTION_TYPES = by_name(
    ActionType("enable_backups", (_OPTIONAL_POLICY,), by_tag=True),
    ActionType("disable_backups", by_tag=True),
    ActionType("change_backup_policy", (_POLICY,)),
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
    ActionType(
        "snapshot", (Attribute("name", ("text",), required=False, dated=True),), by_tag=True
    ),
)
