"""The plugin of Datasette and of sqlite-utils: every connection they open gets the tables.

Both find it by its entry point, and nothing else imports it. It is there in all that
runs in their environment, so it does nothing where no token is configured, and where
there is no extension, or a file has a table of that name, it says so and the tool goes
on without. Others write the SQL there: nothing can be started, whatever the
environment allows.

Sources: https://docs.datasette.io/en/stable/plugin_hooks.html#prepare-connection-conn-database-datasette
https://sqlite-utils.datasette.io/en/stable/plugins.html#prepare-connection-conn
"""

from __future__ import annotations

import os
import sqlite3
import sys
from functools import lru_cache

# It is theirs, and dovtab does not depend on it.
from pluggy import HookimplMarker

from dovtab.api.credentials import is_configured
from dovtab.errors import SettingsError
from dovtab.hosts import loadable


@HookimplMarker("datasette")
@HookimplMarker("sqlite_utils")
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Load the extension, for reading alone."""
    if not is_configured(os.getenv):
        return
    try:
        loadable.load(conn, loadable.READING)
    except (SettingsError, sqlite3.Error) as error:
        _say(f"without droplet_actions: {error}")


@lru_cache
def _say(text: str) -> None:
    """Once of each text: such tools open many connections, and show no log."""
    print(f"dovtab: {text}", file=sys.stderr, flush=True)
