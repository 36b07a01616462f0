"""The body of a POST: which action it asks for.

Members are checked for their JSON type, as the documentation lists them.
Unknown members and unknown backup plans pass: clients send some that no
document names.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#operation/dropletActions_post
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dovtab.resources import ACTION_TYPES, ActionType, Attribute, Members
from dovtab.simulator.answers import Refused
from dovtab.simulator.catalogue import JsonObject
from dovtab.simulator.rules import Rules

_PRIVATE_NETWORKING = ActionType("enable_private_networking", by_tag=True)
_WITHOUT_NAME = "Name Droplet must have a name"


@dataclass(frozen=True, slots=True)
class AskedAction:
    """A valid body; ``attributes`` are its other members, without nulls."""

    type: str
    attributes: JsonObject


def asked_action(body: bytes, rules: Rules, *, by_tag: bool) -> AskedAction:
    """Read a body.

    Raises:
        Refused: 400 if it is no JSON object, else 422.
    """
    try:
        content = json.loads(body)
    except ValueError:
        raise Refused(400) from None
    if not isinstance(content, dict):
        raise Refused(400)
    action_type = _known_type(content.pop("type", None), rules)
    if by_tag and not action_type.by_tag:
        raise Refused(422, f"{action_type.name} is not available by tag")
    attributes = {name: value for name, value in content.items() if value is not None}
    for attribute in action_type.attributes:
        _check(attribute, attributes, action_type.name)
    return AskedAction(action_type.name, attributes)


def _known_type(name: Any, rules: Rules) -> ActionType:
    if not isinstance(name, str):
        raise Refused(422, "type is required and must be a string")
    if rules.private_networking and name == _PRIVATE_NETWORKING.name:
        return _PRIVATE_NETWORKING
    if name not in ACTION_TYPES:
        raise Refused(422, f"{name} is not a valid action type")
    return ACTION_TYPES[name]


def _check(attribute: Attribute, attributes: JsonObject, type_: str) -> None:
    value = attributes.get(attribute.name)
    if type_ == "rename" and value in (None, ""):
        raise Refused(422, _WITHOUT_NAME)
    if value is None or (value == "" and attribute.required):
        if attribute.required:
            raise Refused(422, f"{attribute.name} is required")
        return
    if not any(_is_kind(value, kind) for kind in attribute.kinds):
        raise Refused(422, f"{attribute.name} must be of type {' or '.join(attribute.kinds)}")
    if attribute.members is not None:
        _check_policy(attribute.members, value)


def _check_policy(members: Members, policy: JsonObject) -> None:
    for name, kind in members.kinds.items():
        if name in policy and not _is_kind(policy[name], kind):
            raise Refused(422, f"backup_policy {name} must be of type {kind}")
    plan = policy.get("plan", "daily")
    if plan not in members.when[1]:
        return
    if "hour" in policy and policy["hour"] not in members.allowed["hour"]:
        raise Refused(422, "backup_policy hour is not one of the windows")
    weekday = policy.get("weekday")
    # The official clients send an empty weekday with the daily plan.
    missing = (None,) if plan == "weekly" else (None, "")
    if weekday not in (*missing, *members.allowed["weekday"]):
        raise Refused(422, "backup_policy weekday is not a day of the week")


def _is_kind(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"text": str, "boolean": bool, "object": dict}[kind])
