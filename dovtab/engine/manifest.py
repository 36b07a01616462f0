"""What a door has to register: tables and functions, with the flags SQLite needs.

Pure: it is the catalogue in the words of sqlite3_create_module and
sqlite3_create_function.

Sources: https://sqlite.org/vtab.html#eponymous_virtual_tables,
https://sqlite.org/c3ref/c_deterministic.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from dovtab.resources import Table

REQUESTS, POSTS, PLAN, LOG = "dovtab_requests", "dovtab_posts", "dovtab_plan", "dovtab_log"
QUOTA, COLUMNS, TYPES = "dovtab_quota", "dovtab_columns", "dovtab_action_types"
# What the engine itself knows: each with what is in it.
RECORDS = {
    REQUESTS: "what this connection has asked the API",
    POSTS: "the actions that this connection asked for, and what became of each",
    PLAN: "the actions that COMMIT would send",
    LOG: "the actions that were asked for on this machine",
    QUOTA: "what is left of the rate limit",
    COLUMNS: "these tables' columns, and what binding one saves",
    TYPES: "the types of action that can be started, with their attributes",
}
Verb = Literal["post", "post_by_tag", "wait", "outcome", "reconcile"]


class Module(NamedTuple):
    """A virtual table module; every one is eponymous.

    Attributes:
        description: what is in it.
        creatable: CREATE VIRTUAL TABLE may make more tables of it.
        writable: INSERT is for the table to judge; otherwise SQLite refuses it.
    """

    name: str
    description: str
    creatable: bool
    writable: bool

    @property
    def may_be_hidden(self) -> bool:
        """Whether a database may have a table of that name: it is one that people have.

        Nothing is written to ours, and CREATE VIRTUAL TABLE gives it another name.
        """
        return self.creatable and not self.writable


class Function(NamedTuple):
    """A function and how many arguments it takes.

    It acts on the world or waits for it, so it is not DETERMINISTIC (SQLite would
    call it once for many rows) and is DIRECTONLY: no view, trigger, default or
    index in a stranger's database file can call it.

    Attributes:
        usage: how it is called, for people.
        arguments: the least and the largest number of them.
        of: the table that it belongs to, and what it does there.
    """

    name: str
    usage: str
    arguments: tuple[int, int]
    of: tuple[Table, Verb]

    @property
    def acts(self) -> bool:
        """Whether it starts actions, so that a lost answer is no small matter."""
        return self.of[1] in ("post", "post_by_tag")


class Manifest(NamedTuple):
    """All that a connection gets."""

    modules: tuple[Module, ...]
    functions: tuple[Function, ...]


def over_all(table: Table) -> str:
    """The name of the table over all accounts.

    >>> from dovtab.resources import TABLES
    >>> [over_all(table) for table in TABLES]
    ['all_droplet_actions', 'all_droplets']
    """
    return f"all_{table.name}"


def manifest(tables: Sequence[Table], *, all_contexts: bool = False) -> Manifest:
    """What these tables bring.

    Args:
        all_contexts: over each there is one of all accounts, too.

    >>> from dovtab.resources import TABLES
    >>> [module.name for module in manifest(TABLES).modules]
    ['droplet_actions', 'droplets', 'dovtab_requests', 'dovtab_posts', 'dovtab_plan', 'dovtab_log', 'dovtab_quota', 'dovtab_columns', 'dovtab_action_types']
    """
    modules = [
        Module(t.name, t.description, creatable=True, writable=t.acts is not None)
        for t in tables
    ]
    if all_contexts:
        modules += [
            Module(
                over_all(table),
                f"{table.name} of all accounts",
                creatable=False,
                writable=False,
            )
            for table in tables
        ]
    records = [
        Module(name, description, creatable=False, writable=False)
        for name, description in RECORDS.items()
    ]
    functions = [function for table in tables for function in _functions(table)]
    return Manifest((*modules, *records), tuple(functions))


def _functions(table: Table) -> list[Function]:
    if table.acts is None:
        return []
    attributes, item = f"type [, {table.acts.attributes}]", table.reads.item[0]
    arguments: dict[Verb, str] = {"post": f"{table.key}, {attributes}"}
    if table.acts.by_tag is not None:
        arguments["post_by_tag"] = f"{table.acts.by_tag.column}, {attributes}"
    if table.reads.get is not None and table.reads.ended is not None:
        arguments["wait"] = f"{table.key}, {item} [, timeout_seconds]"
        arguments["outcome"] = arguments["wait"]
    arguments["reconcile"] = ""
    return [
        Function(
            f"{table.name}_{verb}",
            f"{table.name}_{verb}({takes})",
            (2, 3) if takes else (0, 0),
            (table, verb),
        )
        for verb, takes in arguments.items()
    ]
