"""What type checkers and editors know of the settings: their names, and what to write.

A value may come from a text, too: of a variable, of an option, of a URL. Here is what a
program should say, which is less than what ``settings`` accepts. None is allowed where it
means something.

Source: https://typing.readthedocs.io/en/latest/spec/callables.html#unpack-kwargs
"""

from __future__ import annotations

import os
from typing import TypedDict


class SettingsDict(TypedDict, total=False):
    """The keywords of `dovtab.connect`, `register`, `refresh` and `dovtab.dbapi.connect`.

    For your own functions that pass them on::

        def fleet(**settings: Unpack[dovtab.SettingsDict]) -> apsw.Connection:
            return dovtab.connect("fleet.db", **settings)
    """

    token: str | None
    """The API token; None: the context's or the environment's, or doctl's."""
    context: str | None
    """The name of a context, instead of the token; None: doctl's current one."""
    all_contexts: bool
    """Have tables over all contexts, too."""
    api_url: str
    """Where the API is: https://, or http:// for a loopback address; without the /v2."""
    allow_actions: bool
    """Whether SQL may start actions."""
    dry_run: bool
    """Give the request an action would send, and send nothing."""
    max_actions: int
    """On how many Droplets a transaction, or a statement of functions, may act; 0: any number."""
    log: str | os.PathLike[str] | None
    """The file of the log of actions; None: there is none."""
    concurrency: int
    """Requests at once, 1 to 64."""
    cache_seconds: float
    """How long an answer may be used again."""
    look_ahead: bool
    """Find out what a join is going to ask for, and ask side by side."""
    account_list: bool
    """Read one list of all in place of many lists, if it has fewer pages."""
    max_requests: int
    """Requests a statement may make."""
    max_wait_seconds: float
    """How long to wait for the rate limit."""
    quota_folder: str | os.PathLike[str] | None
    """Where a user's processes share what they know of the quota; None: each counts for itself."""
    timeout_seconds: float
    """How long one request may take."""
