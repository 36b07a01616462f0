"""The stock sqlite3 shell, driven over pipes as a person would type. Interrupt: Ctrl-C's signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from contract import Answer, say, serve

END = "-- end of the answer --"


class Shell:
    """A running shell, its answers and its errors; it keeps its files in a folder."""

    def __init__(self, database: str, folder: Path) -> None:
        self.script = folder / "script.sql"
        self.errors = (folder / "errors").open("a+", encoding="utf-8")
        reading, writing = os.pipe()
        # What is not interactive ends at the first interrupt. What is echoes what is
        # typed, so the answers get a pipe of their own.
        self.process = subprocess.Popen(
            ["sqlite3", "-interactive", "-init", os.devnull, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            encoding="utf-8",
            pass_fds=[writing],
            env={**os.environ, "SQLITE_HISTORY": str(folder / "history")},
        )
        os.close(writing)
        self.answers = os.fdopen(reading, encoding="utf-8")
        self.type(f".output /dev/fd/{writing}", ".mode json")

    def type(self, *lines: str) -> None:
        """Type lines."""
        assert self.process.stdin
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def ask(self, line: str) -> Answer:
        """Type a line; give what is printed until the marker."""
        start = self.errors.seek(0, os.SEEK_END)
        self.type(line, f".print '{END}'")
        printed = "".join(iter(self.answers.readline, f"{END}\n"))
        self.errors.seek(start)
        error = re.search(r"^(Parse e|Runtime e|E)rror.*", self.errors.read(), re.M | re.S)
        if error:
            return {"error": error[0].strip()}
        if not printed.startswith("["):
            # A query plan is drawn, whatever the mode.
            return {"rows": [[line] for line in printed.splitlines()]}
        # Lists of pairs, as two columns may have one name; one list for each statement.
        rows = json.loads(printed.replace("]\n[", ","), object_pairs_hook=list)
        return {"rows": [[value for _, value in row] for row in rows]}

    def answer(self, sql: str, interrupt_after: float | None) -> Answer:
        """Have a statement read from a file: typed tabs would be completed."""
        self.script.write_text(f"{sql};\n", encoding="utf-8")
        interrupt = (self.process.send_signal, [signal.SIGINT])
        timer = threading.Timer(interrupt_after or 0, *interrupt)
        if interrupt_after is not None:
            timer.start()
        try:
            return self.ask(f'.read "{self.script}"')
        finally:
            timer.cancel()


def main(extension: str, database: str) -> None:
    """Load the extension and serve."""
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(database, Path(folder))
        with shell.process, shell.answers, shell.errors:
            failed = shell.ask(f'.load "{extension}"')
            if "error" in failed:
                return say(**failed)
            say(ready=shell.answer("SELECT sqlite_version()", None)["rows"][0][0])
            return serve(shell.answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
