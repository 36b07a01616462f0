"""What actions would be done to: all of an account, or all that has a tag.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/droplets_list
"""

from __future__ import annotations

from collections.abc import Mapping

from dovtab.api.exchange import Json, Request
from dovtab.engine.acting.lists import Lists
from dovtab.engine.acting.reach import Target
from dovtab.engine.reading.rows import Object
from dovtab.resources import Table

_NAME, _LOCKED = "name", "locked"


def all_targets(owners: Table, lists: Lists) -> dict[int, Target]:
    """Whatever can be acted on, by id.

    Args:
        owners: the table of what actions are done to.

    Raises:
        DovtabError: a list cannot be read.
    """
    return _targets(owners, lists, {})


def tagged(table: Table, lists: Lists, tag_name: str) -> dict[int, Target]:
    """Whatever has a tag, by id.

    Args:
        table: of the actions.

    Raises:
        DovtabError: a list cannot be read.
    """
    assert table.owners is not None
    assert table.acts is not None
    assert table.acts.by_tag is not None
    return _targets(table.owners, lists, {table.acts.by_tag.column: tag_name})


def _targets(owners: Table, lists: Lists, narrowed: Mapping[str, str]) -> dict[int, Target]:
    listed = owners.reads.account_list
    assert listed is not None
    found: list[Object] = []
    for query, must in listed.queries(narrowed):
        items = [item for page in lists.read(Request(listed, query=query)) for item in page]
        found += [i for i in items if must is None or _has_tag(i.get(must[0]), must[1])]
    return {item["id"]: _target(item) for item in found}


def _has_tag(tags: Json, tag_name: str) -> bool:
    # The API wants a tag as it was first written, and nobody says what it does with
    # another: what may be acted on is counted.
    names = tags if isinstance(tags, list) else []
    return tag_name.lower() in [name.lower() for name in names if isinstance(name, str)]


def _target(item: Mapping[str, Json]) -> Target:
    name = item.get(_NAME)
    shown = name if isinstance(name, str) and name else str(item["id"])
    return Target(item["id"], shown, item.get(_LOCKED) is True)
