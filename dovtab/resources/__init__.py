"""The catalogue: every table dovtab knows, as data."""

from __future__ import annotations

from dovtab.resources.action_types import ACTION_TYPES, ActionType, Attribute
from dovtab.resources.droplet_actions import DROPLET_ACTIONS
from dovtab.resources.resource import Cell, Column, Operation, Resource, Row

RESOURCES: tuple[Resource, ...] = (DROPLET_ACTIONS,)

__all__ = [
    "ACTION_TYPES",
    "DROPLET_ACTIONS",
    "RESOURCES",
    "ActionType",
    "Attribute",
    "Cell",
    "Column",
    "Operation",
    "Resource",
    "Row",
]
