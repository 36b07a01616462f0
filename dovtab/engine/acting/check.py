"""What may be sent to start an action, checked before anything is.

A mistake costs a machine, and the API does not refuse every one of them, so
each argument is held against the table's types of action here. What they cannot
know (a new backup plan, a size, an image) is passed on.

Pure. Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_post
"""

from __future__ import annotations

import json
import math
import re

from dovtab.api.exchange import Json, Request
from dovtab.api.misspelled import nearest
from dovtab.engine.reading.values import SqlValue, integer
from dovtab.errors import ArgumentError
from dovtab.resources import ActionType, Acts, Attribute, ByTag, Kind, Members, Table

# A letter more, less or wrong: what is only alike, as restart and restore, is another thing.
_ALIKE = 0.8
# https://docs.digitalocean.com/reference/api/digitalocean/#tag/Tags
_TAG = re.compile(r"[A-Za-z0-9_\-:]{1,255}")
_KIND_WORDS: dict[Kind, str] = {
    "integer": "a whole number from 1",
    "text": "a text that is not empty",
    "boolean": "true or false",
    "object": "an object",
}


def parent_request(
    table: Table,
    acts: Acts,
    parent_id: SqlValue,
    type: SqlValue,
    attributes: SqlValue,
    *,
    default_name: str,
) -> Request:
    """The POST that starts an action on one Droplet.

    Args:
        type: one of the table's.
        attributes: a JSON object, as text; NULL for none.
        default_name: for what has to have a name, and was given none.

    Raises:
        ArgumentError: something is not allowed; the message says what is.
    """
    id = positive_id(table.key, parent_id)
    body = _body(_action_type(acts, type), attributes, default_name)
    return Request(acts.post, {table.key: id}, body=body)


def tag_request(
    acts: Acts,
    by_tag: ByTag,
    tag_name: SqlValue,
    type: SqlValue,
    attributes: SqlValue,
    *,
    default_name: str,
) -> Request:
    """The POST that starts an action on whatever has a tag.

    Raises:
        ArgumentError: something is not allowed, such as an empty tag: nobody
            knows what the API would take that for.
    """
    if not isinstance(tag_name, str) or not _TAG.fullmatch(tag_name):
        raise ArgumentError(
            f"{by_tag.column} must be 1 to 255 letters, digits, colons, dashes and"
            f" underscores, not {shown(tag_name)}"
        )
    action_type = _action_type(acts, type)
    if not action_type.by_tag:
        allowed = ", ".join(name for name, known in acts.types.items() if known.by_tag)
        raise ArgumentError(
            f"type '{action_type.name}' cannot go by tag; the types that can: {allowed}"
        )
    body = _body(action_type, attributes, default_name)
    return Request(by_tag.post, query={by_tag.column: tag_name}, body=body)


def positive_id(name: str, value: SqlValue) -> int:
    """The id in a function's argument.

    >>> positive_id("droplet_id", "3164444")
    3164444

    Raises:
        ArgumentError: it is not a whole number from 1.
    """
    number = integer(value)
    if number is None or number < 1:
        raise ArgumentError(f"{name} must be a whole number from 1, not {shown(value)}")
    return number


def _action_type(acts: Acts, value: SqlValue) -> ActionType:
    if isinstance(value, str) and value in acts.types:
        return acts.types[value]
    near = nearest(value, acts.types, _ALIKE) if isinstance(value, str) else None
    hint = f": did you mean {near}?" if near else ""
    raise ArgumentError(
        f"type must be one of {', '.join(acts.types)}, not {shown(value)}{hint}"
    )


def _body(action_type: ActionType, attributes: SqlValue, default_name: str) -> dict[str, Json]:
    given = _object(attributes)
    known = {attribute.name: attribute for attribute in action_type.attributes}
    for name in given:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise ArgumentError(
                f"{action_type.name} has no attribute {shown(name)}; it takes: {allowed}"
            )
    for name, attribute in known.items():
        if name in given:
            _check(action_type, attribute, given[name])
        elif attribute.required:
            raise ArgumentError(
                f"{action_type.name} needs the attribute '{name}' ({_kinds(attribute)})"
            )
        elif attribute.dated:
            given[name] = default_name
    return {"type": action_type.name, **given}


def _object(attributes: SqlValue) -> dict[str, Json]:
    if attributes is None:
        return {}
    decoded = None
    if isinstance(attributes, str):
        try:
            decoded = json.loads(
                attributes,
                object_pairs_hook=_no_twins,
                parse_constant=_no_constant,
                parse_float=_finite,
            )
        except (ValueError, RecursionError):
            decoded = None
    if not isinstance(decoded, dict):
        raise ArgumentError(
            """attributes must be a JSON object, such as '{"name": "before-upgrade"}',"""
            f" not {shown(attributes)}"
        )
    _check_letters(decoded)
    return decoded


def same_attributes(attributes: SqlValue) -> str:
    """A text that is the same for attributes that mean the same.

    >>> same_attributes(None) == same_attributes(" {} ")
    True
    >>> same_attributes('{"a": 1, "b": 2}') == same_attributes('{"b":2,"a":1}')
    True
    >>> same_attributes('{"a": 1}') == same_attributes('{"a": true}')
    False

    Raises:
        ArgumentError: they are no JSON object.
    """
    return json.dumps(_object(attributes), sort_keys=True)


def _check_letters(decoded: dict[str, Json]) -> None:
    # To JSON, half of a surrogate pair is a letter; to UTF-8, which is sent, it is none.
    try:
        json.dumps(decoded, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ArgumentError(f"attributes has {half}, half of a letter, in it") from None


def _no_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    named: dict[str, Json] = {}
    for name, value in pairs:
        if name in named:
            raise ArgumentError(f"attributes has {shown(name)} twice")
        named[name] = value
    return named


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(digits)
    return number


def _no_constant(word: str) -> Json:
    raise ValueError(word)


def _check(action_type: ActionType, attribute: Attribute, value: Json) -> None:
    if not any(_is_of_kind(kind, value) for kind in attribute.kinds):
        raise ArgumentError(
            f"{action_type.name}: '{attribute.name}' must be {_kinds(attribute)},"
            f" not {shown(value)}"
        )
    if attribute.members is not None:
        _check_members(f"of {attribute.name}", action_type, attribute.members, value)


def _check_members(
    whose: str, action_type: ActionType, members: Members, given: dict[str, Json]
) -> None:
    for name, value in given.items():
        kind = members.kinds.get(name)
        # Unlike an id it may be 0.
        is_zero = kind == "integer" and type(value) is int and value == 0
        if kind and not is_zero and not _is_of_kind(kind, value):
            raise ArgumentError(
                f"{action_type.name}: '{name}' {whose} must be a"
                f" {'whole number' if kind == 'integer' else kind}, not {shown(value)}"
            )
    decides, values = members.when
    if given.get(decides) not in values:
        return
    for name, allowed in members.allowed.items():
        if name in given and given[name] not in allowed:
            raise ArgumentError(
                f"{action_type.name}: '{name}' {whose} must be one of"
                f" {', '.join(map(str, allowed))}, not {shown(given[name])}"
            )


def _is_of_kind(kind: Kind, value: Json) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    if kind == "text":
        return isinstance(value, str) and value.strip() != ""
    return isinstance(value, bool if kind == "boolean" else dict)


def _kinds(attribute: Attribute) -> str:
    return " or ".join(_KIND_WORDS[kind] for kind in attribute.kinds)


def shown(value: object) -> str:
    """A wrong value as an error quotes it: on one line, and not for ever."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "a blob"
    if not isinstance(value, str):
        value = json.dumps(value) if isinstance(value, dict | list | bool) else str(value)
        return value if len(value) <= 60 else value[:60] + "..."
    return repr(value if len(value) <= 60 else value[:60] + "...")
