"""What INSERT has asked for, until COMMIT sends it or ROLLBACK drops it.

SQLite tells a virtual table of savepoints, so that it can undo what SQLite
undoes.

Pure. Source: https://sqlite.org/vtab.html#the_xsavepoint_xrelease_and_xrollbackto_methods
"""

from __future__ import annotations

from collections.abc import Iterator

from dovtab.engine.acting.posts import Post


class Queue:
    """The POSTs of a transaction, in their order."""

    def __init__(self) -> None:
        self._posts: list[Post] = []
        self._lengths: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._posts)

    def add(self, post: Post) -> None:
        """One more row was inserted."""
        self._posts.append(post)

    def __iter__(self) -> Iterator[Post]:
        return iter(self._posts)

    def clear(self) -> list[Post]:
        """Begin, commit and roll back all start from nothing; gives what there was."""
        posts, self._posts, self._lengths = self._posts, [], {}
        return posts

    def cut(self, length: int) -> None:
        """Only so many, the first, are still asked for."""
        del self._posts[length:]

    def savepoint(self, number: int) -> None:
        """A savepoint is set."""
        self._lengths[number] = len(self._posts)

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
