"""What actions would be done to: all of an account, or all that has a tag.

The API lists GPU Droplets apart from the others, and does not say whether the list
of a tag has them: they are looked for in both.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/droplets_list
"""

from __future__ import annotations

from collections.abc import Mapping

from dovtab.api.exchange import Json, Request
from dovtab.engine.acting.lists import Lists
from dovtab.engine.acting.reach import Target
from dovtab.engine.reading.rows import Object
from dovtab.resources import Acts, Targets


def all_targets(targets: Targets, lists: Lists) -> dict[int, Target]:
    """Whatever can be acted on, by id.

    Raises:
        DovtabError: a list cannot be read.
    """
    listed = [item for query in targets.kinds for item in _items(targets, lists, query)]
    return {item["id"]: _target(targets, item) for item in listed}


def tagged(acts: Acts, lists: Lists, tag_name: str) -> dict[int, Target]:
    """Whatever has a tag, by id.

    Raises:
        DovtabError: a list cannot be read.
    """
    targets, by_tag = acts.targets, acts.by_tag
    assert targets is not None
    assert by_tag is not None
    found = list(_items(targets, lists, {by_tag.column: tag_name}))
    for query in targets.beside_tag:
        found += [
            item
            for item in _items(targets, lists, query)
            if _has_tag(item.get(targets.tags), tag_name)
        ]
    return {item["id"]: _target(targets, item) for item in found}


def _items(targets: Targets, lists: Lists, query: Mapping[str, str | int]) -> list[Object]:
    request = Request(targets.list, query=dict(query))
    return [item for page in lists.read(request) for item in page]


def _has_tag(tags: Json, tag_name: str) -> bool:
    # To the API a tag is the same in capital letters.
    names = tags if isinstance(tags, list) else []
    return tag_name.lower() in [name.lower() for name in names if isinstance(name, str)]


def _target(targets: Targets, item: Object) -> Target:
    name = item.get(targets.name)
    shown = name if isinstance(name, str) and name else str(item["id"])
    return Target(item["id"], shown, item.get(targets.locked) is True)
