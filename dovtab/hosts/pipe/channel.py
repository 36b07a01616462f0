"""What one connection of a program asks for, and what the engine answers.

The extension asks, and waits for the answer; what is marked one-way has none. In
between an ``a`` says that somebody is still at work.

====  ==================================================  =================================
kind  from the extension                                  answer
====  ==================================================  =================================
H     version, the environment                            h: version, what is to be registered
T     a table: its number, what xConnect is given         t: writable or not, columns, schema
D     one-way: the table with this number is gone
B     xBestIndex: the table, its inputs                   b: the plan, if there is one
F     xFilter: calls, cursor, table, idxStr, values       r: whether this is all; rows
N     the next rows of a cursor                           r: the same
C     one-way: the cursor is closed
E     one-way: the statement has ended
S     a function: calls, its name, values                 v: a value
U     xUpdate: calls, table, operation, trigger, values   u: the rowid
Y     xSync: calls, the table                             k
Z     xDestroy: the table                                 k
X     one-way: the table, what befell the transaction
I     one-way, while an answer is awaited: stop
====  ==================================================  =================================

``calls``: the statements that are inside sqlite3_step, the one that is calling last; each is
described once. What goes wrong is answered by ``e``:
SQLite's code and a text.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from dovtab.api.settings import Settings, resolve_for_others
from dovtab.engine.manifest import Manifest
from dovtab.engine.session import Session
from dovtab.engine.statement import Statement
from dovtab.errors import ArgumentError, Interrupted, SettingsError
from dovtab.hosts.pipe import wire
from dovtab.hosts.pipe.calls import Calls
from dovtab.hosts.pipe.cursors import Cursors
from dovtab.hosts.pipe.stream import Ended, Stream
from dovtab.hosts.pipe.tables import Tables
from dovtab.hosts.pipe.wire import Reader, WireError
from dovtab.version import VERSION

PROTOCOL = 1
# https://sqlite.org/rescode.html
ERROR, INTERRUPT, CONSTRAINT = 1, 9, 19

TO_ACT = "to allow it, set DOVTAB_ALLOW_ACTIONS=1 before the program loads the extension"
NEVER = (
    "the program has loaded it for reading alone, as for strangers, and no setting allows it"
)

ONE_WAY = frozenset("CDEXI")

Answer = tuple[str, bytes]  # its letter and its body


class Channel:
    """A connection of a program's. It is the engine's `Host`, too.

    Args:
        connection: its socket; closed at the end.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._stream = Stream(connection, time.monotonic)
        self._session: Session

    def serve(self) -> None:
        """Answer until the connection is closed."""
        # Nothing that comes after what is not understood can be, either.
        with self._socket, suppress(Ended, WireError):
            self._serve()

    def is_interrupted(self) -> bool:
        """Whether the program does not want to wait any more."""
        return self._stream.is_stopped()

    def total_changes(self) -> None:
        """SQLite tells the extension of every row that is undone."""

    def run_ahead(self, copy: Statement) -> str:
        """Run this speculative copy beside its statement, on a connection of our own."""
        from dovtab.hosts.apsw.separate_run import run_separately

        created = list(self._tables.created.values())
        return run_separately(
            self._session, copy, self._calls.files, created, expanded=copy.bindings
        )

    def _serve(self) -> None:
        kind, body = self._stream.receive()
        if kind != "H":
            raise WireError(f"{kind!r} before H")
        if not self._answered(self._hello, Reader(body)):
            return
        try:
            while True:
                kind, body = self._stream.receive()
                if kind in ONE_WAY:
                    self._told(kind, Reader(body))
                else:
                    self._answered(partial(self._requested, kind), Reader(body))
        finally:
            self._session.statements.end_all()

    def _answered(self, request: Callable[[Reader], Answer], reader: Reader) -> bool:
        """Do what is asked for and say what came of it; whether it went well."""
        try:
            answer = request(reader)
        except (WireError, Ended):
            raise
        except Exception as error:
            code, text = code_of(error), " ".join(str(error).split())
            self._stream.send(
                "e", struct.pack("<i", code), wire.text(text or type(error).__name__)
            )
            return False
        self._stream.send(*answer)
        return True

    def _hello(self, reader: Reader) -> Answer:
        """The version and the environment; gives what there is to register."""
        version = reader.u32()
        if version != PROTOCOL:
            raise SettingsError(
                f"the extension speaks version {version} and the Python package {PROTOCOL}:"
                " install dovtab anew, and start the program again"
            )
        environment = {reader.text(): reader.text() for _ in range(reader.count())}
        reader.end()
        self._session = Session(settings(environment), self)
        manifest = self._session.manifest
        self._functions = {function.name: function for function in manifest.functions}
        self._calls = Calls(self._session.statements)
        self._tables, self._cursors = Tables(self._session), Cursors()
        return "h", registered(manifest)

    def _told(self, kind: str, reader: Reader) -> None:
        try:
            match kind:
                case "C":
                    self._cursors.close(reader.u32())
                case "D":
                    self._tables.disconnect(reader.u32())
                case "E":
                    self._calls.ended(reader.u32())
                case "X":
                    self._tables.befell(reader)
        except Exception as error:
            # Nobody waits to hear that it went wrong: then the rest would go wrong, too.
            raise Ended from error

    def _requested(self, kind: str, reader: Reader) -> Answer:
        match kind:
            case "T":
                return "t", self._tables.connect(reader)
            case "B":
                return "b", self._tables.best_index(reader)
            case "F":
                self._calls.read(reader)
                cursor, table = reader.u32(), self._tables.find(reader.u32())
                return "r", self._cursors.filter(cursor, table, reader)
            case "N":
                return "r", self._cursors.next(reader.u32())
            case "S":
                return "v", self._call(reader)
            case "U":
                return "u", self._update(reader)
            case "Y":
                self._calls.read(reader)
                self._tables.sync(reader.u32())
                return "k", b""
            case "Z":
                self._tables.destroy(reader.u32())
                return "k", b""
        raise WireError(f"a request {kind!r}")

    def _call(self, reader: Reader) -> bytes:
        self._calls.read(reader)
        name, values = reader.text(), [wire.plain(value) for value in reader.values()]
        reader.end()
        if name not in self._functions:
            raise WireError(f"no function {name}")
        return wire.value(self._session.call(self._functions[name], values))

    def _update(self, reader: Reader) -> bytes:
        self._calls.read(reader)
        if reader.u8():
            self._calls.triggered()
        try:
            return self._tables.update(reader)
        except ArgumentError as error:
            raise BadRow(str(error)) from None


class BadRow(ArgumentError):
    """A row that cannot be inserted: to SQLite a constraint that fails."""


def code_of(error: Exception) -> int:
    """What SQLite calls it."""
    if isinstance(error, Interrupted):
        return INTERRUPT
    return CONSTRAINT if isinstance(error, BadRow) else ERROR


def settings(environment: Mapping[str, str]) -> Settings:
    """Those of a program that has loaded the extension.

    Raises:
        SettingsError: a variable has a value that is not allowed.
    """
    # To let a program load an extension is not to say that it may act.
    resolved = resolve_for_others({}, environment.get, environment.keys)
    return replace(resolved, to_act=NEVER if environment.get("DOVTAB_READING") else TO_ACT)


def registered(manifest: Manifest) -> bytes:
    """The manifest as it goes over the wire, after the version.

    A program that has another helper later takes it only if this is the same to the letter:
    the names of a newer version could mean something else.
    """
    parts = [wire.text(VERSION), wire.number(len(manifest.modules))]
    for module in manifest.modules:
        parts += [wire.text(module.name), bytes((module.creatable, module.writable))]
    parts.append(wire.number(len(manifest.functions)))
    for function in manifest.functions:
        parts += [wire.text(function.name), bytes((function.acts,))]
    return b"".join(parts)
