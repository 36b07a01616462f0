"""``local_cluster``: worker processes on this machine, each with the tokens of some accounts.

Dask's own LocalCluster gives every worker the same resources, and then a token would be used
by all of them.

Source: https://docs.dask.org/en/stable/deploying-python.html#reference
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dovtab.hosts.dask.asked import contexts_of


def local_cluster(contexts: str | Iterable[str], n_workers: int = 2, **options: Any) -> Any:
    """A LocalCluster whose workers share these contexts out among themselves.

    A worker has as many threads as it has accounts, at most 16: they wait for the network
    most of the time. A worker process that dies is started again, with the same accounts.

    Args:
        options: of Dask's `LocalCluster`. Its dashboard is off unless they say where it is.

    Raises:
        ArgumentError: there is no context, or one twice.
    """
    from distributed import LocalCluster

    names = contexts_of(contexts)
    n_workers = max(1, min(n_workers, len(names)))
    threads = min(16, -(-len(names) // n_workers))
    given = {
        "threads_per_worker": threads,
        "memory_limit": 1 / n_workers,  # of the machine's
    } | options
    if given.get("dashboard_address") is None:
        # Without an address it would still serve its health at a port that others may have.
        without = {"dashboard": False, **given.get("scheduler_kwargs", {})}
        given |= {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": without}
    cluster = LocalCluster(n_workers=0, **given)
    try:
        worker = cluster.new_spec
        for number in range(n_workers):
            resources = dict.fromkeys(names[number::n_workers], 1)
            cluster.worker_spec[number] = {
                "cls": worker["cls"],
                "options": {**worker["options"], "resources": resources},
            }
        cluster.scale(n_workers)
        cluster.wait_for_workers(n_workers)
    except BaseException:
        cluster.close()
        raise
    return cluster
