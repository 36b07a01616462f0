"""Datasette, asked through its JSON API. Interrupt: its time limit, a second for every query."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from contract import Answer, say, serve

# No proxy stands between two programs of one machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(extension: str, database: str) -> None:
    """Start the server, load the extension and serve."""
    where = ["--memory"] if database == ":memory:" else ["--create", database]
    settings = {"sql_time_limit_ms": "1000", "max_returned_rows": "100000"}
    options = [word for name, value in settings.items() for word in ("--setting", name, value)]
    command = [sys.executable, "-m", "datasette", "serve", *where, "--port", "0", *options]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, "--load-extension", extension], stdout=log, stderr=log
        )
        try:
            started = None
            while not started and process.poll() is None:
                time.sleep(0.05)
                log.seek(0)
                started = re.search(r"running on (http://\S+)", log.read())
            if not started:
                log.seek(0)
                return say(error=log.read().strip())
            return ask_all(started[1])
        finally:
            process.terminate()
            process.wait()


def ask_all(address: str) -> None:
    """Ask the server that listens there."""
    name = fetch(f"{address}/-/databases.json")[0]["route"]

    def answer(sql: str, interrupt_after: float | None) -> Answer:
        query = urllib.parse.urlencode({"sql": sql, "_shape": "arrays"})
        found = fetch(f"{address}/{name}.json?{query}")
        return {"rows": found["rows"]} if found["ok"] else {"error": found["error"]}

    first = answer("SELECT sqlite_version()", None)
    if "error" in first:
        return say(**first)
    say(ready=first["rows"][0][0])
    return serve(answer)


def fetch(url: str) -> Any:
    """Get an answer, a refusal too."""
    try:
        with OPENER.open(url) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
