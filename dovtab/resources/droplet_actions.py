"""The table ``droplet_actions``: what was done to each Droplet.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
and, for the account-wide lists, #tag/Actions.
"""

from __future__ import annotations

from dovtab.resources.action_types import ACTION_TYPES
from dovtab.resources.acts import Acts, ByTag
from dovtab.resources.droplets import DROPLETS
from dovtab.resources.operation import Operation
from dovtab.resources.resource import Column, Reads, Table

_LIST = "/v2/droplets/{droplet_id}/actions"
_READ, _UPDATE, _ACTIONS = "droplet:read", "droplet:update", "actions:read"

DROPLET_ACTIONS = Table(
    name="droplet_actions",
    description="what was done to each Droplet; INSERT starts more",
    noun="Droplet",
    columns=(
        Column("id", "INTEGER", "the action's id; the rowid too"),
        Column("resource_id", "INTEGER", "the Droplet, as the API names it"),
        Column("completed_at", "TEXT", "RFC 3339; NULL while it is in progress", time=True),
        Column("region", "TEXT", "the region, a JSON object", json=True),
        Column("region_slug", "TEXT", "the region's slug, such as nyc3"),
        Column("resource_type", "TEXT", "droplet"),
        Column("started_at", "TEXT", "RFC 3339", time=True),
        Column(
            "status",
            "TEXT",
            "in-progress, completed or errored",
            values=("in-progress", "completed", "errored"),
        ),
        Column(
            "type",
            "TEXT",
            "what was done: create, reboot, snapshot, backup, ...",
            values=("create", "destroy", "backup", *ACTION_TYPES),
        ),
        Column("droplet_id", "INTEGER", "the Droplet; the fast way in", hidden=True),
        Column("action_id", "INTEGER", "the action's id", hidden=True),
        Column("per_page", "INTEGER", "rows a request brings, 1 to 200", hidden=True),
        Column("page", "INTEGER", "this page and no other, from 1", hidden=True),
        Column("tag_name", "TEXT", "every Droplet that has this tag", hidden=True),
        Column("attributes", "TEXT", "for acting: a JSON object", hidden=True),
        Column(
            "after", "TEXT", "for acting: what to wait for, completed or ended", hidden=True
        ),
        Column("since", "TEXT", "started then or later: 2026-11-17, -7 days", hidden=True),
    ),
    reads=Reads(
        parent=("droplet_id", "resource_id"),
        item=("action_id", "id"),
        keep=("resource_type", "droplet"),
        since=("since", "started_at"),
        ended=("status", frozenset({"completed", "errored"})),
        constant=("resource_id", "type"),
        get=Operation("dropletActions_get", "GET", f"{_LIST}/{{action_id}}", "action", _READ),
        list=Operation("dropletActions_list", "GET", _LIST, "actions", _READ),
        account_get=Operation(
            "actions_get", "GET", "/v2/actions/{action_id}", "action", _ACTIONS
        ),
        account_list=Operation("actions_list", "GET", "/v2/actions", "actions", _ACTIONS),
    ),
    acts=Acts(
        types=ACTION_TYPES,
        post=Operation("dropletActions_post", "POST", _LIST, "action", _UPDATE, noun="Droplet"),
        by_tag=ByTag(
            "tag_name",
            Operation(
                "dropletActions_post_byTag",
                "POST",
                "/v2/droplets/actions",
                "actions",
                _UPDATE,
                noun="Droplet",
            ),
        ),
    ),
    owners=DROPLETS,
)
