"""A ring of moments in a file, which the processes of a user write and read together.

It keeps no promise but one: whatever is wrong with the file, or with whoever has it
locked, nobody fails or waits for it. Then it is as if it were not there.

The layout: a header with a checksum, and after it the moments at which the last requests
were taken or answered, in the order of the taking. They are of the clock that all processes of one boot share
and that nobody can set; which boot that was is in the header, and so a file from before
it is as good as empty. Reads and writes are by system calls under a lock of the system's,
for a file that is mapped into memory kills whoever looks at it when it has been cut short.

Sources: https://man7.org/linux/man-pages/man2/flock.2.html,
https://man7.org/linux/man-pages/man2/clock_gettime.2.html,
https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from dovtab.api.quota import HOUR_SECONDS, MARGIN_SECONDS, MINUTE_SECONDS, Known

# So many moments; more than an hour's quota has. Beyond that the API's headers tell.
MOMENTS = 8192
_MAGIC = b"dovtabq1"
_HEADER = struct.Struct("=8s16s8sQQQdqdqd")
_SUM = struct.Struct("=I")
_MOMENT = struct.Struct("=d")
_FIRST = 128
_SIZE = _FIRST + MOMENTS * _MOMENT.size
_AT_ONCE = 16
# Who has it locked needs microseconds, if he runs at all.
_TRIES, _PAUSE_SECONDS = 50, 0.001
# If he does not, or the file cannot be had, it is left alone for so long; and then twice as long.
_REST_SECONDS = 1.0


class Slot(NamedTuple):
    """A place in the ring.

    Attributes:
        ring: which one; another has been begun if it is not the same.
    """

    ring: bytes
    number: int


@dataclass(slots=True)
class _Header:
    """All that is not a moment; see `Known`.

    Attributes:
        next: of all moments ever, the number of the one that comes next.
        minute, hour: those before it are in this window no more.
        latest: when it was last written.
    """

    magic: bytes
    boot: bytes
    ring: bytes
    next: int = 0
    minute: int = 0
    hour: int = 0
    latest: float = 0.0
    others: int = 0
    seen_at: float = 0.0
    hour_requests: int = Known().hour_requests
    refused_until: float = 0.0

    def packed(self) -> bytes:
        """As it is in the file."""
        data = _HEADER.pack(
            *(self.magic, self.boot, self.ring, self.next, self.minute, self.hour, self.latest),
            *(self.others, self.seen_at, self.hour_requests, self.refused_until),
        )
        return data + _SUM.pack(crc32(data))


class QuotaFile:
    """The file; to be used between `lock` and `unlock`, by one thread at a time.

    Args:
        path: its folder is made if it is not there.
        sleep: for the moments in which somebody else has it locked.
    """

    def __init__(self, path: Path, sleep: Callable[[float], None]) -> None:
        self._path = path
        self._sleep = sleep
        self._boot = _boot()
        self._descriptor, self._is_made = -1, False
        self._closing: weakref.finalize[[int], QuotaFile] | None = None
        self._rests_until, self._rest = float("-inf"), _REST_SECONDS
        self._header: _Header

    def lock(self, now: float) -> float | None:
        """Have it alone; gives what time it is there. None: it cannot be had."""
        if now < self._rests_until:
            return None
        try:
            self._open()
            if not self._locked():
                raise BlockingIOError
            latest = self._read(now)
        except OSError:
            self.close()
            self._rests_until = now + self._rest
            self._rest = min(2 * self._rest, MINUTE_SECONDS)
            return None
        self._rest = _REST_SECONDS
        # Somebody may have been here after our look at the clock.
        return max(now, latest)

    def unlock(self) -> None:
        """Let others have it."""
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Have nothing to do with it any more, also in a forked child."""
        if self._closing is not None:
            self._closing()
            self._closing, self._descriptor = None, -1

    @property
    def known(self) -> Known:
        """What the API has said."""
        header = self._header
        return Known(header.others, header.seen_at, header.hour_requests, header.refused_until)

    def fewer(self, window: float, allowed: int, now: float) -> bool:
        """Whether fewer moments than so many are in the window."""
        header = self._header
        first = header.hour if window > MINUTE_SECONDS else header.minute
        # Mostly that can be told without a look at any of them.
        return header.next - first < allowed or len(self.within(window, now)) < allowed

    def within(self, window: float, now: float) -> list[float]:
        """The moments in the window, sorted; those of an hour take some tenths of a millisecond."""
        header = self._header
        first = header.hour if window > MINUTE_SECONDS else header.minute
        first = max(first, header.next - MOMENTS)
        moments = self._moments(first, header.next - first)
        self._forget(window, first + _gone(moments, window, now))
        begins = now - window - MARGIN_SECONDS
        return sorted([moment for moment in moments if begins < moment <= now])

    def count_hour(self, now: float) -> int:
        """How many moments are in the hour; a few of them may be older."""
        first, end = max(self._header.hour, self._header.next - MOMENTS), self._header.next
        while moments := self._moments(first, min(_AT_ONCE, end - first)):
            gone = _gone(moments, HOUR_SECONDS, now)
            first += gone
            if gone < len(moments):
                break
        self._forget(HOUR_SECONDS, first)
        return end - first

    def add(self, moment: float) -> Slot:
        """One more; `write` ends it."""
        number = self._header.next
        self._put(number, moment)
        self._header.next = number + 1
        return Slot(self._header.ring, number)

    def move(self, slot: Slot, moment: float) -> bool:
        """It is another moment now; False: the slot is not there any more."""
        header, number = self._header, slot.number
        if slot.ring != header.ring or number < header.next - MOMENTS:
            return False
        # Nobody looks at what has once been out of a window.
        here = number >= max(header.minute, header.hour)
        self._put(number, moment if here else 0.0)
        return here

    def write(self, now: float, known: Known | None = None) -> None:
        """Let others see what was added, and what the API has said."""
        header = self._header
        header.latest = now
        if known is not None:
            header.others, header.seen_at, header.hour_requests, header.refused_until = known
        with suppress(OSError, struct.error):
            os.pwrite(self._descriptor, header.packed(), 0)

    def _put(self, number: int, moment: float) -> None:
        place = _FIRST + number % MOMENTS * _MOMENT.size
        with suppress(OSError):
            os.pwrite(self._descriptor, _MOMENT.pack(moment), place)

    def _forget(self, window: float, first: int) -> None:
        """What comes before this one is in the window no more."""
        if window > MINUTE_SECONDS:
            self._header.hour = first
        else:
            self._header.minute = first

    def _moments(self, first: int, count: int) -> Sequence[float]:
        place, before_end = first % MOMENTS, min(count, MOMENTS - first % MOMENTS)
        size, descriptor = _MOMENT.size, self._descriptor
        data = os.pread(descriptor, before_end * size, _FIRST + place * size)
        if before_end < count:
            data += os.pread(descriptor, (count - before_end) * size, _FIRST)
        whole = len(data) // size
        return struct.unpack_from(f"={whole}d", data)

    def _locked(self) -> bool:
        for attempt in range(_TRIES):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._sleep(_PAUSE_SECONDS if attempt else 0)
            else:
                return True
        return False

    def _open(self) -> None:
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink:
            return
        self.close()
        if not self._is_made:
            # Once: what has been taken away, perhaps at the end of a session, stays away.
            _make(self._path.parent)
            self._is_made = True
        _check(self._path.parent.lstat(), stat.S_ISDIR)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, 0o600)
        try:
            _check(os.fstat(descriptor), stat.S_ISREG)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._closing = weakref.finalize(self, os.close, descriptor)
        # At the end of the program requests may still be under way, and the number
        # would soon be another file's.
        self._closing.atexit = False

    def _read(self, now: float) -> float:
        """Read the header, or begin anew; gives when it was written last."""
        data = os.pread(self._descriptor, _HEADER.size + _SUM.size, 0)
        head, check = data[: _HEADER.size], data[_HEADER.size :]
        if check == _SUM.pack(crc32(head)):
            self._header = header = _Header(*_HEADER.unpack(head))
            is_ours = (header.magic, header.boot) == (_MAGIC, self._boot)
            # What is to come has been written by another clock.
            if is_ours and header.latest <= now + MINUTE_SECONDS:
                return header.latest
        if os.fstat(self._descriptor).st_size != _SIZE:
            # All of it now: later there may be no room.
            os.ftruncate(self._descriptor, 0)
            if os.pwrite(self._descriptor, bytes(_SIZE), 0) != _SIZE:
                raise BlockingIOError
        self._header = _Header(_MAGIC, self._boot, os.urandom(8))
        return now


def _gone(moments: Sequence[float], window: float, now: float) -> int:
    """How many come before the first that is in the window."""
    begins = now - window - MARGIN_SECONDS
    for number, moment in enumerate(moments):
        if begins < moment <= now:
            return number
    return len(moments)


def _make(folder: Path) -> None:
    """Make it and those that it is in, for the user alone, as the specification says."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _check(found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    """Raise OSError if it is no such thing, another user's, or for others to write."""
    if not is_kind(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError


def _boot() -> bytes:
    """Which boot this is; without a word from the system, always the same."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return bytes.fromhex(text.replace("-", ""))[:16].ljust(16, b"\0")
    except (OSError, ValueError):
        return bytes(16)
