"""A program that uses dovtab by one of its doors: ``python -m benchmarks.client DOOR FILE``.

It reads questions, one JSON object a line, and says how long they took. Settings come
from the environment, as the extension's do. ``load`` for DOOR measures loading itself.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from typing import Any, TypedDict

import dovtab
from benchmarks.clock import FAST, FastClock
from dovtab.errors import SettingsError


class Measured(TypedDict):
    """What is said of a question.

    Attributes:
        seconds: of each time that it was asked.
        processor: seconds of all of them, in this process.
        rows: of the last.
    """

    seconds: list[float]
    processor: float
    rows: int


def apsw(path: str) -> Any:
    import apsw

    from dovtab.api.settings import resolve
    from dovtab.hosts.apsw.connection import attach

    db = apsw.Connection(path)
    attach(db, resolve({}, os.getenv), FastClock() if FAST in os.environ else None)
    return db


def extension(path: str) -> Any:
    db = sqlite3.connect(path, isolation_level=None)
    dovtab.load(db)
    return db


def measure(db: Any, sql: str, bindings: Sequence[int], times: int) -> Measured:
    """Ask so many times, keeping no row."""
    seconds, rows, processor = [], 0, time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        rows = sum(1 for _ in db.execute(sql, bindings))
        seconds.append(time.perf_counter() - began)
    return Measured(seconds=seconds, processor=time.process_time() - processor, rows=rows)


def load() -> list[float]:
    """Seconds from opening a connection to the end of loading: the first, and another."""
    from dovtab.hosts import loadable

    seconds = []
    kept = []
    for _ in range(2):
        began = time.perf_counter()
        db = sqlite3.connect(":memory:")
        loadable.load(db)
        seconds.append(time.perf_counter() - began)
        kept.append(db)
    for db in kept:
        db.close()
    return seconds


def main(door: str, path: str) -> None:
    try:
        if door == "load":
            say(load())
            return
        db = {"apsw": apsw, "extension": extension}[door](path)
    except SettingsError as error:
        say(str(error))
        return
    say([])
    for line in sys.stdin:
        say(measure(db, **json.loads(line)))
    db.close()


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
