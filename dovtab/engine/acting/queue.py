"""What INSERT has asked for, until COMMIT sends it or ROLLBACK drops it.

SQLite tells a virtual table of savepoints, so that it can undo what SQLite
undoes.

Pure. Source: https://sqlite.org/vtab.html#the_xsavepoint_xrelease_and_xrollbackto_methods
"""

from __future__ import annotations

from dovtab.api.exchange import Request


class Queue:
    """The requests of a transaction, in their order."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._lengths: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Request) -> None:
        """One more row was inserted."""
        self._requests.append(request)

    def clear(self) -> list[Request]:
        """Begin, commit and roll back all start from nothing; gives what there was."""
        requests, self._requests, self._lengths = self._requests, [], {}
        return requests

    def cut(self, length: int) -> None:
        """Only so many, the first, are still asked for."""
        del self._requests[length:]

    def savepoint(self, number: int) -> None:
        """A savepoint is set."""
        self._lengths[number] = len(self._requests)

    def release(self, number: int) -> None:
        """Forget this savepoint and those within it."""
        self._lengths = {n: length for n, length in self._lengths.items() if n < number}

    def rollback_to(self, number: int) -> None:
        """Drop what came after this savepoint; it stays.

        Of one that was set before the table took part nobody has told us, and
        -1 is the transaction itself: then all of it came after.
        """
        self.cut(self._lengths.get(number, 0))
        self._lengths = {n: length for n, length in self._lengths.items() if n <= number}
