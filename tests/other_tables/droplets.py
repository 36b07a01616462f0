"""The table ``droplets``, as a catalogue would declare it: read only, with filters.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/droplets_list
"""

from __future__ import annotations

from dovtab.resources import Column, Filter, Operation, Reads, Table

READ = "droplet:read"

DROPLETS = Table(
    name="droplets",
    noun="Droplet",
    columns=(
        Column("id", "INTEGER", "the Droplet's id"),
        Column("name", "TEXT", "what it is called"),
        Column("status", "TEXT", "new, active, off or archive"),
        Column("memory", "INTEGER", "megabytes"),
        Column("region_slug", "TEXT", "where it is", member="region.slug"),
        Column("image_id", "INTEGER", "what it was made of", member="image.id"),
        Column("tags", "TEXT", "a JSON array", json=True),
        Column("droplet_id", "INTEGER", "the Droplet's id, to join with", hidden=True),
        Column("tag_name", "TEXT", "a tag that it has", hidden=True),
        Column("per_page", "INTEGER", "rows a request brings, 1 to 200", hidden=True),
        Column("page", "INTEGER", "this page and no other, from 1", hidden=True),
    ),
    reads=Reads(
        item=("droplet_id", "id"),
        account_get=Operation(
            "droplets_get", "GET", "/v2/droplets/{droplet_id}", "droplet", READ
        ),
        account_list=Operation(
            "droplets_list",
            "GET",
            "/v2/droplets",
            "droplets",
            READ,
            filters=(Filter("tag_name"), Filter("name")),
        ),
    ),
)
