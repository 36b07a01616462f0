"""A statement that waits is cancelled at once, and a server ends when it is told to."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from postgres_server import SECONDS, Server

from dovtab.simulator import Fault, Simulator

FIRST = 3164444
ASK = f"SELECT count(*) FROM digitalocean.droplet_actions({FIRST});"


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def stalled(server: Server, account: Simulator) -> Callable[[], bool]:
    """The API does not answer; tells whether somebody waits for it."""
    before = len(account.requests)
    account.fault(Fault("stall", times=None))
    return lambda: len(account.requests) > before


CANCEL = (
    "SELECT count(pg_{}_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT c%dr%4);'"
)


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_a_request_without_an_answer_is_given_up(
    server: Server, stalled: Callable[[], bool], how: str
) -> None:
    with server.running(ASK + "SELECT 'goes on';") as psql:
        until(stalled)
        server.rows(CANCEL.format(how))
        printed, said = psql.communicate(timeout=SECONDS)
    if how == "cancel":
        assert "QueryCanceled: canceling statement due to user request" in said
        assert printed == "goes on\n"
    else:
        assert "terminating connection due to administrator command" in said
        assert printed == ""


def test_statement_timeout_counts(server: Server, stalled: Callable[[], bool]) -> None:
    # By then dovtab is loaded, and it is the wait that takes long.
    loaded = "SELECT count(*) FROM digitalocean.dovtab_quota();"
    said = server.error(f"{loaded}\nSET statement_timeout = 100;\n{ASK}")
    assert stalled()
    assert said.startswith("57014: ")
    assert "canceling statement due to statement timeout" in said


def test_psql_that_is_interrupted_cancels(server: Server, stalled: Callable[[], bool]) -> None:
    """Ctrl-C; and the connection goes on."""
    with server.running(ASK) as psql:
        until(stalled)
        psql.send_signal(signal.SIGINT)
        _, said = psql.communicate(timeout=SECONDS)
    assert "canceling statement due to user request" in said


def test_a_wait_for_the_quota_is_cancelled(
    server: Server, account: Simulator, asked: Callable[[], list[str]]
) -> None:
    """Other processes of the server have used it up."""
    account.fault(Fault("status", status=429, retry_after=50, times=None))
    with server.running(ASK) as psql:
        until(asked)
        server.rows(CANCEL.format("cancel"))
        _, said = psql.communicate(timeout=SECONDS)
    assert "canceling statement due to user request" in said


def test_a_process_that_waits_does_not_keep_others_from_what_all_must_agree_to(
    server: Server, stalled: Callable[[], bool]
) -> None:
    """DROP DATABASE waits until every process of the server has looked up."""
    server.psql("CREATE DATABASE gone")
    with server.running(ASK) as psql:
        until(stalled)
        server.rows("DROP DATABASE gone")
        server.rows(CANCEL.format("cancel"))
        psql.communicate(timeout=SECONDS)


def test_processes_share_the_quota(server: Server) -> None:
    """What one has asked another counts, and what comes after a restart, too."""

    def used() -> int:
        query = "SELECT used FROM digitalocean.dovtab_quota() WHERE \"window\" = 'minute'"
        ((count,),) = server.rows(query)
        return int(count)

    assert used() == 0
    server.rows(ASK)
    server.rows(ASK)
    assert used() == 2
    server.stop()
    server.start()
    server.rows(ASK)
    assert used() == 3


def test_two_at_once(server: Server, account: Simulator) -> None:
    """Each in its own process, side by side."""
    account.latency = 0.3
    try:
        with server.running(ASK) as one, server.running(ASK.replace("4);", "5);")) as other:
            said = [psql.communicate(timeout=SECONDS) for psql in (one, other)]
    finally:
        account.latency = 0.0
    assert said == [("8\n", ""), ("8\n", "")]


def test_threads_of_ours_take_no_signal_of_the_server_s(
    server: Server, stalled: Callable[[], bool]
) -> None:
    """Its handlers change what only its own thread may."""
    with server.running(ASK) as psql:
        until(stalled)
        ((pid,),) = server.rows(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT c%dr%4);'"
        )
        others = [task for task in Path(f"/proc/{pid}/task").iterdir() if task.name != pid]
        said = [(task / "status").read_text() for task in others]
        blocked = [int(re.findall(r"SigBlk:\s(\w+)", text)[0], 16) for text in said]
        server.rows(CANCEL.format("cancel"))
        psql.communicate(timeout=SECONDS)
    assert blocked
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1):
        assert all(mask >> (number - 1) & 1 for mask in blocked)


WATCH = """
DO LANGUAGE plpython3u $$
import sys, time
sys.path.insert(0, '{}')
from dovtab.hosts.postgres.interrupts import Interrupts
interrupts = Interrupts()
assert not interrupts.are_pending()
plpy.notice('watching')
while not interrupts.are_pending():
    time.sleep(0.01)
plpy.notice('seen')
$$;
"""


def test_a_foreign_table_sees_that_its_statement_is_cancelled(server: Server) -> None:
    """It has no other way to ask; tried where there is no multicorn2, too."""
    with server.running(WATCH.format(server.folder / "site")) as psql:
        assert psql.stderr
        assert "watching" in psql.stderr.readline()
        server.rows(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%Interrupts%'"
            " AND pid <> pg_backend_pid()"
        )
        _, said = psql.communicate(timeout=SECONDS)
    assert "seen" in said
