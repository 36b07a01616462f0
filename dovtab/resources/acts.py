"""What a table can start: the types of its actions, their attributes, the tags.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Actions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from dovtab.resources.operation import Operation

Kind = Literal["integer", "text", "boolean", "object"]


class Members(NamedTuple):
    """What is known of the members of an object; anything else in it is passed on.

    Attributes:
        kinds: the JSON type of each. An integer may be 0, unlike an id.
        allowed: the values of some, as long as ``when`` holds.
        when: a member, and the values of it for which the API lists the others'.
    """

    kinds: Mapping[str, Kind]
    allowed: Mapping[str, tuple[str | int, ...]]
    when: tuple[str, tuple[str, ...]]


class Attribute(NamedTuple):
    """A member of the request's body.

    A text must not be empty. An integer is an id, 1 or more.

    Attributes:
        kinds: the JSON types that it may have.
        members: of one that is an object.
        dated: one that is left out is sent all the same, as a name with the time.
    """

    name: str
    kinds: tuple[Kind, ...]
    required: bool = True
    members: Members | None = None
    dated: bool = False


class ActionType(NamedTuple):
    """A value of ``type`` in a POST; ``by_tag``: it may also go to all of a tag."""

    name: str
    attributes: tuple[Attribute, ...] = ()
    by_tag: bool = False


class ByTag(NamedTuple):
    """How an action is started on everything that has a tag.

    Attributes:
        column: the hidden column, and the parameter of the query string.
    """

    column: str
    post: Operation


class Acts(NamedTuple):
    """How actions are started. An action has an id, a type, a status and a time.

    Attributes:
        post: at the address of the parent.
        types: by name.
        attributes: the hidden column that holds those of an action, a JSON object.
        after: the hidden column that says what an action waits for.
    """

    post: Operation
    types: Mapping[str, ActionType]
    attributes: str = "attributes"
    after: str = "after"
    by_tag: ByTag | None = None


def by_name(*types: ActionType) -> dict[str, ActionType]:
    """As `Acts` wants them."""
    return {action_type.name: action_type for action_type in types}
