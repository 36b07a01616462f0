"""The sqlite-utils command, a new process for every statement; it has no interrupt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from contract import Answer, say, serve

# Beside the Python that runs this.
COMMAND = str(Path(sys.executable).with_name("sqlite-utils"))


def main(extension: str, database: str) -> None:
    """Load the extension and serve."""
    where = ["memory"] if database == ":memory:" else ["query", database]

    def answer(sql: str, interrupt_after: float | None) -> Answer:
        if interrupt_after is not None:
            return {"unsupported": "interrupt"}
        words = ["--load-extension", extension, "--", sql]
        done = subprocess.run([COMMAND, *where, *words], capture_output=True, text=True)
        if done.returncode:
            return {"error": done.stderr.strip()}
        # Not --arrays, where what a statement without rows gives looks like a row.
        rows = json.loads(done.stdout or "[]")
        return {"rows": [list(row.values()) for row in rows if list(row) != ["rows_affected"]]}

    first = answer("SELECT sqlite_version()", None)
    if "error" in first:
        return say(**first)
    say(ready=first["rows"][0][0])
    return serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
