"""A half on a connection of apsw's: with a virtual table of Python's, too, that queries."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import apsw.ext

import dovtab
from by_property.half import Half


def apsw_half(db: apsw.Connection) -> Half:
    """One that takes whatever a statement fails with through apsw."""
    half = Half(
        db,
        db.create_scalar_function,
        (apsw.Error, dovtab.DovtabError, ZeroDivisionError),
        lambda closable: closable.close(True),
    )

    def numbers(start: int = 1, stop: int = 3) -> Iterator[dict[str, int]]:
        for n in range(start, stop + 1):
            half.rows("SELECT count(*) FROM boxes")
            yield {"value": n}

    numbers.columns = ("value",)
    numbers.column_access = apsw.ext.VTColumnAccess.By_Name
    apsw.ext.make_virtual_module(db, "numbers", numbers)
    return half
