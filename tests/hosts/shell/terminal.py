"""A terminal for the command: what somebody who sits there sees."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pexpect
import pyte

_PATIENCE_SECONDS = 20
_COMMAND = [sys.executable, "-m", "dovtab"]


class Terminal:
    """A program on a terminal of so many columns.

    Args:
        arguments: of the command.
    """

    def __init__(self, arguments: list[str], columns: int, **environment: str) -> None:
        self._screen = pyte.HistoryScreen(columns, 50, history=5000)
        self._stream = pyte.ByteStream(self._screen)
        self._program = pexpect.spawn(
            _COMMAND[0],
            [*_COMMAND[1:], *arguments],
            dimensions=(50, columns),
            env=os.environ | {"TERM": "xterm-256color"} | environment,
            timeout=_PATIENCE_SECONDS,
        )

    def type(self, text: str) -> None:
        """Press these keys."""
        self._program.send(text)

    def lines(self) -> list[str]:
        """All that has been shown, and is still there."""
        above = [
            "".join(row[place].data for place in range(self._screen.columns))
            for row in self._screen.history.top
        ]
        return [line.rstrip() for line in [*above, *self._screen.display]]

    def text(self) -> str:
        return "\n".join(self.lines()).rstrip()

    def until(self, seen: Callable[[str], Any]) -> str:
        """What is shown as soon as it is what is waited for."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not seen(self.text()):
            assert time.monotonic() < deadline, self.text()
            try:
                self._stream.feed(self._program.read_nonblocking(65536, timeout=0.05))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert seen(self.text()), self.text()
        return self.text()

    def to_the_end(self) -> str:
        """All that is shown when the program has ended."""
        while True:
            try:
                self._stream.feed(self._program.read_nonblocking(65536, timeout=1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                self._program.wait()
                return self.text()

    @property
    def colours(self) -> set[tuple[str, str]]:
        """The colours of all that is to be seen: of the text, and of the ground."""
        rows = [*self._screen.history.top, *self._screen.buffer.values()]
        return {(c.fg, c.bg) for row in rows for c in row.values() if c.data.strip()}

    def close(self) -> None:
        self._program.close(force=True)
