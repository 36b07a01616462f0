"""The catalogue: every table dovtab knows, as data."""

from __future__ import annotations

from dovtab.resources.action_types import ACTION_TYPES
from dovtab.resources.acts import (
    ActionType,
    Acts,
    Attribute,
    ByTag,
    Kind,
    Members,
    by_name,
)
from dovtab.resources.droplet_actions import DROPLET_ACTIONS
from dovtab.resources.droplets import DROPLETS
from dovtab.resources.operation import Filter, Operation
from dovtab.resources.resource import Cell, Column, Reads, Row, Table

TABLES: tuple[Table, ...] = (DROPLET_ACTIONS, DROPLETS)

__all__ = [
    "ACTION_TYPES",
    "DROPLETS",
    "DROPLET_ACTIONS",
    "TABLES",
    "ActionType",
    "Acts",
    "Attribute",
    "ByTag",
    "Cell",
    "Column",
    "Filter",
    "Kind",
    "Members",
    "Operation",
    "Reads",
    "Row",
    "Table",
    "by_name",
]
