"""Programs of one user, one after the other and beside each other, on real sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dovtab.api.shared_quota import SharedQuota, file_of
from dovtab.api.token import Token
from dovtab.simulator import Simulator

PROGRAMS, EACH, TIMES_FASTER = 5, 100, 20

# The clock that all processes of a boot share, but faster: a minute is over in three seconds.
PROGRAM = f"""
import os, sys, time
import apsw
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach

class Clock:
    def time(self):
        return time.time()
    def monotonic(self):
        return time.monotonic() * {TIMES_FASTER}
    def wait(self, event, seconds):
        return event.wait(seconds / {TIMES_FASTER})

db = apsw.Connection(":memory:")
attach(db, resolve({{"account_list": False}}, os.getenv), Clock())
ids = ", ".join(map(str, range(1, {EACH} + 1)))
print(list(db.execute(f"SELECT count(*) FROM droplet_actions WHERE droplet_id IN ({{ids}})")))
"""


class FastClock:
    def time(self) -> float:
        return 1_795_000_000.0 + time.monotonic() * TIMES_FASTER


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(clock=FastClock()) as simulator:
        for id in range(1, EACH + 1):
            simulator.account.add_droplet(droplet_id=id)
        monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
        yield simulator


def run() -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)


def test_programs_one_after_the_other_are_never_refused(account: Simulator) -> None:
    for _ in range(PROGRAMS):
        done = run()
        assert (done.stdout, done.stderr) == ("[(0,)]\n", "")
    statuses = Counter(request.status for request in account.requests)
    assert statuses == {200: PROGRAMS * EACH}


def test_programs_beside_each_other_are_never_refused(account: Simulator) -> None:
    command = [sys.executable, "-c", PROGRAM]
    programs = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [program.wait() for program in programs] == [0] * 4
    statuses = Counter(request.status for request in account.requests)
    assert statuses == {200: 4 * EACH}


def test_a_program_that_is_killed_with_requests_under_way_holds_nobody_up_for_long(
    account: Simulator,
) -> None:
    """Its requests were made, and count; and a minute later they do not."""
    account.latency = 60.0
    killed = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.DEVNULL)
    while len(account.requests) < 2:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    account.latency = 0.0
    path = file_of(
        os.environ["XDG_RUNTIME_DIR"] + "/dovtab/quota",
        account.url,
        Token(account.token, "a test"),
    )
    other, now = SharedQuota(path), time.monotonic() * TIMES_FASTER
    minute, _ = other.usage(now)
    assert minute.used >= 2
    minute, _ = other.usage(now + 60.01)
    assert minute.used == 0


FORKING = """
import os, sys
from pathlib import Path
from dovtab.api.clock import SystemClock
from dovtab.api.shared_quota import file_of
from dovtab.api.token import Token
from dovtab.engine.shared import shared

url, folder, token = "http://127.0.0.1:9", sys.argv[1], Token("simulator", "a test")
now, path = SystemClock().monotonic(), file_of(folder, url, token)
parents = shared(url, token, folder)
used = lambda quota, later: quota.usage(now + later)[0].used
print([parents.quota.take(now) for _ in range(3)])
sys.stdout.flush()
child = os.fork()
if child == 0:
    own = shared(url, token, folder)
    print([own.quota.take(now) for _ in range(2)], used(own.quota, 0), used(parents.quota, 0))
    print(sum(file.resolve() == path for file in Path("/proc/self/fd").iterdir()))
else:
    os.waitpid(child, 0)
    # What the child had taken is free a minute later; the parent still waits.
    print(used(parents.quota, 0), used(parents.quota, 60.01))
"""


def test_a_forked_child_counts_with_its_parent_and_has_a_lock_of_its_own(
    tmp_path: Path,
) -> None:
    """The parent's, which it would share, keeps neither from the other's slots."""
    command = [sys.executable, "-c", FORKING, str(tmp_path / "quota")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[0.0, 0.0, 0.0]", "[0.0, 0.0] 5 3", "1", "5 3"]


def test_a_demonstration_counts_for_itself() -> None:
    command = [sys.executable, "-m", "dovtab", "--demo", ":memory:"]
    query = "SELECT count(*) FROM droplet_actions(3164444)"
    done = subprocess.run([*command, query], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("8\n", "")
    assert not Path(os.environ["XDG_RUNTIME_DIR"]).exists()
    assert not Path(os.environ["HOME"]).exists()
