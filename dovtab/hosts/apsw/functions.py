"""The engine's functions as SQL functions of apsw.

Each acts on the world or waits for it, so none is DETERMINISTIC (SQLite would
call it once for many rows), and all are DIRECTONLY: no view, trigger, default
or index in a stranger's database file can call them.

Source: https://sqlite.org/c3ref/c_deterministic.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import apsw

from dovtab.errors import Interrupted

if TYPE_CHECKING:
    from dovtab.engine.manifest import Function
    from dovtab.engine.reading.values import SqlValue
    from dovtab.engine.session import Session


def create_functions(connection: apsw.Connection, session: Session) -> None:
    """Register what the manifest lists."""
    for function in session.manifest.functions:
        connection.create_scalar_function(
            function.name,
            _as_sqlite_wants(session, function),
            -1,
            deterministic=False,
            flags=apsw.SQLITE_DIRECTONLY,
        )


def _as_sqlite_wants(session: Session, function: Function) -> Callable[..., SqlValue]:
    def call(*arguments: SqlValue) -> SqlValue:
        try:
            return session.call(function, arguments)
        except Interrupted as interrupted:
            raise apsw.InterruptError(str(interrupted)) from None

    return call
