"""One of the two connections that a script is run on, with the functions that it uses.

It is apsw's or the standard library's: what is used of them here is the same. It is
imported by programs of other Pythons, too, and needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ORDINARY = """
    CREATE TABLE own(n, word);
    CREATE TEMP TABLE noted(n);
    CREATE TABLE watched(n, t);
    CREATE TRIGGER noting AFTER INSERT ON own BEGIN INSERT INTO watched VALUES (new.n, 'note'); END;
    CREATE VIRTUAL TABLE hosts USING fts5(name);
    INSERT INTO hosts(rowid, name) VALUES (1, 'web one'), (2, 'db'), (3, 'web two'), (5, 'web five');
    CREATE VIRTUAL TABLE boxes USING rtree(id, low, high);
    INSERT INTO boxes VALUES (2, 0, 1), (4, 1, 2), (6, 5, 9);
"""
# Each is a line of its own.
STATEMENTS = [line for line in ORDINARY.splitlines() if line.strip()]


class Half:
    """A connection with the ordinary tables and the functions.

    Args:
        create_function: takes a name, a function and how many arguments it has.
        errors: what a statement that fails raises.
        close: closes it, and a cursor of it, whatever became of what it has run.

    Attributes:
        error: of the last statement that failed.
        interrupted: whether the last one was.
        tries: how often the function of this name was called.
    """

    def __init__(
        self,
        db: Any,
        create_function: Callable[[str, Callable[..., int], int], object],
        errors: tuple[type[BaseException], ...],
        close: Callable[[Any], object] = lambda closable: closable.close(),
    ) -> None:
        self.db = db
        self.error = ""
        self.interrupted = False
        self.tries = 0
        self._errors = errors
        self._close = close
        self._cursors: list[Any] = []
        for sql in STATEMENTS:
            db.execute(sql)
        functions: dict[str, Callable[[int], int]] = {
            "did": self.queries,
            "half": self.leaves_half_read,
            "broken": lambda n: n + 0 // (n - 5),
            "stop": self.interrupts,
            "writes": self.writes,
        }
        for name, function in functions.items():
            create_function(name, function, 1)
        create_function("tries", self.note_a_try, 0)

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        return bool(self.db.in_transaction)

    def queries(self, n: int) -> int:
        """Run a query to its end."""
        return n + 0 * len(self.rows("SELECT name FROM hosts WHERE hosts MATCH 'web'"))

    def leaves_half_read(self, n: int) -> int:
        """Leave a cursor that has not come to its end."""
        cursor = self.db.cursor()
        next(cursor.execute("SELECT rowid FROM hosts"))
        self._cursors.append(cursor)
        return n

    def interrupts(self, n: int) -> int:
        """Interrupt whatever calls it, if it is given 5."""
        if n == 5:
            self.interrupted = True
            self.db.interrupt()
        return n

    def writes(self, n: int) -> int:
        """Write beside the statement that calls it."""
        self.db.execute("INSERT INTO temp.noted VALUES (?)", (n,))
        return n

    def note_a_try(self) -> int:
        """Count."""
        self.tries += 1
        return self.tries

    def rows(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end."""
        return list(self.db.execute(sql, parameters))

    def run(self, sql: str) -> bool:
        """Run one statement of a script; whether it went well."""
        self.interrupted = False
        try:
            self.rows(sql)
        except self._errors as error:
            self.error = str(error)
            return False
        finally:
            if self.interrupted:
                # An interrupt lasts as long as anything is half read.
                self.close_cursors()
        return True

    def close_cursors(self) -> None:
        """Read no further."""
        while self._cursors:
            self._close(self._cursors.pop())

    def close(self) -> None:
        """Close all of it."""
        self.close_cursors()
        self._close(self.db)
