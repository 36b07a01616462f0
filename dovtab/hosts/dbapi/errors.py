"""The exceptions of PEP 249, and which of them SQLite's and dovtab's become.

A tool that knows nothing of dovtab catches these, so nothing else may get out: the
message is the same, and the error itself is the ``__cause__``.

Source: https://peps.python.org/pep-0249/#exceptions
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from dovtab.errors import ArgumentError, DovtabError, NotAllowedError, SettingsError


class Warning(Exception):
    """Nothing raises it; PEP 249 wants it to be there."""


class Error(Exception):
    """Whatever goes wrong."""


class InterfaceError(Error):
    """It is about this module, and not about the database."""


class DatabaseError(Error):
    """It is about the database."""


class DataError(DatabaseError):
    """A value is of the wrong kind, too large, or out of range."""


class OperationalError(DatabaseError):
    """It is not in the program's hands: a file, a lock, the network, the API, a limit."""


class IntegrityError(DatabaseError):
    """A constraint of a table does not hold."""


class InternalError(DatabaseError):
    """SQLite is in a state that it should not be in."""


class ProgrammingError(DatabaseError):
    """The program asks for something that cannot be meant, or in the wrong order."""


class NotSupportedError(DatabaseError):
    """There is no such thing here."""


# The first that fits.
_OURS: tuple[tuple[type[Exception], type[Error]], ...] = (
    (NotAllowedError, NotSupportedError),
    (ArgumentError, ProgrammingError),
    (SettingsError, ProgrammingError),
    (DovtabError, OperationalError),
    (apsw.AuthError, NotSupportedError),
    (apsw.ConstraintError, IntegrityError),
    (apsw.MismatchError, DataError),
    (apsw.TooBigError, DataError),
    (OverflowError, DataError),
    # A text with a letter that no encoding has.
    (UnicodeError, DataError),
    (apsw.MisuseError, InterfaceError),
    (apsw.RangeError, InterfaceError),
    (apsw.BindingsError, ProgrammingError),
    (apsw.ConnectionClosedError, ProgrammingError),
    (apsw.CursorClosedError, ProgrammingError),
    (apsw.ThreadingViolationError, ProgrammingError),
    (apsw.IncompleteExecutionError, ProgrammingError),
    (apsw.InternalError, InternalError),
    (apsw.CorruptError, DatabaseError),
    (apsw.NotADBError, DatabaseError),
    (apsw.Error, OperationalError),
    # Of a value that SQLite has no type for, and of a name that the mapping lacks.
    (TypeError, InterfaceError),
    (KeyError, ProgrammingError),
    # From a function of the program's own that SQL has called.
    (Exception, OperationalError),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise what PEP 249 has for it, with the same words."""
    try:
        yield
    except Error:
        raise
    except Exception as error:
        found = next(becomes for kind, becomes in _OURS if isinstance(error, kind))
        said = f"no value for the parameter {error}" if type(error) is KeyError else str(error)
        raise found(" ".join(said.split())) from error
