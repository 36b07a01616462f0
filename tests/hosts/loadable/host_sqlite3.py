"""A program with the extension in its standard sqlite3: a line of JSON in, a line of JSON out.

{"open": "a", "environment": {...}, "extension": "...", "half": true}
    A connection. With an environment the extension is loaded with it; a half has the
    functions of `by_property.half`.
{"on": "a", "sql": "...", "parameters": [...], "run": true}
    A statement: {"rows": [...]} or {"error": "..."}; "run": of a script, its rows left out.
{"together": {"a": [{"sql": "..."}, ...], "b": [...]}}
    A thread for each connection: a list of answers for each.
{"close": "a"}

It is run by a Python that has the standard library and nothing else.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2]))
from by_property.half import Half

Message = dict[str, Any]
OURS = ("DIGITALOCEAN_", "DOVTAB_")

connections: dict[str, sqlite3.Connection] = {}
halves: dict[str, Half] = {}


def answer(request: Message) -> Message:
    """Do what is asked for."""
    if "open" in request:
        return opened(request)
    if "close" in request:
        return closed(request["close"])
    if "together" in request:
        return together(request["together"])
    return ran(request["on"], request)


def opened(request: Message) -> Message:
    """Open a connection."""
    name = request["open"]
    # Threads take turns, and a thread of its own has each connection but once.
    db = sqlite3.connect(
        request.get("database", ":memory:"), isolation_level=None, check_same_thread=False
    )
    environment = request.get("environment")
    if environment is not None:
        load(db, request["extension"], environment)
    connections[name] = db
    if request.get("half"):
        halves[name] = Half(
            db,
            lambda name, function, count: db.create_function(name, count, function),
            (sqlite3.Error,),
        )
    return {"rows": [[sqlite3.sqlite_version]]}


def load(db: sqlite3.Connection, extension: str, environment: dict[str, str]) -> None:
    """Load the extension, which takes its settings from the environment, once."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ.update(environment)
    db.enable_load_extension(True)
    db.load_extension(extension)
    db.enable_load_extension(False)


def ran(name: str, request: Message) -> Message:
    """Run a statement."""
    half, found = halves.get(name), {}
    try:
        if half is not None and request.get("run"):
            found = {"rows": []} if half.run(request["sql"]) else {"error": half.error}
        else:
            rows = connections[name].execute(request["sql"], request.get("parameters") or ())
            found = {"rows": rows.fetchall()}
    except sqlite3.Error as error:
        found = {"error": str(error)}
    if half is not None:
        found["in_transaction"] = half.in_transaction
        found["interrupted"], found["tries"] = half.interrupted, half.tries
    return found


def together(asked: dict[str, list[Message]]) -> Message:
    """Run statements of several connections at once."""
    answers: dict[str, list[Message]] = {name: [] for name in asked}

    def work(name: str) -> None:
        for request in asked[name]:
            answers[name].append(ran(name, request))

    threads = [threading.Thread(target=work, args=(name,)) for name in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"together": answers}


def closed(name: str) -> Message:
    """Close a connection."""
    db, half = connections.pop(name), halves.pop(name, None)
    if half is not None:
        half.close()
    else:
        db.close()
    return {"rows": []}


def main() -> None:
    """Answer every line."""
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:
            said = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
