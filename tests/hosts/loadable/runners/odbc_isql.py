"""unixODBC's isql with libsqliteodbc, driven over pipes; it has no interrupt."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from contract import Answer, say, serve

SOURCE = "[host]\nDriver = SQLite3\nDatabase = {database}\nLoadExt = {extension}\n"
# The columns are divided by 0x1f; texts are quoted, which tells them from numbers and NULL.
COMMAND = ["stdbuf", "-oL", "isql", "host", "-b", "-v", "-q", "-x0x1f", "-L1000000"]
FIELD = re.compile(r'(?:"(?P<text>.*?)"|(?P<bare>[^\x1f\n]*))(?P<end>[\x1f\n])', re.S)
END = "end of the answer"
ERROR = re.compile(
    r"^(\[.*)\n\[ISQL\]ERROR: |^(extension '[^\n]* did not load[^\n]*)", re.S | re.M
)


def main(extension: str, database: str) -> None:
    """Load the extension and serve."""
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "odbc.ini"
        sources.write_text(SOURCE.format(database=database, extension=extension))
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "ODBCINI": str(sources)},
        )
        with process:
            assert process.stdin
            assert process.stdout
            asking, answers = process.stdin, process.stdout

            def answer(sql: str, interrupt_after: float | None) -> Answer:
                if interrupt_after is not None:
                    return {"unsupported": "interrupt"}
                # A line is a statement, so that "--" comments cannot be in it.
                asking.write(f"{' '.join(sql.splitlines())}\nSELECT '{END}'\n")
                asking.flush()
                printed = "".join(iter(answers.readline, f'"{END}"\n'))
                error = ERROR.search(printed)
                return {"error": error[1] or error[2]} if error else {"rows": read(printed)}

            first = answer("SELECT sqlite_version()", None)
            if "error" in first:
                return say(**first)
            say(ready=first["rows"][0][0])
            return serve(answer)


def read(printed: str) -> list[list[Any]]:
    """Read what isql prints as rows."""
    rows: list[list[Any]] = [[]]
    for field in FIELD.finditer(printed):
        value: Any = field["text"]
        if value is None:
            value = field["bare"] or None
            # A date is neither quoted nor a number.
            with contextlib.suppress(ValueError):
                value = value and json.loads(value)
        rows[-1].append(value)
        if field["end"] == "\n":
            rows.append([])
    return rows[:-1]


if __name__ == "__main__":
    main(*sys.argv[1:])
