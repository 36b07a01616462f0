"""Regions, sizes and images: a small part of DigitalOcean's own catalogue.

The objects have the shape that the API gives them inside a Droplet or an
action; the numbers are those of the official examples where it has them.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Sizes
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """What a Droplet may be resized to; memory in MiB, disk in GiB, price in USD."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    monthly: float
    transfer: float = 1.0
    description: str = "Basic"

    def body(self) -> JsonObject:
        return {
            "slug": self.slug,
            "memory": self.memory,
            "vcpus": self.vcpus,
            "disk": self.disk,
            "transfer": self.transfer,
            "price_monthly": self.monthly,
            "price_hourly": round(self.monthly / 672, 5),
            "regions": sorted(REGIONS),
            "available": True,
            "description": self.description,
        }


SIZES: dict[str, Size] = {
    size.slug: size
    for size in (
        Size("s-1vcpu-512mb-10gb", 512, 1, 10, 4, 0.5),
        Size("s-1vcpu-1gb", 1024, 1, 25, 6),
        Size("s-1vcpu-2gb", 2048, 1, 50, 12, 2.0),
        Size("s-2vcpu-2gb", 2048, 2, 60, 18, 3.0),
        Size("s-2vcpu-4gb", 4096, 2, 80, 24, 4.0),
        Size("s-4vcpu-8gb", 8192, 4, 160, 48, 5.0),
        Size("s-8vcpu-16gb", 16384, 8, 320, 96, 6.0),
        Size("gpu-h100x1-80gb", 245760, 20, 720, 4529.3, 15.0, "H100 GPU - 1X"),
    )
}
GPU_SIZE = "gpu-h100x1-80gb"

REGIONS: dict[str, str] = {
    "ams3": "Amsterdam 3",
    "blr1": "Bangalore 1",
    "fra1": "Frankfurt 1",
    "lon1": "London 1",
    "nyc1": "New York 1",
    "nyc3": "New York 3",
    "sfo3": "San Francisco 3",
    "sgp1": "Singapore 1",
    "syd1": "Sydney 1",
    "tor1": "Toronto 1",
}
_REGION_FEATURES = ("backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer")


@cache
def region_body(slug: str) -> JsonObject:
    """The region object that Droplets and actions carry."""
    return {
        "name": REGIONS.get(slug, slug),
        "slug": slug,
        "features": list(_REGION_FEATURES),
        "available": True,
        "sizes": list(SIZES),
    }


def image_body(image: int | str, created_at: str) -> JsonObject:
    """An image by its id or slug, as a Droplet shows what it was made from."""
    by_slug = isinstance(image, str)
    return {
        "id": 63663980 if by_slug else image,
        "name": "24.04 (LTS) x64" if by_slug else f"image {image}",
        "type": "base" if by_slug else "snapshot",
        "distribution": "Ubuntu",
        "slug": image if by_slug else None,
        "public": by_slug,
        "regions": sorted(REGIONS),
        "created_at": created_at,
        "min_disk_size": 10,
        "size_gigabytes": 2.36,
        "description": "",
        "tags": [],
        "status": "available",
        "error_message": "",
    }
