"""Where an account is asked: on the worker that has its resource, and nowhere else.

Theory of operation. A worker that has an account's token is started with a resource of the
context's name, ``--resources "prod=1"``. What asks that account is one task, which takes one
of it: so the scheduler keeps a token to that worker, and to one task at a time. It is
submitted as it is, with no graph around it: Dask's data frames ignore annotations, and would
run it anywhere.

Asking begins with the call, and happens once: whatever is then computed of the rows takes
them from the workers' memory. If a worker is lost, the scheduler runs its tasks again, as
soon as there is a worker with that resource; a task has no effect but its rows, so they are
there once. Without a client it is the same in this process, and the call waits for it.

Source: https://distributed.dask.org/en/stable/resources.html
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import dask

from dovtab.errors import SettingsError
from dovtab.hosts.dask.asked import Asked

# One that has died is there again in a few.
PATIENCE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1


def current_client() -> Any:
    """The client that Dask would use; None: there is none."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_client()
    except ValueError:
        return None


def submit(
    client: Any, what: str, function: Callable[..., object], asked: Sequence[Asked], *more: Any
) -> list[Any]:
    """Let a function be called with each of these, where it belongs.

    Args:
        what: what it is called, before the context, where tasks are shown.
        more: what else the function takes.

    Returns: for each a future; without a client something delayed that has been computed.

    Raises:
        SettingsError: no worker has the resource of an account.
    """
    if client is None:
        calls = [dask.delayed(function, pure=False)(one, *more) for one in asked]
        return [dask.delayed(result, traverse=False) for result in dask.compute(*calls)]
    if not client.asynchronous:
        _check(client, [one.context for one in asked])
    run = uuid4().hex
    return [
        client.submit(
            function,
            one,
            *more,
            key=f"{what}-{one.account}-{run}",
            resources={one.context: 1},
        )
        for one in asked
    ]


def apply(client: Any, function: Callable[..., object], result: Any, *more: Any) -> Any:
    """What a function makes of what was submitted, wherever that is."""
    if client is None:
        return dask.delayed(function)(result, *more)
    return client.submit(function, result, *more, pure=False)


def _check(client: Any, contexts: Sequence[str]) -> None:
    """See that there is a worker for each; a task that nobody may run would wait for ever."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := set(contexts) - _resources(client):
        if time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_SECONDS)
            continue
        one = min(missing)
        raise SettingsError(
            f"no worker has the resource '{one}': the worker with the token of that"
            f' context is started with --resources "{one}=1"'
            " (dovtab.hosts.dask.local_cluster does it for workers on this machine)"
        )


def _resources(client: Any) -> set[str]:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return {name for worker in workers for name in worker.get("resources", ())}
