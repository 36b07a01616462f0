"""What is closed on a connection whose tables are declared for tools: others write its SQL.

No other file can be opened or written, and the schema of the declared tables stays as it
is: it is in memory, and what somebody makes there would be gone with the connection.

Source: https://sqlite.org/c3ref/c_alter_table.html
"""

from __future__ import annotations

import apsw

from dovtab.hosts.dbapi.errors import NotSupportedError

# VACUUM attaches what it writes to.
_FILES = frozenset({apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH})
_SCHEMA = frozenset(
    code
    for name, code in apsw.mapping_authorizer_function.items()
    if isinstance(code, int)
    and str(name).startswith(("SQLITE_CREATE_", "SQLITE_DROP_"))
    and "_TEMP_" not in str(name)
)
# Those of the whole process, those that lead to other files, and those that let a schema lie.
_PRAGMAS = frozenset(
    {"temp_store_directory", "data_store_directory", "hard_heap_limit", "soft_heap_limit"}
    | {"writable_schema", "trusted_schema"}
)


class Closed:
    """An authorizer.

    Args:
        schema: where the tables are declared.
    """

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def __call__(
        self,
        operation: int,
        first: str | None,
        second: str | None,
        database: str | None,
        _: object,
    ) -> int:
        if operation in _FILES:
            # In the midst of a VACUUM nothing may be raised.
            return apsw.SQLITE_DENY
        if operation in _SCHEMA and database == self._schema:
            raise NotSupportedError(
                f"the schema {self._schema} is in memory, and only for the API's tables: leave"
                " it out, or use main"
            )
        if operation == apsw.SQLITE_ALTER_TABLE and first == self._schema:
            raise NotSupportedError(f"the tables of {self._schema} cannot be altered")
        is_set = operation == apsw.SQLITE_PRAGMA and second is not None
        if is_set and (first or "").lower() in _PRAGMAS:
            raise NotSupportedError(f"PRAGMA {first} cannot be set here")
        return apsw.SQLITE_OK
