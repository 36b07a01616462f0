"""What ``--verbose`` shows: what is logged of requests and waits, on stderr, a line each.

It comes from any thread, and between two drawings of the progress line, which is wiped
first.

Source: https://docs.python.org/3/howto/logging.html#configuring-logging-for-a-library
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from dovtab.api.logger import LOGGER
from dovtab.hosts.shell.progress import Progress


class Lines(logging.Handler):
    """Writes a line for each record, in place of what these progress lines show."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self._stream = stream
        self._shown: list[Progress] = []

    def wipe_first(self, progress: Progress) -> None:
        """This one draws on the same terminal."""
        self._shown.append(progress)

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; that the stream is gone is nothing that a request could fail for."""
        try:
            line = f"{self.format(record)}\n"
            for progress in self._shown[-1:]:
                progress.write(line)
            if not self._shown:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):
            return


@contextmanager
def shown(lines: Lines) -> Iterator[None]:
    """Have what is logged written there as long as this lasts."""
    before = LOGGER.level
    LOGGER.addHandler(lines)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(lines)
        LOGGER.setLevel(before)
