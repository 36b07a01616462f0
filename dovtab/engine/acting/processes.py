"""Which process that is: a number alone comes again, in a container every time.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import os
from pathlib import Path

_STARTTIME = 22 - 3  # of the fields that come after the name


def identity(pid: int) -> str | None:
    """What tells this process from those that had its number before; None: it is gone.

    Where there is no /proc, that is nothing more than that it runs.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "running" if _runs(pid) and not Path("/proc/self").exists() else None
    state, *_ = fields = stat.rpartition(")")[2].split()
    # A zombie only waits to be counted by its parent.
    return None if state in "ZX" else f"{_boot()}/{fields[_STARTTIME]}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # Not every sandbox has it; the start alone is better than nothing.
        return ""


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
