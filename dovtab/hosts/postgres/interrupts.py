"""Whether the server's process that this runs in has been asked to stop.

A foreign table has no statement of its own to run, in which PostgreSQL would look by
itself. It looks at the two variables that PostgreSQL's own CHECK_FOR_INTERRUPTS begins
with; what follows from them, PostgreSQL says when it has the word again.

Source: https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/miscadmin.h
"""

from __future__ import annotations

import ctypes

# Set by a signal's handler: volatile sig_atomic_t.
_FLAGS = ("QueryCancelPending", "ProcDiePending")


class Interrupts:
    """Of this process; in one that is not PostgreSQL's nobody asks.

    >>> Interrupts().are_pending()
    False
    """

    def __init__(self) -> None:
        program = ctypes.CDLL(None)
        self._flags = [
            ctypes.c_int.in_dll(program, name) for name in _FLAGS if hasattr(program, name)
        ]

    def are_pending(self) -> bool:
        """Whether the statement was cancelled, timed out, or its connection is to end."""
        return any(flag.value for flag in self._flags)
