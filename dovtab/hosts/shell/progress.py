"""What a shell shows of a statement: how far it is, and what it started.

While a statement that takes long is waiting, a line on the terminal shows how many
requests were made and how many are known to be needed, or how many actions have
ended, and how long the quota will hold up the next. It is gone before anything else can be printed, and it is drawn
while somebody waits anyway, in his own thread. What is logged meanwhile comes from any.

Source: https://tqdm.github.io/
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Never, TextIO

from dovtab.engine.manifest import POSTS
from dovtab.engine.statement import Statement, now

if TYPE_CHECKING:
    from tqdm import tqdm

PATIENCE_SECONDS = 1.0
# A line that is drawn more often cannot be read, and costs more than what it tells of.
BETWEEN_SECONDS = 0.25
_FORMAT = "{desc} [{elapsed}{postfix}]"


class Progress:
    """Observes the statements of one shell.

    Args:
        stream: where it says what was started.
        draws: whether that is a terminal, on which a line can be drawn.
        asks: whether somebody sits there who can answer.
        clock: gives nanoseconds, as the statements have them.
        logged: whether waits are written there by whoever shows what is logged.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        draws: bool = True,
        asks: bool = False,
        clock: Callable[[], int] = now,
        logged: bool = False,
    ) -> None:
        self.asks = asks
        # The table that has more of it, as long as anybody can ask.
        self.see = POSTS
        self._clock = clock
        self._stream = stream
        self._draws = draws
        self._tells = not draws and not logged
        self._bar: tqdm[Never] | None = None
        self._drawn_ns = 0
        self._lock = threading.RLock()

    def waiting(self, statement: Statement, quota_seconds: float) -> None:
        """Draw the line, once the statement has taken its time.

        Args:
            quota_seconds: how long the quota makes it wait; 0: it does not.
        """
        drawn, at = self._drawn_ns, self._clock()
        age = (at - statement.started_ns) / 1e9
        if age < PATIENCE_SECONDS or not self._draws or at - drawn < BETWEEN_SECONDS * 1e9:
            return
        self._drawn_ns = at
        told = f"requests: {statement.requests} of {statement.expected}"
        if statement.progress is not None:
            told = statement.progress()
        waits = f"waiting {quota_seconds:.0f} s for the quota" if quota_seconds else ""
        with self._lock:
            if self._bar is None:
                self._bar = self._new(age)
            self._bar.set_description_str(told, refresh=False)
            self._bar.set_postfix_str(waits, refresh=False)
            self._bar.refresh()

    def held_up(self, told: str) -> None:
        """Where the line does not show it, say that the quota is waited for."""
        if self._tells:
            self.write(f"{told}\n")

    def wait_over(self) -> None:
        """Wipe the line; something else may be printed now."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()

    def write(self, text: str) -> None:
        """Write something else in its place; it is drawn again when there is something new."""
        with self._lock:
            self.wait_over()
            # What was done is done, whoever can be told of it.
            with suppress(OSError):
                self._stream.write(text)
                self._stream.flush()

    def confirm(self, question: str) -> bool:
        """Ask, and read a line; anything but a yes is a no."""
        self.write(question)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def ended(self, outcomes: Counter[str]) -> None:
        """Say what was started, if anything was."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
        if outcomes:
            told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            self.write(f"actions: {told}; see {self.see}\n")

    def _new(self, age: float) -> tqdm[Never]:
        # Few statements take so long, and the import takes a while itself.
        from tqdm import tqdm

        # No thread that watches over it: it is drawn often enough.
        tqdm.monitor_interval = 0
        bar: tqdm[Never] = tqdm(
            file=self._stream,
            leave=False,
            # Not before there is something to say.
            delay=PATIENCE_SECONDS,
            bar_format=_FORMAT,
            # What does not fit is cut off: a line that goes on below cannot be wiped.
            dynamic_ncols=True,
        )
        bar.start_t -= age
        return bar
