"""A statement's speculative run on a connection of our own.

It opens the user's database files a second time, to read them only, so that nothing
of the user's connection is touched: not its authorizer, not its trace. The user's
statement is waiting meanwhile and has these files locked for reading itself, so
nobody is kept from writing who would not be anyway. What this connection does not
have, memory and temporary tables, functions of the user's own, another VFS, fails, and
is simply not predicted.

Source: https://sqlite.org/uri.html
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import cast
from urllib.parse import quote

import apsw

from dovtab.engine.manifest import RECORDS
from dovtab.engine.session import Session
from dovtab.engine.statement import Statement
from dovtab.hosts.apsw.bounds import bounded
from dovtab.hosts.apsw.module import Module
from dovtab.hosts.apsw.safe_tables import SafeTables
from dovtab.hosts.apsw.speculative_run import READING, REFUSED, WRITES

# SQLite's own, and not one of the user's that is the default.
VFS = "win32" if os.name == "nt" else "unix"
# No statement of the user's has this number.
_COPY = -1


def run_separately(
    session: Session,
    copy: Statement,
    files: Mapping[str, str],
    created: Iterable[str] = (),
    *,
    expanded: str | None = None,
) -> str:
    """Run this speculative copy of a statement to its end, if it can be run here.

    Gives why it cannot; "": it could.

    Args:
        files: the databases of the user's connection, main first.
        created: the statements that made its temporary tables of ours.
        expanded: the statement's text with what its parameters are bound to in it.
    """
    predictor = copy.predictor
    if predictor is None or not copy.reads:
        return WRITES
    if not any(files.values()):
        return "its databases are no files"
    if apsw.connection_hooks:
        return "apsw.connection_hooks would be called for another connection"
    statements, executing = session.statements, session.statements.executing
    connection: apsw.Connection | None = None
    try:
        connection = _open(session, files, created)
        connection.authorizer = _authorize
        statements.began(_COPY, copy)
        statements.executing = [_COPY]
        with bounded(connection, predictor):
            rows = connection.execute(
                expanded or copy.text,
                None if expanded else copy.bindings,
                prepare_flags=apsw.SQLITE_PREPARE_DONT_LOG,
            )
            for _ in rows:
                pass
    except Exception as error:
        # Once it is under way, whatever goes wrong in it is nobody's business.
        return "" if predictor.found else " ".join(str(error).split())
    finally:
        # First, and whatever has ended it, Ctrl-C too: what comes next is not the copy's.
        statements.executing = executing
        statements.ended(_COPY)
        if connection is not None:
            connection.close(True)
    return ""


def _open(
    session: Session, files: Mapping[str, str], created: Iterable[str]
) -> apsw.Connection:
    main, *attached = [(n, f) for n, f in files.items() if n != "temp"] or [("main", "")]
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(_uri(session, main[1]), flags=flags, vfs=VFS)
    for name, file in attached:
        connection.execute("ATTACH ? AS ?", (_uri(session, file), name))
    module = cast("apsw.VTModule", Module(session, SafeTables()))
    for entry in session.manifest.modules:
        if entry.name not in RECORDS:
            connection.create_module(
                entry.name, module, use_bestindex_object=True, eponymous=True, read_only=True
            )
    for statement in created:
        connection.execute(statement)
    return connection


def _uri(session: Session, file: str) -> str:
    if not file:
        return "file::memory:"
    log = session.log
    # Two copies of SQLite in a process must not have the same file open.
    if log is not None and log.exists() and log.samefile(file):
        raise OSError(f"{file} is the log")
    _check(Path(file))
    return f"file:{quote(os.fsencode(file))}?mode=ro"


class _Opened(apsw.VFSFile):
    def close(self) -> None:
        self.xClose()


def _check(file: Path) -> None:
    """See that it can be opened without a wait, and that nothing is made beside it.

    Raises:
        OSError: it cannot.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(f"{file} is no file")
    # By SQLite: whoever else closes a file ends the locks that this process has on it.
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
    with closing(_Opened(VFS, str(file), [flags, 0])) as opened:
        # https://sqlite.org/fileformat.html#file_format_version_numbers
        writes_ahead = opened.xRead(20, 0)[18:] == b"\2\2"
    beside = (Path(f"{file}-wal"), Path(f"{file}-shm"))
    if writes_ahead and not all(path.exists() for path in beside):
        raise OSError(f"{file} has no -wal or -shm beside it")


def _authorize(operation: int, first: str | None, second: str | None, *others: object) -> int:
    if operation == apsw.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in REFUSED
    else:
        allowed = operation in READING or operation == apsw.SQLITE_READ
    return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY
