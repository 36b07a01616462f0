"""The table ``droplets``: what there is now.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplets
"""

from __future__ import annotations

from dovtab.resources.operation import Filter, Operation
from dovtab.resources.resource import Column, Reads, Table

_READ = "droplet:read"

DROPLETS = Table(
    name="droplets",
    description="the Droplets that there are now",
    noun="Droplet",
    columns=(
        Column("id", "INTEGER", "the Droplet's id; the rowid too"),
        Column("name", "TEXT", "what it is called"),
        Column(
            "status",
            "TEXT",
            "new, active, off or archive",
            values=("new", "active", "off", "archive"),
        ),
        Column("locked", "INTEGER", "1: an action is in progress; else 0", boolean=True),
        Column("created_at", "TEXT", "RFC 3339", time=True),
        Column("region_slug", "TEXT", "such as nyc3", member="region.slug"),
        Column("size_slug", "TEXT", "such as s-1vcpu-1gb"),
        Column("vcpus", "INTEGER", "virtual processors"),
        Column("memory", "INTEGER", "megabytes"),
        Column("disk", "INTEGER", "gigabytes"),
        Column("image_slug", "TEXT", "NULL if it is a user's own", member="image.slug"),
        Column("image_id", "INTEGER", "what it was made of", member="image.id"),
        Column(
            "public_ipv4",
            "TEXT",
            "NULL if it has none",
            member="networks.v4[public].ip_address",
        ),
        Column(
            "private_ipv4",
            "TEXT",
            "its address in the VPC",
            member="networks.v4[private].ip_address",
        ),
        Column(
            "public_ipv6",
            "TEXT",
            "NULL if it has none",
            member="networks.v6[public].ip_address",
        ),
        Column("vpc_uuid", "TEXT", "the private network it is in"),
        Column("tags", "TEXT", "a JSON array", json=True),
        Column("features", "TEXT", "a JSON array: backups, ipv6, monitoring, ...", json=True),
        Column("backup_ids", "TEXT", "a JSON array of images", json=True),
        Column("snapshot_ids", "TEXT", "a JSON array of images", json=True),
        Column("region", "TEXT", "a JSON object", json=True),
        Column("size", "TEXT", "a JSON object, with its price", json=True),
        Column("image", "TEXT", "a JSON object", json=True),
        Column("networks", "TEXT", "a JSON object: all its addresses", json=True),
        Column("droplet_id", "INTEGER", "the Droplet's id, to join with", hidden=True),
        Column("tag_name", "TEXT", "a tag that it has", hidden=True),
        Column("per_page", "INTEGER", "rows a request brings, 1 to 200", hidden=True),
        Column("page", "INTEGER", "this page and no other, from 1", hidden=True),
    ),
    reads=Reads(
        item=("droplet_id", "id"),
        account_get=Operation(
            "droplets_get", "GET", "/v2/droplets/{droplet_id}", "droplet", _READ
        ),
        account_list=Operation(
            "droplets_list",
            "GET",
            "/v2/droplets",
            "droplets",
            _READ,
            filters=(Filter("tag_name", scope="tag:read", tells="tags"), Filter("name")),
            # Without type GPU Droplets are left out.
            parts=({"type": "droplets"}, {"type": "gpus"}),
        ),
    ),
)
