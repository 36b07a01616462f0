"""How a script ends: its last statement may do without its semicolon, if it only reads.

sqlite3 runs it whatever it does. But where a pipe breaks, the WHERE that spares
all Droplets but one may be what is missing. So without its semicolon a statement
is run only if it is a query, and one that calls none of our functions.

Sources: https://sqlite.org/c3ref/complete.html, https://sqlite.org/c3ref/stmt_readonly.html
"""

from __future__ import annotations

import apsw

from dovtab.engine.manifest import manifest
from dovtab.resources import TABLES


def split(text: str) -> tuple[str, str]:
    """The whole statements of a text, and what comes after the last semicolon.

    >>> split("SELECT ';'; SELECT 'a;b' /* ; */")
    ("SELECT ';';", " SELECT 'a;b' /* ; */")
    """
    end = text.rfind(";")
    while end >= 0 and not apsw.complete(text[: end + 1]):
        end = text.rfind(";", 0, end)
    return text[: end + 1], text[end + 1 :]


def refusal(connection: apsw.Connection, last: str) -> str | None:
    """Why this is not run without its semicolon; None: it can do no harm.

    A query is what has columns: COMMIT, too, only reads, as SQLite sees it.

    >>> db = apsw.Connection(":memory:")
    >>> refusal(db, "SELECT 1 -- and no more") is None
    True
    >>> refusal(db, "SELECT 'a")
    'incomplete input'
    >>> refusal(db, "COMMIT")
    'incomplete input: the last statement has no semicolon, and was not run'
    """
    if not apsw.complete(f"{last}\n;"):
        return "incomplete input"
    only_comments = apsw.complete(f";{last}")
    if only_comments:
        return None
    # Only a script that was cut off gets here.
    from apsw.ext import query_info

    try:
        prepared = query_info(connection, last)
    except apsw.Error as error:
        return str(error)
    names = (function.name for function in manifest(TABLES).functions)
    calls = any(name in last.lower() for name in names)
    if prepared.is_readonly and prepared.description and not calls:
        return None
    return "incomplete input: the last statement has no semicolon, and was not run"
