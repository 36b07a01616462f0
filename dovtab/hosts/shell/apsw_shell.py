"""apsw's shell, and nothing of what it imports before that is needed.

The shell is one file; what it imports for the rarest of its commands is ten times as
much. It is as it was, but that comes when it is used.

Source: https://rogerbinns.github.io/apsw/shell.html
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import apsw

from dovtab.hosts.shell.stand_ins import StandIn, standing_in


class _Ext(StandIn):
    """In the place of apsw.ext, of which every statement wants one thing, for ``.timer``."""

    def ShowResourceUsage(self, file: Any, **options: Any) -> AbstractContextManager[object]:
        if file is None:
            return nullcontext()
        usage: AbstractContextManager[object] = self.__getattr__("ShowResourceUsage")(
            file, **options
        )
        return usage


_RARE = ["argparse", "code", "csv", "shlex", "tempfile", "webbrowser"]
_RARE += ["apsw.fts5", "apsw.sqlite_extra"]

with standing_in([*map(StandIn, _RARE), _Ext("apsw.ext")]):
    import apsw.shell

# What can make a table of FTS5's, or bring one.
_FTS5 = re.compile(r"fts5|attach", re.I)


class Shell(apsw.shell.Shell):
    """apsw's, but that it extends FTS5 when there can be a table of FTS5's."""

    _may_wait, _waits = True, False

    def _apply_fts(self) -> None:
        # A database that was just made in memory has no table.
        self._waits = self._may_wait and self._db is not None and self.dbfilename == ":memory:"
        if not self._waits:
            self._extend()

    def _extend_now(self) -> None:
        if self._waits:
            self._waits = False
            self._extend()

    def _extend(self) -> None:
        theirs: Any = super()
        theirs._apply_fts()

    def _query_details(self, sql: str, bindings: Any) -> Any:
        if _FTS5.search(sql):
            self._extend_now()
        return super()._query_details(sql, bindings)

    def process_command(self, command: str) -> None:
        # Some fill databases, and some prepare statements in their own way.
        self._may_wait = False
        self._extend_now()
        theirs: Any = super()
        theirs.process_command(command)
