"""The tables of what the engine itself writes down: none of them asks the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dovtab.engine.account import Account
from dovtab.engine.acting.entry import log_columns, log_rows
from dovtab.engine.acting.posts import Post, plan_columns, plan_rows, post_columns
from dovtab.engine.journal import REQUEST_COLUMNS
from dovtab.engine.manifest import PLAN, POSTS, QUOTA, REQUESTS
from dovtab.engine.quota_waits import QUOTA_COLUMNS
from dovtab.engine.table import RecordTable
from dovtab.resources import Row, Table


def record_table(
    module: str,
    tables: Sequence[Table],
    account: Account,
    queued: Callable[[], Sequence[Post]],
    others: Callable[[], Iterable[Account]],
) -> RecordTable:
    """The one of this name.

    Args:
        account: the connection's own.
        queued: gives what the open transaction asks for.
        others: gives the accounts of the contexts that have been named.
    """
    if module == REQUESTS:
        return RecordTable(module, REQUEST_COLUMNS, account.journal.requests)
    if module == POSTS:
        posted = post_columns(tables)
        return RecordTable(module, posted, lambda: account.posts.rows(posted))
    if module == PLAN:
        planned = plan_columns(tables)
        return RecordTable(module, planned, lambda: plan_rows(queued(), planned))
    if module == QUOTA:
        return RecordTable(module, QUOTA_COLUMNS, lambda: quota_rows(account, others()))
    logged, log = log_columns(tables), account.log
    return RecordTable(module, logged, lambda: log_rows(log.entries(), logged, tables))


def quota_rows(account: Account, others: Iterable[Account]) -> list[Row]:
    """Both windows of the connection's own account, if it has a token, and of those it has used."""
    accounts = [account, *(other for other in others if other.is_used)]
    return [row for one in accounts for row in one.quota_rows()]
