"""Who is calling: the statements inside sqlite3_step, as the extension sees them."""

from __future__ import annotations

from dovtab.engine.statement import Statement
from dovtab.engine.statements import Statements
from dovtab.hosts.pipe.wire import Reader, WireError


class Calls:
    """Tells the engine of the statements of a connection.

    Attributes:
        files: the databases of the connection and their files; a temporary one has none.
    """

    def __init__(self, statements: Statements) -> None:
        self.files: dict[str, str] = {}
        self._statements = statements
        statements.executing = ()

    def read(self, reader: Reader) -> None:
        """Those that are executing, the outermost first.

        Raises:
            WireError: it is not what was agreed on.
        """
        executing = [self._statement(reader) for _ in range(reader.count())]
        self._statements.executing = executing

    def ended(self, id: int) -> None:
        """A statement has come to its end, or been given up."""
        self._statements.ended(id)

    def triggered(self) -> None:
        """The one that is calling has a trigger in it, or a foreign key that acts."""
        for id in (self._statements.executing or ())[-1:]:
            self._statements.triggered(id)

    def _statement(self, reader: Reader) -> int:
        id, is_new = reader.u32(), reader.u8()
        if is_new:
            reads, text, expanded = bool(reader.u8()), reader.text(), None
            if reads:
                expanded = reader.text() or None
                self.files = {reader.text(): reader.text() for _ in range(reader.count())}
            # What its parameters are bound to is said by the text with them in it.
            self._statements.began(id, Statement(text, reads=reads, bindings=expanded))
        elif not self._statements.is_running(id):
            # Whoever is left out could be one that must not act beside another.
            raise WireError(f"no statement {id}")
        return id
