"""One run at a time on one file.

The lock is a file beside it, locked by the system, which lets go of it however the
process ends. It is not the database itself: whoever closes a file ends the locks that
SQLite has on it for the whole process.

Sources: https://man7.org/linux/man-pages/man2/flock.2.html,
https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dovtab.errors import SettingsError

_LOOK_AGAIN_SECONDS = 0.1


@contextmanager
def run_alone(path: str, patience_seconds: float) -> Iterator[None]:
    """Keep other runs on this file waiting, and wait for one that is there.

    Raises:
        SettingsError: it was still there after so many seconds, or there is no such folder.
    """
    try:
        lock = Path(f"{Path(path).resolve()}-refresh")
        str(lock).encode()
    except (RuntimeError, ValueError):
        # Links in a circle, or a name that is no UTF-8, as SQLite wants it.
        raise SettingsError(f"{path!r}: no file can have that name") from None
    deadline = time.monotonic() + patience_seconds
    while (held := _take(lock, path)) is None:
        if time.monotonic() >= deadline:
            raise SettingsError(
                f"{path}: another run is refreshing it; this one has waited"
                f" {patience_seconds:g} s (max_wait_seconds)"
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
    try:
        yield
    finally:
        # First: whoever locks it from here on finds that it is gone. Windows leaves it.
        with suppress(OSError):
            lock.unlink()
        os.close(held)


def _take(lock: Path, path: str) -> int | None:
    """The lock's file, open and locked; None: somebody else has it."""
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SettingsError(f"{path}: {lock.name} cannot be made: {error.strerror}") from None
    # Locked by somebody else, or taken away meanwhile by whoever had it.
    with suppress(OSError):
        _lock(file)
        if os.path.samestat(lock.stat(), os.fstat(file)):
            return file
    os.close(file)
    return None


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
