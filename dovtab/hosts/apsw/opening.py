"""Which file it was that cannot be opened: SQLite's own words do not say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import apsw


@contextmanager
def naming(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Let an error of opening this file, or of reading it for the first time, name it."""
    try:
        yield
    except (apsw.CantOpenError, apsw.NotADBError) as error:
        name = os.fspath(path or "")
        if not str(error).endswith(name):
            error.args = (f"{error}: {name}",)
        raise
