"""Which account a table is of, by what CREATE VIRTUAL TABLE has in brackets.

Pure. Source: https://sqlite.org/lang_createvtab.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dovtab.errors import SettingsError

if TYPE_CHECKING:
    from dovtab.engine.reading.values import SqlValue


def context_named(module: str, database: str, arguments: Sequence[SqlValue]) -> str | None:
    """The context in ``CREATE VIRTUAL TABLE temp.x USING droplet_actions(context=prod)``.

    Nothing else may be said there, and only in the temporary database: a file
    is no place for a token, and a stranger's file must choose neither whose
    token is used nor which host it is sent to.

    Raises:
        SettingsError: something else is said, or somewhere else.
    """
    if arguments and database != "temp":
        raise SettingsError(
            "a context is chosen in the temp database only:"
            f" CREATE VIRTUAL TABLE temp.NAME USING {module}(context=NAME)"
        )
    context = None
    for argument in arguments:
        name, equals, value = str(argument).partition("=")
        if name.strip() != "context" or not equals or context is not None:
            raise SettingsError(
                f"USING {module}(...) takes one argument, context=NAME,"
                " the name of a context: no token is written there"
            )
        context = value.strip().strip("'\"").strip()
        if not context:
            raise SettingsError("context= needs the name of a context")
    return context
