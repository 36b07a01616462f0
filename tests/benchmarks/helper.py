"""The extension's helper as it is, but that it notes its process id, and for its clock.

``DOVTAB_PYTHON`` names a script that starts this, whatever it is told to start.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
from functools import partial
from pathlib import Path

from benchmarks.clock import FAST, FastClock
from dovtab.engine.session import Session
from dovtab.hosts.pipe import channel, helper

# The environment that is dovtab's own does not come to a helper, and this does.
PID_FILE = "BENCHMARK_HELPER"
# httpx, which is imported where this has its name, a helper imports when it needs it.
_TESTS = Path(__file__).parents[1]


def write_script(folder: Path) -> Path:
    """What ``DOVTAB_PYTHON`` is to name."""
    code = f"import sys; sys.path.insert(0, {str(_TESTS)!r})"
    code += "; from benchmarks.helper import main; main()"
    command = shlex.join([sys.executable, "-I", "-c", code])
    script = folder / "helper"
    script.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    script.chmod(0o700)
    return script


def main() -> None:
    serve = helper.serve

    def noted(control: socket.socket) -> list[threading.Thread]:
        Path(os.environ[PID_FILE]).write_text(str(os.getpid()), encoding="utf-8")
        return serve(control)

    # Types forbid to assign what a module has imported.
    vars(helper)["serve"] = noted
    if FAST in os.environ:
        vars(channel)["Session"] = partial(Session, clock=FastClock())
    helper.main()
