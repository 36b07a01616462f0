"""The tables of what the engine itself knows: none of them asks the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dovtab.engine.account import Account
from dovtab.engine.acting.entry import log_columns, log_rows
from dovtab.engine.acting.posts import Post, plan_columns, plan_rows, post_columns
from dovtab.engine.catalogue import COLUMN_COLUMNS, TYPE_COLUMNS, column_rows, type_rows
from dovtab.engine.journal import REQUEST_COLUMNS
from dovtab.engine.manifest import COLUMNS, LOG, PLAN, POSTS, QUOTA, REQUESTS, TYPES, Module
from dovtab.engine.quota_waits import QUOTA_COLUMNS
from dovtab.engine.table import RecordTable
from dovtab.resources import Column, Row, Table


def record_columns(tables: Sequence[Table]) -> dict[str, tuple[Column, ...]]:
    """The columns of each of these tables.

    >>> from dovtab.engine.manifest import RECORDS
    >>> from dovtab.resources import TABLES
    >>> list(record_columns(TABLES)) == list(RECORDS)
    True
    """
    return {
        REQUESTS: REQUEST_COLUMNS,
        POSTS: post_columns(tables),
        PLAN: plan_columns(tables),
        LOG: log_columns(tables),
        QUOTA: QUOTA_COLUMNS,
        COLUMNS: COLUMN_COLUMNS,
        TYPES: TYPE_COLUMNS,
    }


def record_table(
    module: str,
    tables: Sequence[Table],
    account: Account,
    queued: Callable[[], Sequence[Post]],
    others: Callable[[], Iterable[Account]],
    modules: Callable[[], Iterable[Module]],
) -> RecordTable:
    """The one of this name.

    Args:
        account: the connection's own.
        queued: gives what the open transaction asks for.
        others: gives the accounts of the contexts that have been named.
        modules: gives all tables that there are.
    """
    found = record_columns(tables)
    columns, log = found[module], account.log
    rows: dict[str, Callable[[], Iterable[Row]]] = {
        REQUESTS: account.journal.requests,
        POSTS: lambda: account.posts.rows(columns),
        PLAN: lambda: plan_rows(queued(), columns),
        LOG: lambda: log_rows(log.entries(), columns, tables),
        QUOTA: lambda: quota_rows(account, others()),
        COLUMNS: lambda: column_rows(tables, [m.name for m in modules()], found),
        TYPES: lambda: type_rows(tables),
    }
    return RecordTable(module, columns, rows[module])


def quota_rows(account: Account, others: Iterable[Account]) -> list[Row]:
    """Both windows of the connection's own account, if it has a token, and of those it has used."""
    accounts = [account, *(other for other in others if other.is_used)]
    return [row for one in accounts for row in one.quota_rows()]
