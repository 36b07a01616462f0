"""What an account's rows are in pandas: columns of the same types, whatever is in them.

NULL is pandas' own missing value in every column, so an account without rows, or with a
column of nothing but NULL, has the types of all others. A category's values that are known
come first, the same in all accounts; what the API has come up with since comes after them,
so Dask is told that the categories are not known, and unites them.

Source: https://docs.dask.org/en/stable/dataframe-categoricals.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from dask.dataframe.utils import clear_known_categories

from dovtab.errors import DovtabError
from dovtab.hosts.parquet.columns import REPEATED, joined
from dovtab.resources import Table

ACCOUNT = "account"
_TEXT = pd.StringDtype("pyarrow")
_TYPES = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): _TEXT,
}
_FAILURE = {"error": _TEXT, "message": _TEXT, "status": pd.Int64Dtype(), "request_id": _TEXT}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an account could not be read, as a row says it."""

    account: str
    error: str
    message: str
    status: int | None
    request_id: str | None


def failure_of(account: str, error: DovtabError) -> Failure:
    """An error as a row."""
    status, request_id = (getattr(error, name, None) for name in ("status", "request_id"))
    return Failure(account, type(error).__name__, str(error), status, request_id)


def frame(table: Table, rows: pa.Table, account: str, accounts: Sequence[str]) -> pd.DataFrame:
    """The rows of an account, which is one of these."""
    made = rows.to_pandas(types_mapper=_TYPES.get)
    for column in table.visible:
        if column.name in REPEATED:
            its = made[column.name].astype("category")
            more = sorted(set(its.cat.categories) - set(column.values))
            texts = pd.Index([*column.values, *more], dtype=_TEXT)
            made[column.name] = its.cat.set_categories(texts)
    made.insert(0, ACCOUNT, pd.Categorical([account] * len(made), categories=list(accounts)))
    return made


def parts_of(
    table: Table, rows: pa.Table, account: str, accounts: Sequence[str], slices: int
) -> list[pd.DataFrame]:
    """The same in so many parts, by Droplet: all rows of one are in one part."""
    if slices == 1:
        return [frame(table, rows, account, accounts)]
    ids = pc.fill_null(rows[(table.reads.parent or table.reads.item)[-1]], 0)
    places = pc.subtract(ids, pc.multiply(pc.divide(ids, slices), slices))
    return [
        frame(table, rows.filter(pc.equal(places, n)), account, accounts) for n in range(slices)
    ]


def empty_frame(table: Table, accounts: Sequence[str]) -> pd.DataFrame:
    """No rows."""
    return frame(table, joined(table, []), accounts[0], accounts)


def meta(table: Table, accounts: Sequence[str]) -> pd.DataFrame:
    """The same for Dask to know the types by."""
    repeated = [column.name for column in table.visible if column.name in REPEATED]
    return clear_known_categories(empty_frame(table, accounts), cols=repeated)


def failures_frame(found: Sequence[Failure], accounts: Sequence[str]) -> pd.DataFrame:
    """What could not be read, a row each."""
    rows = [asdict(failure) for failure in found]
    made: Any = pd.DataFrame(rows, columns=[ACCOUNT, *_FAILURE]).astype(_FAILURE)
    made[ACCOUNT] = pd.Categorical(made[ACCOUNT], categories=list(accounts))
    return made
