"""pyodbc with libsqliteodbc. Interrupt: Cursor.cancel(), which is ODBC's SQLCancel."""

from __future__ import annotations

import os
import sys
import tempfile
import threading

import pyodbc
from contract import Answer, say, serve


def main(extension: str, database: str) -> None:
    """Load the extension and serve."""
    # BigInt: without it, whole numbers have 32 bits.
    source = f"Driver=SQLite3;BigInt=1;Database={database};LoadExt={extension}"
    with tempfile.TemporaryFile("w+") as said:
        # The driver connects all the same when the extension does not load: it says so only here.
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        connection = pyodbc.connect(source, autocommit=True)
        os.dup2(kept, 2)
        said.seek(0)
        error = said.read()
    if "did not load" in error:
        return say(error=error.strip())
    sys.stderr.write(error)
    cursor = connection.cursor()

    def answer(sql: str, interrupt_after: float | None) -> Answer:
        timer = threading.Timer(interrupt_after or 0, cursor.cancel)
        if interrupt_after is not None:
            timer.start()
        try:
            cursor.execute(sql)
            return {
                "rows": [list(row) for row in cursor.fetchall()] if cursor.description else []
            }
        except pyodbc.Error as error:
            return {"error": str(error.args[-1])}
        finally:
            timer.cancel()

    say(ready=answer("SELECT sqlite_version()", None)["rows"][0][0])
    serve(answer)
    connection.close()
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
