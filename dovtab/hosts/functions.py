"""POST operations, and waiting, as SQL functions.

Each acts on the world or waits for it, so none is DETERMINISTIC (SQLite would
call it once for many rows), and all are DIRECTONLY: no view, trigger, default
or index in a stranger's database file can call them.

Source: https://sqlite.org/c3ref/c_deterministic.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import apsw

from dovtab.errors import ArgumentError, Interrupted

if TYPE_CHECKING:
    from dovtab.engine.account import Account
    from dovtab.engine.statement import Statement
    from dovtab.engine.values import SqlValue
    from dovtab.engine.waits import Waits
    from dovtab.resources import Resource

Function = Callable[..., str]


def create_functions(
    connection: apsw.Connection,
    resource: Resource,
    account: Callable[[], Account],
    waits: Callable[[], Waits],
    calling: Callable[[str], Statement],
) -> None:
    """Register the resource's functions on the connection.

    Args:
        account: gives the one to act on; called when there is something to do.
        waits: gives what is known of actions that are waited for.
        calling: gives the statement that calls a function of this name.
    """

    def post(*arguments: SqlValue) -> str:
        from dovtab.engine import act

        statement = calling(f"{resource.name}_post")
        return act.post(resource, account(), statement, *arguments)

    def post_by_tag(*arguments: SqlValue) -> str:
        from dovtab.engine import act

        statement = calling(f"{resource.name}_post")
        return act.post_by_tag(resource, account(), statement, *arguments)

    def wait(*arguments: SqlValue) -> str:
        from dovtab.engine import act

        return act.wait(resource, account(), waits(), *arguments)

    for name, function, arguments in (
        ("post", post, "droplet_id, type [, attributes]"),
        ("post_by_tag", post_by_tag, "tag_name, type [, attributes]"),
        ("wait", wait, "droplet_id, action_id [, timeout_seconds]"),
    ):
        full_name = f"{resource.name}_{name}"
        connection.create_scalar_function(
            full_name,
            _as_sqlite_wants(f"{full_name}({arguments})", function),
            -1,
            deterministic=False,
            flags=apsw.SQLITE_DIRECTONLY,
        )


def _as_sqlite_wants(usage: str, function: Function) -> Function:
    def call(*arguments: SqlValue) -> str:
        # SQLite's own message for a wrong count does not say what is right.
        if not 2 <= len(arguments) <= 3:
            raise ArgumentError(f"it is called as {usage}")
        try:
            return function(*arguments)
        except Interrupted as interrupted:
            raise apsw.InterruptError(str(interrupted)) from None

    return call
