"""What INSERT has asked for, until COMMIT sends it or ROLLBACK drops it.

SQLite tells a virtual table of savepoints, its own for a statement included.
What it does not tell, because apsw is busy with a Python exception, is that it
has undone a statement which failed: then the statement's savepoint is still
there when the statement has ended, and what came after it goes.

Pure. Source: https://sqlite.org/vtab.html#the_xsavepoint_xrelease_and_xrollbackto_methods
"""

from __future__ import annotations

from dataclasses import dataclass

from dovtab.api.exchange import Request


@dataclass(frozen=True, slots=True)
class _Mark:
    length: int
    statement: object


class Queue:
    """The requests of a transaction, in their order."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._marks: dict[int, _Mark] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Request) -> None:
        """One more row was inserted."""
        self._requests.append(request)

    def clear(self) -> list[Request]:
        """Begin, commit and roll back all start from nothing; gives what there was."""
        requests, self._requests, self._marks = self._requests, [], {}
        return requests

    def savepoint(self, number: int, statement: object) -> None:
        """``statement`` sets a savepoint: for itself, or because it is a SAVEPOINT."""
        self._marks[number] = _Mark(len(self._requests), statement)

    def release(self, number: int) -> None:
        """Forget this savepoint and those within it."""
        self._marks = {n: mark for n, mark in self._marks.items() if n < number}

    def rollback_to(self, number: int) -> None:
        """Drop what came after this savepoint; it stays.

        Of one that was set before the table took part nobody has told us, and
        -1 is the transaction itself: then all of it came after.
        """
        mark = self._marks.get(number)
        del self._requests[mark.length if mark else 0 :]
        self._marks = {n: mark for n, mark in self._marks.items() if n <= number}

    def stands(self, statement: object) -> None:
        """The statement fails, but what it has done so far stays: ``OR FAIL``."""
        self._marks = {n: m for n, m in self._marks.items() if m.statement is not statement}

    def ended(self, statement: object) -> None:
        """The statement has ended. If its own savepoint is there, it was undone.

        A SAVEPOINT has inserted nothing when it ends, and its mark stays.
        """
        for number, mark in list(self._marks.items()):
            if mark.statement is statement and len(self._requests) > mark.length:
                del self._requests[mark.length :]
                del self._marks[number]
