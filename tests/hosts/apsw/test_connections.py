"""What a connection is in a child, in a thread of its own, and when it is closed."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.simulator import Fault, Simulator

FORKED = """
import os, sys, dovtab
db = dovtab.connect(token="simulator", api_url=sys.argv[1])
rows = iter(db.execute("SELECT id FROM droplet_actions WHERE droplet_id = 1 AND per_page = 2"))
first = [next(rows) for _ in range(3)]
child = os.fork()
if child == 0:
    try:
        list(rows)
    except dovtab.NetworkError as error:
        print("child:", error, flush=True)
    print("child:", db.execute("SELECT count(*) FROM droplet_actions(1)").get, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("parent:", len(first) + len(list(rows)))
"""


def test_a_child_has_an_error_where_its_parent_is_waiting_and_asks_for_itself(
    simulator: Simulator,
) -> None:
    """No thread survives a fork, so an answer that is on its way never comes there."""
    simulator.account.add_droplet(droplet_id=1)
    for _ in range(10):
        simulator.account.add_action(1)
    simulator.fault(Fault(kind="delay", path="page=4&per_page=2", seconds=1.0))
    ran = subprocess.run(
        [sys.executable, "-c", FORKED, simulator.url],
        capture_output=True,
        text=True,
        timeout=60,
    )
    error, *counts = ran.stdout.splitlines()
    assert error.startswith("child: a request was under way when this process was forked, and")
    assert counts == ["child: 10", "parent: 10"]


def in_a_loop(main: Callable[[apsw.Connection], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        connection = await apsw.Connection.as_async(":memory:")
        try:
            await main(connection)
        finally:
            await connection.aclose()

    asyncio.run(run())


ASYNC = pytest.mark.skipif(
    not hasattr(apsw.Connection, "as_async"), reason="this apsw has no asynchronous connections"
)


@ASYNC
def test_an_asynchronous_connection_says_how_it_is_registered() -> None:
    async def main(db: apsw.Connection) -> None:
        with pytest.raises(TypeError, match=r"await connection.async_run\(dovtab.register"):
            dovtab.register(db)

    in_a_loop(main)


@ASYNC
def test_an_asynchronous_connection_has_the_tables(simulator: Simulator) -> None:
    for id in range(1, 31):
        simulator.account.add_droplet(droplet_id=id)
        simulator.account.add_action(id)

    async def main(db: Any) -> None:
        async def rows(sql: str) -> list[Any]:
            return [row async for row in await db.execute(sql)]

        settings = {"token": simulator.token, "api_url": simulator.url}
        await db.async_run(dovtab.register, db, **settings)
        await db.execute(
            "CREATE TABLE inventory(id); INSERT INTO inventory VALUES (1), (2), (3)"
        )
        join = (
            "SELECT count(a.id) FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id"
        )
        assert await rows(join) == [(3,)]
        assert await rows("SELECT droplet_actions_post(1, 'reboot') ->> 'type'") == [
            ("reboot",)
        ]
        await db.execute("INSERT INTO droplet_actions(droplet_id, type) VALUES (2, 'reboot')")
        assert await rows("SELECT outcome FROM dovtab_posts") == [("sent",), ("sent",)]
        simulator.latency = 2
        slow = asyncio.create_task(db.execute("SELECT id FROM droplet_actions(9)"))
        await asyncio.sleep(0.1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert await rows("SELECT 1") == [(1,)]

    in_a_loop(main)


def test_a_thousand_connections_leave_nothing(simulator: Simulator) -> None:
    """Nothing that is registered may keep its connection alive."""
    before = len(apsw.connections())
    for _ in range(1000):
        dovtab.connect(token="simulator", api_url=simulator.url).execute("SELECT 1").fetchall()
    gc.collect()
    assert sum(c is not None for c in apsw.connections()) <= before + 1
