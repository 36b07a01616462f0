"""The table ``image_actions``, as a catalogue would declare it: read and act.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Image-Actions
"""

from __future__ import annotations

from dovtab.resources import ActionType, Acts, Attribute, Column, Operation, Reads, Table

ONE, READ, UPDATE = "/v2/images/{image_id}/actions", "image:read", "image:update"
TRANSFER = ActionType("transfer", (Attribute("region", ("text",)),))

IMAGE_ACTIONS = Table(
    name="image_actions",
    description="what was done to each image",
    noun="image",
    columns=(
        Column("id", "INTEGER", "the action"),
        Column("resource_id", "INTEGER", "the image, as the API names it"),
        Column("resource_type", "TEXT", "image"),
        Column("type", "TEXT", "convert, transfer"),
        Column("status", "TEXT", "in-progress, completed or errored"),
        Column("started_at", "TEXT", "RFC 3339"),
        Column("region_slug", "TEXT", "where it happens", member="region.slug"),
        Column("image_id", "INTEGER", "the image", hidden=True),
        Column("action_id", "INTEGER", "the action's id", hidden=True),
        Column("attributes", "TEXT", "for acting: a JSON object", hidden=True),
        Column("after", "TEXT", "for acting: what to wait for", hidden=True),
    ),
    reads=Reads(
        parent=("image_id", "resource_id"),
        item=("action_id", "id"),
        keep=("resource_type", "image"),
        ended=("status", frozenset({"completed", "errored"})),
        get=Operation("imageActions_get", "GET", ONE + "/{action_id}", "action", READ),
        list=Operation("imageActions_list", "GET", ONE, "actions", READ),
        account_get=Operation("actions_get", "GET", "/v2/actions/{action_id}", "action", READ),
        account_list=Operation("actions_list", "GET", "/v2/actions", "actions", READ),
    ),
    acts=Acts(
        Operation("imageActions_post", "POST", ONE, "action", UPDATE, noun="image"),
        types={"convert": ActionType("convert"), "transfer": TRANSFER},
    ),
)
