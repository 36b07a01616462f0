"""dovtab as a contestant.

It keeps to the API's rate limit by itself. The others know of no limit, so for what
takes more than a minute's requests it is left out: dovtab gets a clock that runs fast.
Nothing is taken from a cache.
"""

from __future__ import annotations

import itertools
from tempfile import TemporaryDirectory

import apsw

from benchmarks.clock import FastClock
from benchmarks.loop import Row
from benchmarks.questions import Question
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach

_tokens = itertools.count()


class Dovtab:
    """The contestant. A token of its own gives it its own quota and connections.

    Args:
        url: the API's.
        inventory: the Droplets of the table ``inventory``.
        account_list: the setting.
        limited: it keeps to the rate limit.
    """

    def __init__(
        self,
        url: str,
        inventory: tuple[int, ...] = (),
        *,
        account_list: bool = True,
        limited: bool = False,
    ) -> None:
        self._db = apsw.Connection(":memory:")
        self._folder = TemporaryDirectory()
        settings = {
            "token": f"benchmark{next(_tokens)}",
            "api_url": url,
            "cache_seconds": 0,
            "max_requests": 1_000_000,
            "max_wait_seconds": 86_400,
            "quota_folder": self._folder.name,
            "account_list": account_list,
        }
        clock = None if limited else FastClock()
        attach(self._db, resolve(settings, lambda _: None), clock)
        self._db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY)")
        self._db.executemany("INSERT INTO inventory VALUES (?)", [(id,) for id in inventory])

    def ask(self, question: Question) -> list[Row]:
        return list(self._db.execute(question.sql, question.bindings))

    def count(self, question: Question) -> int:
        """How many rows, keeping none."""
        return sum(1 for _ in self._db.execute(question.sql, question.bindings))

    def close(self) -> None:
        self._db.close()
        self._folder.cleanup()
