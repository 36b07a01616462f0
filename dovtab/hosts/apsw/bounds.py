"""How much a speculative run may cost: steps of SQLite's machine, time, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from dovtab.engine.reading.predictor import Predictor

# A run ends after so many steps; more if the statement has come far.
STEPS_BETWEEN_LOOKS = 10_000
MOST_LOOKS, LOOKS_PER_ASKED = 200, 2
# A longer text or blob is an error: a single function could take all memory.
LONGEST_VALUE = 100_000


@contextmanager
def bounded(connection: apsw.Connection, predictor: Predictor) -> Iterator[None]:
    """What runs on this connection meanwhile ends with an error if it takes too much."""
    looks_left = MOST_LOOKS + LOOKS_PER_ASKED * predictor.asked

    def is_long() -> bool:
        nonlocal looks_left
        looks_left -= 1
        return looks_left <= 0 or predictor.is_late

    longest = connection.limit(apsw.SQLITE_LIMIT_LENGTH)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(longest, LONGEST_VALUE))
    connection.set_progress_handler(is_long, STEPS_BETWEEN_LOOKS, id=is_long)
    try:
        yield
    finally:
        connection.set_progress_handler(None, id=is_long)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, longest)
