"""What one process has used of the quota, the next one knows; and no file is in anybody's way.

Two objects with one file are as two processes: the system's lock is between them, too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dovtab.api import quota as quotas
from dovtab.api.quota import MINUTE_REQUESTS
from dovtab.api.quota_file import MOMENTS
from dovtab.api.shared_quota import SharedQuota, file_of
from dovtab.api.token import Token
from thoroughness import examples

NOW = 10_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "quota"


def used(quota: SharedQuota, now: float) -> tuple[int, int]:
    minute, hour = quota.usage(now)
    return minute.used, hour.used


def take(quota: SharedQuota, count: int, now: float, *, answers: bool = True) -> None:
    for _ in range(count):
        assert quota.take(now) == 0
    for _ in range(count if answers else 0):
        quota.answered(now)


def test_the_next_process_knows_what_was_used(path: Path) -> None:
    first = SharedQuota(path)
    take(first, 100, NOW)
    take(first, 50, NOW + 1, answers=False)
    del first
    second, third = SharedQuota(path), SharedQuota(path)
    assert used(second, NOW + 2) == (150, 150)
    take(second, 100, NOW + 2)
    assert third.take(NOW + 2) == pytest.approx(58, abs=0.01)
    assert third.delay(NOW + 2) == pytest.approx(58, abs=0.01)
    assert third.take(NOW + 60.01) == 0
    assert used(third, NOW + 60.01) == (151, 251)


def test_slots_are_left_for_others_of_what_nobody_has_used(path: Path) -> None:
    take(SharedQuota(path), 150, NOW)
    careful = SharedQuota(path)
    while careful.take(NOW, leaving=(50, 50)) == 0:
        pass
    assert used(careful, NOW) == (200, 200)


def test_a_slot_counts_until_a_window_after_its_answer(path: Path) -> None:
    slow, other = SharedQuota(path), SharedQuota(path)
    take(slow, MINUTE_REQUESTS, NOW, answers=False)
    assert other.take(NOW + 1) == pytest.approx(59, abs=0.01)
    slow.answered(NOW + 30, attempts=0)
    assert other.take(NOW + 30) == 0
    for _ in range(MINUTE_REQUESTS - 1):
        slow.answered(NOW + 30)
    assert other.take(NOW + 61) == pytest.approx(29, abs=0.01)
    assert slow.take(NOW + 90.01) == 0


def test_what_was_sent_more_than_once_counts_as_often(path: Path) -> None:
    first, second = SharedQuota(path), SharedQuota(path)
    take(first, 2, NOW, answers=False)
    first.answered(NOW + 1, attempts=3)
    first.answered(NOW + 1, attempts=0)
    assert used(second, NOW + 2) == (3, 3)


def test_an_answer_that_took_longer_than_a_window_counts_from_then(path: Path) -> None:
    slow, other = SharedQuota(path), SharedQuota(path)
    take(slow, 1, NOW, answers=False)
    # Others see that it is long ago; whoever waits for it does not forget it.
    take(other, MINUTE_REQUESTS, NOW + 70)
    assert used(slow, NOW + 70)[0] == MINUTE_REQUESTS
    slow.answered(NOW + 100)
    assert used(other, NOW + 131) == (1, MINUTE_REQUESTS + 1)
    assert used(other, NOW + 160.01)[0] == 0


def test_a_process_that_is_killed_holds_its_slots_for_a_window_and_no_longer(
    path: Path,
) -> None:
    killed = SharedQuota(path)
    take(killed, MINUTE_REQUESTS, NOW, answers=False)
    del killed
    other = SharedQuota(path)
    assert other.take(NOW + 1) == pytest.approx(59, abs=0.01)
    take(other, MINUTE_REQUESTS, NOW + 60.01)


def test_a_refusal_and_the_hour_of_others_are_known_to_all(path: Path) -> None:
    first, second = SharedQuota(path), SharedQuota(path)
    take(first, 1, NOW, answers=False)
    first.answered(NOW, limit=5000, remaining=2)
    take(second, 2, NOW)
    assert second.take(NOW) == pytest.approx(60, abs=0.01)
    assert used(second, NOW) == (3, 5000)
    assert used(first, NOW + 61) == (0, 3)
    first.refused(NOW + 61, 5)
    first.refused(NOW + 61, 2)
    assert second.take(NOW + 62) == 4
    assert [usage.remaining for usage in second.usage(NOW + 62)] == [0, 4997]
    assert second.take(NOW + 66) == 0
    second.refused(NOW + 66, 9e11)
    assert first.take(NOW + 67) == 59


def test_a_folder_that_was_taken_away_is_not_made_again(path: Path) -> None:
    """It was temporary, or a session's that is over."""
    quota = SharedQuota(path)
    take(quota, 3, NOW)
    shutil.rmtree(path.parent)
    take(quota, MINUTE_REQUESTS - 3, NOW)
    assert quota.take(NOW) > 0
    assert not path.parent.exists()


def test_the_limit_of_an_account_that_has_more_is_known_to_all(path: Path) -> None:
    first, second = SharedQuota(path), SharedQuota(path)
    take(first, 1, NOW, answers=False)
    first.answered(NOW, limit=10_000, remaining=9_990)
    assert second.usage(NOW)[1] == ("hour", 10_000, 10, 0)


def test_an_hour_is_shared_and_more_than_the_ring_holds_hurts_nobody(path: Path) -> None:
    first, second = SharedQuota(path), SharedQuota(path)
    for minute in range(20):
        take(first, MINUTE_REQUESTS, NOW + 61 * minute)
    assert second.take(NOW + 61 * 20) == pytest.approx(3600 - 61 * 20, abs=0.01)
    assert [usage.used for usage in second.usage(NOW + 61 * 20)] == [0, 5000]
    later = NOW + 2 * 3600
    for minute in range(MOMENTS // MINUTE_REQUESTS):
        take(second, MINUTE_REQUESTS // 2, later + 250 * minute)
        take(first, MINUTE_REQUESTS // 2, later + 250 * minute)
    assert used(first, later + 250 * 31) == (MINUTE_REQUESTS, 15 * MINUTE_REQUESTS)


def test_a_clock_that_was_behind_for_a_moment_takes_no_slot_too_many(path: Path) -> None:
    """Somebody is stopped between his look at the clock and the lock."""
    first, second = SharedQuota(path), SharedQuota(path)
    take(first, MINUTE_REQUESTS, NOW + 20)
    assert second.take(NOW) > 0
    assert second.take(NOW + 80.01) == 0


@pytest.mark.parametrize("jump", [-9000.0, -3600.0, -61.0, 3601.0, 1e9])
def test_another_clock_keeps_nobody_waiting(path: Path, jump: float) -> None:
    """As after another boot, if the system does not say which."""
    take(SharedQuota(path), MINUTE_REQUESTS, NOW)
    take(SharedQuota(path), MINUTE_REQUESTS, NOW + jump)


def test_a_file_from_before_this_boot_is_as_good_as_empty(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = iter(["a" * 32, "b" * 32])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", lambda self, **_: next(boots))
        take(SharedQuota(path), MINUTE_REQUESTS, NOW)
        take(SharedQuota(path), MINUTE_REQUESTS, NOW)


def test_a_wrong_wall_clock_is_not_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1 / 0)
    take(SharedQuota(path), 3, NOW)
    assert used(SharedQuota(path), NOW) == (3, 3)


def test_it_is_for_the_user_alone_and_has_no_token_in_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        token = Token("dop_v1_secret", "a test")
        path = file_of(str(tmp_path / "a" / "b"), "https://api.example", token)
        assert path is not None
        take(SharedQuota(path), 3, NOW)
    finally:
        os.umask(mask)
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert b"secret" not in path.read_bytes()
    assert "secret" not in path.name
    assert token.fingerprint() not in path.name
    assert file_of(str(tmp_path), "https://api.example", Token("other", "")) != path
    assert file_of(str(tmp_path), "https://other.example", token) != path
    assert file_of(None, "https://api.example", token) is None


def test_a_number_of_requests_leaves_no_descriptor_open(path: Path) -> None:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(3):
        take(SharedQuota(path), 1, NOW)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


def spoil(path: Path, how: str) -> None:
    path.parent.mkdir()
    match how:
        case "empty":
            path.touch()
        case "short":
            path.write_bytes(b"dovtabq1")
        case "zeros":
            path.write_bytes(bytes(65_664))
        case "another's":
            path.write_bytes(b"SQLite format 3\0" * 10_000)
        case "a folder":
            path.mkdir()
        case "a link":
            path.symlink_to("/etc/passwd")
        case "a pipe":
            os.mkfifo(path)
        case "no folder":
            path.parent.rmdir()
            path.parent.touch()
        case "a folder for all":
            path.parent.chmod(0o777)
        case "a file for all":
            path.touch()
            path.chmod(0o666)


@pytest.mark.parametrize(
    ("how", "is_shared"),
    [
        *[(how, True) for how in ("empty", "short", "zeros", "another's")],
        *[(how, False) for how in ("a folder", "a link", "a pipe", "no folder")],
        *[(how, False) for how in ("a folder for all", "a file for all")],
    ],
)
def test_whatever_is_there_instead_a_process_counts_at_least_for_itself(
    path: Path, how: str, is_shared: bool
) -> None:
    spoil(path, how)
    first, second = SharedQuota(path), SharedQuota(path)
    take(first, MINUTE_REQUESTS, NOW)
    assert first.take(NOW) > 0
    first.refused(NOW, 1)
    assert (second.take(NOW) > 0) == is_shared


@pytest.mark.parametrize("call", ["open", "pread", "pwrite", "ftruncate", "fstat", "mkdir"])
def test_a_disk_that_is_full_or_read_only_keeps_nobody_from_asking(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    quota = SharedQuota(path)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        take(quota, MINUTE_REQUESTS, NOW)
        delay = quota.take(NOW)
    assert delay > 0
    assert used(quota, NOW) == (MINUTE_REQUESTS, MINUTE_REQUESTS)


def test_a_file_that_breaks_while_it_is_used_is_begun_anew(path: Path) -> None:
    first, second = SharedQuota(path), SharedQuota(path)
    take(first, 5, NOW, answers=False)
    os.truncate(path, 200)
    first.answered(NOW)
    os.truncate(path, 3)
    first.answered(NOW)
    assert used(second, NOW)[0] == 1
    path.unlink()
    for _ in range(3):
        first.answered(NOW)
    assert used(first, NOW)[0] == 5
    assert used(second, NOW)[0] == 3


@settings(max_examples=examples(100), deadline=None)
@given(damage=st.dictionaries(st.integers(0, 4000), st.integers(0, 255), max_size=8))
def test_damage_keeps_nobody_waiting_for_longer_than_a_window(
    tmp_path_factory: pytest.TempPathFactory, damage: dict[int, int]
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "folder" / "quota"
    take(SharedQuota(path), MINUTE_REQUESTS, NOW)
    data = bytearray(path.read_bytes())
    for place, value in damage.items():
        data[place] = value
    path.write_bytes(data)
    other = SharedQuota(path)
    assert other.take(NOW) <= 60.01
    # A moment that was to come has come by now, and has left the window.
    take(other, MINUTE_REQUESTS - 1, NOW + 120.02)


class Slept:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self, seconds: float) -> None:
        assert seconds <= 0.001
        self.times += 1


def test_whoever_has_it_locked_and_is_stopped_holds_up_nobody(path: Path) -> None:
    slept = Slept()
    quota, other = SharedQuota(path, slept), SharedQuota(path)
    take(quota, 1, NOW)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        take(quota, 100, NOW)
        assert slept.times == 50
        for second in range(1, 300):
            quota.delay(NOW + second)
        # After 1, 2, 4, ... seconds it is tried again, and after that once a minute.
        assert slept.times <= 50 * 12
    assert used(other, NOW + 300) == (0, 1)
    # Then the rest is made up for.
    take(quota, 1, NOW + 400)
    assert used(other, NOW + 400) == (1, 102)


def test_what_was_taken_while_it_was_locked_is_written_down_later(path: Path) -> None:
    quota, other = SharedQuota(path, Slept()), SharedQuota(path)
    take(quota, 1, NOW, answers=False)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        take(quota, 2, NOW, answers=False)
        quota.answered(NOW, attempts=2)
    quota.answered(NOW + 2)
    # The first still has the place of its taking, beside its two answers.
    assert used(other, NOW + 2) == (4, 4)
    quota.answered(NOW + 2, attempts=0)
    assert used(other, NOW + 2) == (4, 4)


RACING = """
import sys, threading, time
from pathlib import Path
from dovtab.api.shared_quota import SharedQuota
quota = SharedQuota(Path(sys.argv[1]), lambda seconds: time.sleep(0.02))
sys.stdin.readline()
taken = []
def race():
    while quota.take(10_000.0) == 0:
        taken.append(1)
threads = [threading.Thread(target=race) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(taken))
"""


def test_processes_that_race_for_the_last_slots_take_each_of_them_once(path: Path) -> None:
    command = [sys.executable, "-c", RACING, str(path)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    taken = [int(racer.communicate()[0]) for racer in racers]
    assert sum(taken) == MINUTE_REQUESTS
    assert used(SharedQuota(path), NOW) == (MINUTE_REQUESTS, MINUTE_REQUESTS)


FEW = 4


class Processes(RuleBasedStateMachine):
    """Any number of processes and a server that counts by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(quotas, "MINUTE_REQUESTS", FEW)
        self.now = NOW
        self.arrived: list[float] = []

    @initialize(folder=st.uuids())
    def begin(self, folder: object) -> None:
        self.path = Path(os.environ["HOME"]) / str(folder) / "quota"
        self.quotas = [SharedQuota(self.path) for _ in range(3)]
        self.under_way = [0, 0, 0]

    @rule(which=st.integers(0, 2))
    def ask(self, which: int) -> None:
        if self.quotas[which].take(self.now) == 0:
            self.under_way[which] += 1
            self.arrived.append(self.now)

    @rule(which=st.integers(0, 2), late=st.booleans())
    def answer(self, which: int, late: bool) -> None:
        if self.under_way[which]:
            self.under_way[which] -= 1
            self.quotas[which].answered(self.now)

    @rule(which=st.integers(0, 2))
    def kill(self, which: int) -> None:
        self.quotas[which] = SharedQuota(self.path)
        self.under_way[which] = 0

    @rule(seconds=st.floats(0, 25))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def never_more_than_the_limit(self) -> None:
        assert sum(moment > self.now - 60 for moment in self.arrived) <= FEW

    def teardown(self) -> None:
        if self.arrived:
            for which in range(3):
                self.kill(which)
            for _ in range(FEW):
                assert self.quotas[0].take(self.now + 60.01) == 0
        self.patch.undo()


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(
    max_examples=examples(60), stateful_step_count=40, deadline=None
)
