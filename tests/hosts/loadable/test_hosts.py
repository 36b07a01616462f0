"""Every host program answers from the extension, acts when it is allowed to, and recovers.

Where the variable DOVTAB_HOSTS names the folder of `install_hosts.sh`, no host may be missing;
elsewhere one that is not installed is skipped, with the reason.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from host_programs import FOLDER, HOSTS, INTERRUPTED, Host, HostError, Runner, needs

import dovtab
from built import needs_extension
from dovtab.simulator import Fault, Simulator

SLOW = 60.0
COUNT = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 3"
# Datasette's own limit is a second; what takes longer than this was not interrupted.
SOON = 10.0

pytestmark = needs_extension


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """An account and a host that only read outlive each of their tests."""


@pytest.fixture(scope="module", params=HOSTS, ids=lambda host: host.name)
def host(request: pytest.FixtureRequest) -> Host:
    return needs(request.param.name)


@contextmanager
def populated() -> Iterator[Simulator]:
    """Droplets 1 to 20 with three actions each, and Droplet 100 with 450."""
    with Simulator() as simulator:
        for id in range(1, 21):
            simulator.account.add_droplet(droplet_id=id)
            for n in range(3):
                simulator.account.add_action(id, id=1000 * id + n)
        simulator.account.add_droplet(droplet_id=100)
        for n in range(450):
            simulator.account.add_action(100, id=1_000_000 + n)
        yield simulator


def started(host: Host, account: Simulator, folder: Path, **settings: str) -> Runner:
    """The host, with a database file there; its helper can be told by a mark."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIGITALOCEAN_", "DOVTAB_"))
    } | {
        "DIGITALOCEAN_TOKEN": account.token,
        "DIGITALOCEAN_API_URL": account.url,
        "DOVTAB_CACHE_SECONDS": "0",
        "DOVTAB_LOG": "off",
        "MARK": str(uuid.uuid4()),
        "XDG_RUNTIME_DIR": str(folder),
    }
    path = Path(dovtab.loadable_path() + ".so")
    return Runner(host, FOLDER, path, folder / "fleet.db", environment | settings)


@dataclass(frozen=True)
class Running:
    """A host, what it is connected to, and its folder."""

    runner: Runner
    account: Simulator
    folder: Path


@pytest.fixture(scope="module")
def running(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Not allowed to act: one for all that is only read."""
    folder = tmp_path_factory.mktemp(host.name)
    inventory(folder)
    with populated() as account, started(host, account, folder) as runner:
        yield Running(runner, account, folder)


@pytest.fixture
def runner(running: Running) -> Runner:
    return running.runner


@pytest.fixture
def account(running: Running) -> Iterator[Simulator]:
    yield running.account
    running.account.clear_faults()
    running.account.latency = 0.0


def kill_helpers(runner: Runner) -> int:
    """End the helpers of this host, and wait until they have; gives how many there were."""
    mark, killed = f"MARK={runner.environment['MARK']}".encode(), 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = mark in (process / "environ").read_bytes()
            if is_ours and b"dovtab.hosts.pipe" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
                while len(list((process / "task").iterdir())) > 1 or is_alive(process):
                    time.sleep(0.005)
        except OSError:
            continue
    return killed


def is_alive(process: Path) -> bool:
    return b"State:\tZ" not in (process / "status").read_bytes()


def inventory(folder: Path) -> None:
    """An ordinary table in the database file; not every host can make one."""
    import sqlite3

    with sqlite3.connect(folder / "fleet.db") as db:
        db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany(
            "INSERT INTO inventory VALUES (?, ?)", [(n, f"web-{n}") for n in range(1, 21)]
        )
    db.close()


def test_a_host_asks_what_apsw_s_door_asks(
    host: Host, runner: Runner, account: Simulator
) -> None:
    def asked(sql: str) -> tuple[list[list[object]], int]:
        before = len(account.requests)
        rows = runner.rows(sql)
        return rows, len(account.requests) - before

    one = "SELECT id, status FROM droplet_actions WHERE droplet_id = 1 AND id = 1001"
    assert asked(one) == ([[1001, "completed"]], 1)
    all = "SELECT count(*), min(id), max(id) FROM droplet_actions WHERE droplet_id = 100"
    rows, requests = asked(all)
    assert rows == [[450, 1_000_000, 1_000_449]]
    # What PHP does before it is asked for rows may bring a page more.
    assert requests == 3 or (host.starts_twice and requests <= 6)
    join = "SELECT name, count(*) FROM inventory i JOIN droplet_actions a ON a.droplet_id = i.id GROUP BY name ORDER BY i.id"
    rows, requests = asked(join)
    assert rows == [[f"web-{n}", 3] for n in range(1, 21)]
    # Two of the lists, then three pages of the account's and who is there.
    assert requests == 6 or host.starts_twice
    rows, requests = asked(
        "SELECT count(DISTINCT droplet_id) FROM droplet_actions WHERE droplet_id IN (2, 5, 7, 7)"
    )
    assert rows == [[3]]
    assert requests == 3 or host.starts_twice
    rows, requests = asked("SELECT id FROM droplet_actions WHERE droplet_id = 100 LIMIT 3")
    assert len(rows) == 3
    assert requests == 1 or host.starts_twice
    assert account.requests[-1].query["per_page"] == "3"
    rows, requests = asked(
        "SELECT NULL, 'é', -1.5, 9007199254740991, region_slug FROM droplet_actions WHERE droplet_id = 1 AND id = 1001"
    )
    assert rows == [[None, "é", -1.5, 9007199254740991, "nyc3"]]


def test_a_host_shows_the_api_s_own_words(runner: Runner, account: Simulator) -> None:
    account.fault(Fault(kind="status", path="/3/actions", status=403, times=None))
    with pytest.raises(HostError, match=r"403 .*request id"):
        runner.rows(COUNT)


POST = "SELECT droplet_actions_post(1, 'reboot')"


def posts(account: Simulator) -> list[str]:
    return [request.path for request in account.requests if request.method == "POST"]


def test_a_host_does_not_act_unless_it_is_allowed_to(
    runner: Runner, account: Simulator
) -> None:
    with pytest.raises(HostError, match="DOVTAB_ALLOW_ACTIONS=1"):
        runner.rows(POST)
    assert posts(account) == []


def test_a_host_acts_if_it_is_allowed_to(host: Host, tmp_path: Path) -> None:
    with (
        populated() as account,
        started(host, account, tmp_path, DOVTAB_ALLOW_ACTIONS="1") as runner,
    ):
        # What starts a SELECT twice would act twice; the README says so.
        if not host.starts_twice:
            assert '"type":"reboot"' in str(runner.rows(POST)[0][0])
            assert posts(account) == ["/v2/droplets/1/actions"]
        before = posts(account)
        if not host.can_write:
            return
        insert = "INSERT INTO droplet_actions(droplet_id, type) VALUES ({}, 'reboot')"
        runner.rows(insert.format(2))
        assert posts(account) == [*before, "/v2/droplets/2/actions"]
        with pytest.raises(HostError, match="type must be one of"):
            runner.rows(insert.format(3).replace("reboot", "nonsense"))
        if not host.process_each:
            runner.rows("BEGIN")
            runner.rows(insert.format(3))
            assert runner.rows("SELECT droplet_id, type FROM dovtab_plan") == [[3, "reboot"]]
            runner.rows("ROLLBACK")
            runner.rows("BEGIN")
            runner.rows(insert.format(4))
            runner.rows("COMMIT")
            assert runner.rows(
                "SELECT droplet_id, outcome FROM dovtab_posts WHERE droplet_id > 1"
            ) == [[2, "sent"], [4, "sent"]]
            assert posts(account) == [
                *before,
                "/v2/droplets/2/actions",
                "/v2/droplets/4/actions",
            ]


@pytest.mark.parametrize(
    "host",
    [one for one in HOSTS if one.can_interrupt],
    ids=lambda host: host.name,
    indirect=True,
)
def test_a_host_can_be_interrupted(runner: Runner, account: Simulator) -> None:
    assert runner.rows(COUNT) == [[3]]
    account.latency = SLOW
    began = time.monotonic()
    answer = runner.ask(COUNT, interrupt_after=0.3)
    assert INTERRUPTED.search(str(answer.get("error"))), answer
    assert time.monotonic() - began < SOON
    account.latency = 0.0
    assert runner.rows(COUNT) == [[3]]


def test_the_helper_may_be_killed_and_the_next_query_is_right(
    host: Host, runner: Runner, account: Simulator
) -> None:
    assert runner.rows(COUNT) == [[3]]
    if not host.process_each:
        assert kill_helpers(runner) == 1
    assert runner.rows(COUNT) == [[3]]
    account.latency = SLOW
    killer = threading.Thread(target=kill_when_asked, args=(runner, account))
    killer.start()
    answer = runner.ask(COUNT)
    killer.join()
    # Datasette's limit may come first.
    assert "its helper has ended" in str(answer) or "too long" in str(answer)
    account.latency = 0.0
    assert runner.rows(COUNT) == [[3]]


def kill_when_asked(runner: Runner, account: Simulator) -> None:
    before, ends_at = len(account.requests), time.monotonic() + SOON
    while len(account.requests) == before and time.monotonic() < ends_at:
        time.sleep(0.01)
    kill_helpers(runner)
