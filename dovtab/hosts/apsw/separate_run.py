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
from collections.abc import Iterable, Mapping
from typing import cast
from urllib.parse import quote

import apsw

from dovtab.engine.session import Session
from dovtab.engine.statement import Statement
from dovtab.hosts.apsw.bounds import bounded
from dovtab.hosts.apsw.module import Module
from dovtab.hosts.apsw.safe_tables import SafeTables
from dovtab.hosts.apsw.speculative_run import READING, REFUSED, WRITES

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
    statements, executing = session.statements, session.statements.executing
    connection: apsw.Connection | None = None
    alone = ""
    try:
        connection = _open(session, files, created)
        connection.authorizer = _authorize
        statements.began(_COPY, copy)
        statements.executing = [_COPY]
        with bounded(connection, predictor):
            rows = connection.execute(
                expanded or copy.text, None if expanded else copy.bindings
            )
            for _ in rows:
                pass
    except Exception as error:
        # Once it is under way, whatever goes wrong in it is nobody's business.
        alone = "" if predictor.found else " ".join(str(error).split())
    if connection is not None:
        connection.close(True)
    statements.executing = executing
    statements.ended(_COPY)
    return alone


def _open(
    session: Session, files: Mapping[str, str], created: Iterable[str]
) -> apsw.Connection:
    main, *attached = [(n, f) for n, f in files.items() if n != "temp"] or [("main", "")]
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(_uri(session, main[1]), flags=flags)
    for name, file in attached:
        connection.execute("ATTACH ? AS ?", (_uri(session, file), name))
    module = cast("apsw.VTModule", Module(session, SafeTables()))
    for entry in session.manifest.modules:
        if entry.creatable:
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
    return f"file:{quote(os.fsencode(file))}?mode=ro"


def _authorize(operation: int, first: str | None, second: str | None, *others: object) -> int:
    if operation == apsw.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in REFUSED
    else:
        allowed = operation in READING or operation == apsw.SQLITE_READ
    return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY
