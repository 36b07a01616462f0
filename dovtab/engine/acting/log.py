"""Every POST of this user on this machine, in a file that outlives the process.

A POST is written down, and on the disk, before it is sent: a log that cannot be
written means that nothing is sent. What became of it is written after. Nothing in
the file is ever changed: what is found out later is one more booking, and the last
one counts. The token is not in it, only a fingerprint that tells one from another.

The file is opened for each booking, and not kept open. SQLite's locks on it would not
outlast a fork, and a file that was taken away would still be written to: either way
POSTs would be written down where nobody finds them.

Sources: https://sqlite.org/wal.html, https://sqlite.org/howtocorrupt.html,
https://sqlite.org/pragma.html#pragma_synchronous,
https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import errno
import getpass
import json
import os
import socket
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from dovtab.api.token import Token
from dovtab.engine.acting.entry import Entry
from dovtab.engine.acting.posts import Post, Started
from dovtab.engine.acting.processes import identity
from dovtab.engine.journal import rfc3339
from dovtab.errors import LogError

_APPLICATION_ID = 0x646F7674  # "dovt"
_SCHEMA = f"""
    BEGIN IMMEDIATE;
    PRAGMA application_id = {_APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS post(
        id INTEGER PRIMARY KEY, asked_at TEXT NOT NULL, user TEXT, host TEXT, pid INTEGER,
        process TEXT, token TEXT, api_url TEXT, context TEXT, sql TEXT, table_name TEXT,
        parent INTEGER, tag_name TEXT, targets TEXT, type TEXT, attributes TEXT);
    CREATE TABLE IF NOT EXISTS booking(
        id INTEGER PRIMARY KEY, post INTEGER NOT NULL REFERENCES post, booked_at TEXT NOT NULL,
        outcomes TEXT NOT NULL, request_id TEXT);
    CREATE INDEX IF NOT EXISTS booking_of_post ON booking(post);
    CREATE TABLE IF NOT EXISTS told(post INTEGER PRIMARY KEY REFERENCES post);
    {{guards}}
    COMMIT;
"""
_ONLY_ADDED_TO = """
    CREATE TRIGGER IF NOT EXISTS {table}_{event} BEFORE {event} ON {table}
    BEGIN SELECT RAISE(ABORT, 'the log of actions is only added to'); END;
"""
_KIND = """
    SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id
"""
_LAST = """
    SELECT post.*, outcomes, request_id, booked_at
    FROM post LEFT JOIN booking ON booking.id =
        (SELECT max(id) FROM booking WHERE booking.post = post.id)
"""
# Of a host that we cannot ask whether a process still runs: by then its POST is over.
_OVER_SECONDS = 3600.0
_LONGEST_SQL = 10_000
_BUSY_SECONDS = 10.0


class ActionLog:
    """The log in one file.

    Args:
        path: None: there is no log.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._lock = self._new_lock()
        self._process = os.getpid()
        self._tokens: set[Token] = set()

    def asked(self, post: Post, now: float, api_url: str, token: Token) -> int | None:
        """Write down a POST that is about to be sent; gives its number, to book with.

        Args:
            now: seconds since 1970.

        Raises:
            LogError: it cannot be written.
        """
        if self._path is None:
            return None
        with self._writing() as file:
            self._tokens.add(token)
            targets = None if post.targets is None else json.dumps(sorted(post.targets))
            sql = token.removed_from(post.sql)[:_LONGEST_SQL]
            attributes, tag_name = (
                text and token.removed_from(text) for text in (post.attributes, post.tag_name)
            )
            values = (
                *(rfc3339(now), *_who(), os.getpid(), identity(os.getpid())),
                *(token.fingerprint(), api_url, post.context, sql, post.table.name),
                *(post.parent, tag_name, targets, post.type, attributes),
            )
            marks = ", ".join("?" * len(values))
            cursor = file.execute(f"INSERT INTO post VALUES (NULL, {marks})", values)
            if cursor.rowcount != 1:
                raise sqlite3.DatabaseError("it takes no rows")
            return cursor.lastrowid

    def booked(self, post: Post, now: float) -> None:
        """Write down what has become of it.

        Raises:
            LogError: it cannot be written.
        """
        if post.logged is not None:
            self.book(post.logged, post.outcomes(), post.request_id, now)

    def book(
        self, id: int, outcomes: Sequence[Started], request_id: str | None, now: float
    ) -> None:
        """The same for a POST that is only known from the log."""
        with self._writing() as file:
            text = json.dumps(outcomes, ensure_ascii=False)
            for token in self._tokens:  # An error names what has the tag.
                text = token.removed_from(text)
            values = id, rfc3339(now), text, request_id
            file.execute("INSERT INTO booking VALUES (NULL, ?, ?, ?, ?)", values)

    def entries(self, where: str = "") -> Iterator[Entry]:
        """All that is in it, oldest first; nothing if there is no such file yet.

        Raises:
            LogError: there is no log, or it cannot be read.
        """
        if self._path is None:
            raise LogError("there is no log of actions: the setting log is off")
        with self._telling():
            path = self._found_path()
            if not path.exists():
                return
            # A connection of its own: whoever reads may stop half-way, and never come back.
            with closing(_connect(path)) as file:
                if _is_log(file):
                    for row in file.execute(f"{_LAST} {where} ORDER BY post.id"):
                        yield Entry.of(row)

    def told(self, entries: Sequence[Entry]) -> None:
        """Somebody has been told of these, which is enough.

        Raises:
            LogError: it cannot be written.
        """
        with self._writing() as file:
            rows = [(entry.id,) for entry in entries]
            file.executemany("INSERT OR IGNORE INTO told VALUES (?)", rows)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._process != os.getpid():  # Who held it at the fork is not here.
            self._lock, self._process = self._new_lock(), os.getpid()
        with self._lock, self._telling(), closing(self._open()) as file:
            _prepare(file)
            yield file

    def _new_lock(self) -> threading.Lock:
        """A lock that the end of the program takes, and keeps.

        Requests go on in threads that Python does not wait for: one that is writing to the
        log is waited for, and none may begin when Python is being taken down.
        """
        lock = threading.Lock()
        weakref.finalize(self, lock.acquire, timeout=_BUSY_SECONDS)
        return lock

    def _open(self) -> sqlite3.Connection:
        path = self._found_path()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite would make it for all to read; its journals get the same mode. If it is
        # there, another thread may be using it, and its locks would end with our close.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return _connect(path)

    def _found_path(self) -> Path:
        assert self._path is not None
        try:
            return Path(self._path).expanduser()
        except RuntimeError as error:
            raise OSError(errno.ENOENT, str(error)) from None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise LogError(
                f"the log of actions ({self._path}) cannot be used: {why} (DOVTAB_LOG names"
                " another file, or is off)"
            ) from None


def is_running(entry: Entry, now: float) -> bool:
    """Whether the process that asked for it may still be waiting for the answer."""
    if entry.host != socket.gethostname():
        return str(entry.asked_at) > rfc3339(now - _OVER_SECONDS)
    try:
        return identity(entry.pid) == entry.process
    except (OverflowError, TypeError, ValueError):  # No process has such a number.
        return False


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _prepare(file: sqlite3.Connection) -> None:
    file.execute("PRAGMA synchronous = FULL")
    if not _is_log(file):
        guards = (
            _ONLY_ADDED_TO.format(table=table, event=event)
            for table in ("post", "booking", "told")
            for event in ("UPDATE", "DELETE")
        )
        file.executescript(_SCHEMA.format(guards="".join(guards)))
    # For this SQLite does not wait until nobody else is reading.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            file.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_SECONDS / 1000)
        else:
            return


def _is_log(file: sqlite3.Connection) -> bool:
    """Whether it is one already; False: it is empty, and can become one."""
    # In one statement: somebody else may be making it just now.
    application, tables = file.execute(_KIND).fetchone()
    if tables and application != _APPLICATION_ID:
        raise sqlite3.DatabaseError("it is another database")
    return bool(tables)


def _who() -> tuple[str, str]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # A number that has no name here.
        user = str(os.getuid())
    return user, socket.gethostname()
