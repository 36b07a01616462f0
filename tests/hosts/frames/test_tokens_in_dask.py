"""A token is in nothing that Dask keeps, sends or shows."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from typing import Any

import cloudpickle
import pytest
from eight_accounts import NAMES, REVOKED, Fleet, token

from dovtab.errors import DovtabError
from dovtab.hosts.dask import read_actions

TOKENS = [token(name) for name in [*NAMES, REVOKED]]


def has_token(data: bytes | str) -> bool:
    text = data.decode("latin-1") if isinstance(data, bytes) else data
    return any(secret in text for secret in TOKENS)


def kept_by_scheduler(dask_scheduler: Any) -> bytes:
    """What it knows of the tasks: the graph as it was sent, and what has happened."""
    kept = []
    for task in dask_scheduler.tasks.values():
        kept.append((task.key, task.annotations, task.resource_restrictions, task.prefix.name))
        kept.append((str(task.run_spec), task.exception_text, task.traceback_text))
        kept.append(cloudpickle.dumps(task.run_spec))
        kept.append(cloudpickle.dumps((task.exception, task.traceback)))
    kept.append([str(event) for event in dask_scheduler.transition_log])
    kept.append(str(dask_scheduler.identity(n_workers=-1)))
    kept.append(str(dask_scheduler.get_events()))
    return pickle.dumps(kept)


def kept_by_worker(dask_worker: Any) -> bytes:
    state = dask_worker.state
    kept = [str(task) + str(task.run_spec) for task in state.tasks.values()]
    kept += [cloudpickle.dumps(task.run_spec) for task in state.tasks.values()]
    kept += [str(entry) for entry in [*state.log, *state.stimulus_log]]
    return pickle.dumps(kept)


def test_a_token_is_in_no_graph_no_log_and_no_error(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        rows = read_actions([*NAMES, REVOKED], failures=False, slices=2)
        with pytest.raises(DovtabError) as caught:
            rows.compute()
        told, failed = read_actions([*NAMES, REVOKED], failures=True)
        said = io.StringIO()
        traceback.print_exception(caught.value, file=said)
        client = fleet.client
        everything = [
            cloudpickle.dumps(rows.__dask_graph__()),
            cloudpickle.dumps(rows.expr),
            repr(rows) + str(rows.dask),
            said.getvalue(),
            pickle.dumps(caught.value),
            failed.compute().to_csv() + told.compute().to_csv(),
            client.run_on_scheduler(kept_by_scheduler),
            *client.run(kept_by_worker).values(),
            str(client.get_worker_logs()) + str(client.get_scheduler_logs()),
            str(client.scheduler_info()) + str(client.call_stack()),
            str(client.get_task_stream()),
        ]
    everything.append(caplog.text)
    assert len(everything[6]) > 10_000
    assert b"team-a" in everything[6]
    assert any(b"team-a" in part for part in everything[7:9])
    assert not any(map(has_token, everything))


def test_what_looks_for_it_would_find_it() -> None:
    assert has_token(cloudpickle.dumps({"token": token(NAMES[2])}))
