"""Everything dovtab adds to a connection of apsw."""

from __future__ import annotations

import weakref
from typing import cast

import apsw

from dovtab.api.clock import Clock
from dovtab.api.settings import Settings
from dovtab.engine.account import Account
from dovtab.hosts import journal_module
from dovtab.hosts.apsw_module import Module
from dovtab.hosts.functions import create_functions
from dovtab.hosts.journal_module import JournalModule
from dovtab.hosts.own_tables import OwnTables
from dovtab.hosts.second_run import SecondRun
from dovtab.hosts.statements import Statements
from dovtab.resources import RESOURCES


def attach(
    connection: apsw.Connection, settings: Settings, clock: Clock | None = None
) -> Account:
    """Register the tables and functions; gives the account they share.

    Nothing registered refers to the connection: it would keep itself alive
    through apsw's own references, where the collector cannot see the circle.
    """
    if not isinstance(connection, apsw.Connection):
        kind = f"{type(connection).__module__}.{type(connection).__name__}"
        raise TypeError(f"dovtab needs an apsw.Connection, not a {kind}")
    reference = weakref.ref(connection)

    def interrupted() -> bool:
        alive = reference()
        return alive is not None and alive.is_interrupted

    account = Account(settings, interrupted, clock)
    statements = Statements(connection)
    own_tables = OwnTables()
    look_ahead = SecondRun(connection, statements, own_tables) if settings.look_ahead else None
    for resource in RESOURCES:
        connection.create_module(
            resource.name,
            # apsw's protocols list every optional member as if it were required.
            cast(
                "apsw.VTModule", Module(resource, account, statements, own_tables, look_ahead)
            ),
            use_bestindex_object=True,
            eponymous=True,
            read_only=True,
        )
        own_tables.add_module(resource.name)
        create_functions(connection, resource, account, statements)
    connection.create_module(
        journal_module.NAME,
        cast("apsw.VTModule", JournalModule(account.journal)),
        use_bestindex_object=True,
        eponymous_only=True,
        read_only=True,
    )
    own_tables.add_module(journal_module.NAME)
    return account
