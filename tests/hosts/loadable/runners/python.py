"""Python's own sqlite3. A Python built without load_extension goes through dovtab.load()."""

from __future__ import annotations

import sqlite3
import sys
import threading

from contract import Answer, say, serve


def main(extension: str, database: str) -> None:
    """Load the extension and serve."""
    # Without isolation_level, BEGIN and COMMIT are plain SQL.
    connection = sqlite3.connect(database, isolation_level=None)

    def answer(sql: str, interrupt_after: float | None) -> Answer:
        timer = threading.Timer(interrupt_after or 0, connection.interrupt)
        if interrupt_after is not None:
            timer.start()
        try:
            return {"rows": connection.execute(sql).fetchall()}
        except sqlite3.Error as error:
            return {"error": str(error)}
        finally:
            timer.cancel()

    try:
        load(connection, extension)
    except Exception as error:
        return say(error=str(error))
    say(ready=sqlite3.sqlite_version)
    serve(answer)
    return connection.close()


def load(connection: sqlite3.Connection, extension: str) -> None:
    """Load the extension the way this Python can."""
    if hasattr(connection, "enable_load_extension"):
        connection.enable_load_extension(True)
        connection.load_extension(extension)
        connection.enable_load_extension(False)
    else:
        import dovtab

        dovtab.load(connection)


if __name__ == "__main__":
    main(*sys.argv[1:])
