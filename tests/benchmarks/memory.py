"""Peak memory of scans: ``python -m benchmarks.memory ACTIONS=URL ...``, in bytes.

A process's peak begins with that of the one that started it, so the scans are
started from here, where there is nothing else.

Source: https://man7.org/linux/man-pages/man2/getrusage.2.html
"""

from __future__ import annotations

import resource
import subprocess
import sys

UNIT = 1 if sys.platform == "darwin" else 1024


def peak() -> int:
    """This process's own, until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def scan(actions: int, url: str) -> int:
    """The peak after a scan of that account, in this process."""
    from benchmarks.questions import account_of
    from benchmarks.through_dovtab import Dovtab

    contestant = Dovtab(url)
    counted = contestant.count(account_of(actions))
    contestant.close()
    if counted != actions:
        raise ValueError(f"{counted} rows, not {actions}")
    return peak()


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--scan"]:
        actions, url = arguments[1].split("=", 1)
        print(scan(int(actions), url))
        return
    for argument in arguments:
        command = [sys.executable, "-m", "benchmarks.memory", "--scan", argument]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
