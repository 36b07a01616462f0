"""The quota of a token for all processes of a user: what one has used, the next one knows.

Theory of operation. A slot of this process is in its own windows, see ``quota``, and has a
place in a file that the others read, see ``quota_file``:

============  ===========================  ==========================================
state         who moves it                 what holds in the file
============  ===========================  ==========================================
free          time                         there is room in both windows
taken         `take`, by giving 0          the moment of that, before it is sent
answered      `answered`, once for each    the moment of that
              `take`
given up      whoever kills the process    the moment at which it was taken, and so
                                           it is free a window after that
============  ===========================  ==========================================

Looking and taking is one step under the file's lock: two processes never take the last
slot. Those of one process are alike, so an answer moves the oldest of them. What has been
under way for longer than a window counts here, and not for others: only in this way need
nobody know who is still alive. What could not be written is added as soon as it can be.

Always: where the file cannot be had, it is as with `Quota` alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from dovtab.api.quota import (
    HOUR_REQUESTS,
    HOUR_SECONDS,
    MARGIN_SECONDS,
    MINUTE_REQUESTS,
    MINUTE_SECONDS,
    Delays,
    Quota,
    Usage,
)
from dovtab.api.quota_file import QuotaFile, Slot
from dovtab.api.token import Token

_LEAVING_NONE = 0, 0


def file_of(folder: str | None, api_url: str, token: Token) -> Path | None:
    """Where the processes that use this token at this URL count together.

    Its name tells no more of the token than the fingerprint does.
    """
    # Whoever sends a request has imported it already.
    from hashlib import sha256

    if folder is None:
        return None
    name = sha256(f"{api_url} {token.fingerprint()}".encode()).hexdigest()[:16]
    try:
        return Path(folder).expanduser() / name
    except RuntimeError:  # There is no home.
        return None


class SharedQuota:
    """The two windows of one token, and what other processes have used of them.

    Args:
        path: of the file; None: this process counts for itself.
        sleep: for the moments in which another process has it locked.
    """

    def __init__(self, path: Path | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._lock = threading.Lock()
        self._own = Quota()
        self._file = None if path is None else QuotaFile(path, sleep)
        # Of what is under way: None is not in the file.
        self._slots: deque[Slot | None] = deque()
        self._unwritten: deque[float] = deque(maxlen=HOUR_REQUESTS)

    def take(self, now: float, *, leaving: tuple[int, int] = _LEAVING_NONE) -> float:
        """Take a slot and give 0, or the seconds after which to ask again; see `Quota.take`."""
        with self._lock:
            delay = self._own.delay(now, leaving=leaving)
            if delay > 0:
                return delay
            slot: Slot | None = None
            file = self._file
            if file is not None and (there := file.lock(now)) is not None:
                try:
                    self._catch_up(file)
                    delay = max(_delays(file, there, leaving))
                    if delay <= 0:
                        slot = file.add(there)
                    file.write(there)
                finally:
                    file.unlock()
            if delay <= 0:
                self._own.take(now, leaving=leaving)
                self._slots.append(slot)
            return delay

    def delay(self, now: float, *, leaving: tuple[int, int] = _LEAVING_NONE) -> float:
        """What `take` would give, without taking anything."""
        return max(self.delays(now, leaving=leaving))

    def delays(self, now: float, *, leaving: tuple[int, int] = _LEAVING_NONE) -> Delays:
        """The same for each window."""
        with self._lock:
            own = self._own.delays(now, leaving=leaving)
            file = self._file
            if file is None or (there := file.lock(now)) is None:
                return own
            try:
                theirs = _delays(file, there, leaving)
            finally:
                file.unlock()
            return Delays(max(own.minute, theirs.minute), max(own.hour, theirs.hour))

    def answered(
        self,
        now: float,
        *,
        attempts: int = 1,
        limit: int | None = None,
        remaining: int | None = None,
    ) -> None:
        """A request that had a slot has ended; see `Quota.answered`."""
        with self._lock:
            self._own.answered(now, attempts=attempts, limit=limit, remaining=remaining)
            file, slot = self._file, self._slots.popleft() if self._slots else None
            if file is None:
                return
            self._unwritten.extend([now] * (attempts - (slot is not None)))
            there = file.lock(now)
            if there is None:
                self._unwritten.extend([now] * (slot is not None and attempts > 0))
                return
            try:
                # What was never sent counts not at all.
                if slot is not None and not file.move(slot, there if attempts else 0.0):
                    self._unwritten.extend([there] * (attempts > 0))
                self._catch_up(file)
                known = file.known
                if limit and remaining is not None:
                    known = known.told(there, limit, remaining, file.count_hour(there))
                file.write(there, known)
            finally:
                file.unlock()

    def refused(self, now: float, seconds: float) -> None:
        """A request was refused for so long: another one would be, too, whoever sends it."""
        with self._lock:
            self._own.refused(now, seconds)
            file = self._file
            if file is None or (there := file.lock(now)) is None:
                return
            try:
                file.write(there, file.known.refused(there, seconds))
            finally:
                file.unlock()

    def usage(self, now: float) -> list[Usage]:
        """Both windows, the minute first."""
        with self._lock:
            own, file = self._own.usage(now), self._file
            if file is None or (there := file.lock(now)) is None:
                return own
            try:
                delays, known = _delays(file, there, _LEAVING_NONE), file.known.at(there)
                used = (
                    len(file.within(MINUTE_SECONDS, there)),
                    len(file.within(HOUR_SECONDS, there)) + known.others,
                )
            finally:
                file.unlock()
            limits = MINUTE_REQUESTS, known.hour_requests
            return [
                Usage(usage.window, limit, max(usage.used, count), max(usage.delay, delay))
                for usage, limit, count, delay in zip(own, limits, used, delays, strict=True)
            ]

    def leave_file(self) -> None:
        """In a forked child: the file's lock is the parent's."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _catch_up(self, file: QuotaFile) -> None:
        """Write down what could not be written when it was."""
        while self._unwritten:
            file.add(self._unwritten.popleft())


def _delays(file: QuotaFile, now: float, leaving: tuple[int, int]) -> Delays:
    """How long each window of all processes keeps the next request waiting."""

    def delay(window: float, allowed: int) -> float:
        if file.fewer(window, allowed, now):
            return 0.0
        if allowed <= 0:
            return MINUTE_SECONDS
        return file.within(window, now)[-allowed] + window + MARGIN_SECONDS - now

    return file.known.at(now).delays(now, leaving, delay)
