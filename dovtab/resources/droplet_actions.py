"""The table ``droplet_actions``: what was done to each Droplet.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
and, for the account-wide lists, #tag/Actions.
"""

from __future__ import annotations

from dovtab.resources.resource import Column, Operation, Resource

DROPLET_ACTIONS = Resource(
    name="droplet_actions",
    columns=(
        Column("id", "INTEGER", "the action's id; the rowid too"),
        Column("resource_id", "INTEGER", "the Droplet, as the API names it"),
        Column("completed_at", "TEXT", "RFC 3339; NULL while it is in progress"),
        Column("region", "TEXT", "the region, a JSON object", json=True),
        Column("region_slug", "TEXT", "the region's slug, such as nyc3"),
        Column("resource_type", "TEXT", "droplet"),
        Column("started_at", "TEXT", "RFC 3339"),
        Column("status", "TEXT", "in-progress, completed or errored"),
        Column("type", "TEXT", "what was done: create, reboot, snapshot, backup, ..."),
        Column("droplet_id", "INTEGER", "the Droplet; the fast way in", hidden=True),
        Column("action_id", "INTEGER", "the action's id", hidden=True),
        Column("per_page", "INTEGER", "rows a request brings, 1 to 200", hidden=True),
        Column("page", "INTEGER", "this page and no other, from 1", hidden=True),
        Column("tag_name", "TEXT", "for acting: every Droplet of a tag", hidden=True),
        Column("attributes", "TEXT", "for acting: a JSON object", hidden=True),
    ),
    parent=("droplet_id", "resource_id"),
    item=("action_id", "id"),
    pager=("page", "per_page"),
    keep=("resource_type", "droplet"),
    ended=("status", frozenset({"completed", "errored"})),
    get=Operation(
        "dropletActions_get",
        "GET",
        "/v2/droplets/{droplet_id}/actions/{action_id}",
        "action",
        "droplet:read",
    ),
    list=Operation(
        "dropletActions_list",
        "GET",
        "/v2/droplets/{droplet_id}/actions",
        "actions",
        "droplet:read",
    ),
    account_get=Operation(
        "actions_get", "GET", "/v2/actions/{action_id}", "action", "actions:read"
    ),
    account_list=Operation("actions_list", "GET", "/v2/actions", "actions", "actions:read"),
    post=Operation(
        "dropletActions_post",
        "POST",
        "/v2/droplets/{droplet_id}/actions",
        "action",
        "droplet:update",
    ),
    post_by_tag=Operation(
        "dropletActions_post_byTag", "POST", "/v2/droplets/actions", "actions", "droplet:update"
    ),
    parents=Operation(
        "droplets_list", "GET", "/v2/droplets", "droplets", "droplet:read and tag:read"
    ),
)
