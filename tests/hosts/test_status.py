"""What a script can know of how the command ended, without reading what it said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from dovtab import errors
from dovtab.hosts import status
from dovtab.hosts.command import main
from dovtab.hosts.help import FOLDER
from dovtab.simulator import Fault, Simulator

Run = Callable[..., subprocess.CompletedProcess[str]]
CLASSES = [value for value in vars(errors).values() if isinstance(value, type)]
COMMAND = [sys.executable, "-m", "dovtab"]


@pytest.fixture
def run(simulator: Simulator, run: Run) -> Run:
    for id in (1, 2):
        simulator.account.add_droplet(droplet_id=id)
    return run


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_of_its_own_class(kind: type[errors.DovtabError]) -> None:
    """Not that of a parent by chance: whoever adds an error decides."""
    assert [entry for entry in status.STATUSES if entry[0] is kind]
    first = next(entry for entry in status.STATUSES if issubclass(kind, entry[0]))
    assert first[0] is kind
    assert first[1] in status.MEANINGS


def actions(unknown: int, refused: int) -> errors.ActionsError:
    return errors.ActionsError("", sent=1, inferred=0, refused=refused, unknown=unknown)


def test_an_unknown_outcome_is_worse_than_a_refusal() -> None:
    assert status.status_of(actions(unknown=0, refused=3)) == status.REFUSED
    assert status.status_of(actions(unknown=1, refused=3)) == status.UNKNOWN
    lost = errors.NetworkError("lost")
    assert status.status_of(lost) == status.UNANSWERED
    lost.outcome = "unknown"
    assert status.status_of(lost) == status.UNKNOWN


def test_the_worst_does_not_depend_on_the_order_they_came_in() -> None:
    for one, other in permutations(status.MEANINGS, 2):
        assert status.worst(one, other) == status.worst(other, one)
    assert status.worst(*status.MEANINGS) == status.INTERRUPTED
    assert status.worst(status.OK, status.UNREAD) == status.UNREAD


def test_help_lists_them_all(run: Run) -> None:
    said = run("--help", "exit").stdout
    assert said == status.listed() + "\n"
    for number, meaning in status.MEANINGS.items():
        assert f" {number}  {meaning[:20]}" in said
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "exit: what the exit status means" in run("--help").stdout


def test_so_does_the_page_of_the_command() -> None:
    text = (FOLDER / "command.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", text, re.M)
    assert {int(number): said.replace("`", "") for number, said in rows} == status.MEANINGS
    order = re.search(r"helps least: ([\d, then\n]+)\.", text)
    assert order is not None
    assert [*map(int, re.findall(r"\d+", order[1])), 0] == list(status.MEANINGS)


def test_help_has_the_pages_too(run: Run) -> None:
    assert run("--help", "command").stdout.startswith("The command\n")
    ran = run("--help", "nothing")
    assert (ran.returncode, ran.stdout) == (status.CANNOT_START, "")
    assert "there is no help on 'nothing'" in ran.stderr


ONE = "SELECT * FROM droplet_actions(1)"
POST = "SELECT droplet_actions_post({}, 'reboot')"
INSERT = "INSERT INTO droplet_actions(droplet_id, type) VALUES "


@pytest.mark.parametrize(
    ("arguments", "fault", "ended"),
    [
        ((":memory:", ONE), None, status.OK),
        ((":memory:", "SELECT 1", "SELEC 2"), None, status.WRONG),
        ((":memory:", "CREATE TABLE t(a CHECK (a > 1))", "INSERT INTO t VALUES (1)"), None, status.WRONG),
        ((":memory:", INSERT + "(1, 'dance')"), None, status.WRONG),
        (("no/such.db", "SELECT 1"), None, status.WRONG),
        ((":memory:", ".nothing"), None, status.WRONG),
        (("--nothing", ":memory:"), None, status.CANNOT_START),
        (("-separator",), None, status.CANNOT_START),
        (("--max-requests=0", ":memory:", ONE), None, status.CANNOT_START),
        (("--context", "qa", ":memory:", ONE), None, status.CANNOT_START),
        (("--refresh", "no/such.db"), None, status.CANNOT_START),
        (("--hub", "no/such.db"), None, status.CANNOT_START),
        (("--read-only", ":memory:", POST.format(1)), None, status.REFUSED),
        (("--max-actions=1", ":memory:", INSERT + "(1, 'reboot'), (2, 'reboot')"), None, status.REFUSED),
        ((":memory:", INSERT + "(1, 'reboot'), (9, 'reboot')"), None, status.REFUSED),
        ((":memory:", POST.format(9)), None, status.REFUSED),
        (("--dry-run", ":memory:", INSERT + "(9, 'reboot')"), None, status.REFUSED),
        (("--dry-run", ":memory:", POST.format(9)), None, status.REFUSED),
        (("--log", "/dev/null/x", ":memory:", POST.format(1)), None, status.REFUSED),
        ((":memory:", "UPDATE droplet_actions SET type = 'x'"), None, status.REFUSED),
        ((":memory:", "BEGIN", INSERT + "(1, 'reboot')"), None, status.REFUSED),
        ((":memory:", ONE), Fault(kind="status", status=500, times=None), status.UNANSWERED),
        ((":memory:", ONE), Fault(kind="malformed_json", times=None), status.UNANSWERED),
        ((":memory:", ONE), Fault(kind="close", times=None), status.UNANSWERED),
        (("--refresh", "h.db"), Fault(kind="status", status=401, times=None), status.CANNOT_START),
        (("--api-url", "http://127.0.0.1:9", ":memory:", ONE), None, status.UNANSWERED),
        (("--max-wait-seconds=0", ":memory:", ONE), Fault(kind="status", status=429, times=None), status.LIMIT),
        (("--max-requests=1", ":memory:", "SELECT * FROM droplet_actions WHERE droplet_id IN (1, 2)"), None, status.LIMIT),
    ],
)  # fmt: skip
def test_how_it_ended_is_in_the_status(
    run: Run, simulator: Simulator, arguments: tuple[str, ...], fault: Fault | None, ended: int
) -> None:
    if fault is not None:
        simulator.fault(fault)
    ran = run(*arguments)
    assert (ran.returncode, "Traceback" in ran.stderr) == (ended, False), ran.stderr


@pytest.mark.parametrize("sql", [POST.format(1), INSERT + "(1, 'reboot'), (9, 'reboot')"])
def test_a_lost_answer_that_nobody_finds_is_unknown(
    run: Run, simulator: Simulator, sql: str
) -> None:
    """As a function raises it, and as a COMMIT does that was refused something else, too."""
    simulator.fault(Fault(kind="close", method="POST", path="droplets/1/", times=None))
    simulator.fault(Fault(kind="status", status=403, method="GET", times=None))
    ran = run(":memory:", sql)
    assert ran.returncode == status.UNKNOWN, ran.stderr
    assert "may have been carried out" in ran.stderr


def test_a_wait_that_is_over_too_early_is_unknown(run: Run, simulator: Simulator) -> None:
    """The action goes on: nobody can say what it will have come to."""
    action = simulator.account.add_action(1, "snapshot", "in-progress", seconds=60)
    ran = run(":memory:", f"SELECT droplet_actions_wait(1, {action.id}, 0)")
    assert ran.returncode == status.UNKNOWN, ran.stderr
    ran = run(":memory:", f"SELECT droplet_actions_outcome(1, {action.id}, 0)")
    assert (ran.returncode, ran.stdout) == (0, "timeout\n")


def test_of_a_script_that_goes_on_the_worst_counts(run: Run) -> None:
    refused = INSERT + "(9, 'reboot');\n"
    for end in ("", ".quit\n", ".exit\n"):
        ran = run(input=f"{refused}SELECT 7;\n{end}")
        assert (ran.returncode, ran.stdout) == (status.REFUSED, "7\n")
        ran = run(input=f".bail off\nSELEC;\n{refused}SELEC;\n{end}")
        assert ran.returncode == status.REFUSED
    ran = run(":memory:", ".bail off", "SELECT 1", input="")
    assert ran.returncode == status.OK
    assert run(input=f"{refused}SELEC;\n").returncode == status.REFUSED
    # A script may have statuses of its own.
    assert run(input=f"{refused}.exit 7\n").returncode == 7
    assert run(input=f"{refused}.exit 0\n").returncode == 0


def test_of_several_accounts_the_worst_counts(
    run: Run, simulator: Simulator, tmp_path: Path
) -> None:
    """One answers nonsense now, the token of the other is none, or the file has another's."""
    simulator.account.add_token("of-a", label="a")
    both = {"DIGITALOCEAN_TOKEN_A": "of-a", "DIGITALOCEAN_TOKEN_B": "of-nobody"}
    only = {"DIGITALOCEAN_TOKEN_A": "of-a"}
    for tokens, ended in ((only, status.UNANSWERED), (both, status.CANNOT_START)):
        # No answer of the API's: nobody asks again, and waits before that.
        simulator.fault(Fault(kind="malformed_json"))
        assert run("--all-contexts", "--refresh", "h.db", **tokens).returncode == ended
    assert run("--all-contexts", "--refresh", "h.db", **only).returncode == status.OK
    config = tmp_path / "config.yaml"
    config.write_text("auth-contexts:\n  c: of-a\n")
    more = both | {"DIGITALOCEAN_CONFIG": str(config)}
    ran = run("--all-contexts", "--refresh", "h.db", **more)
    assert ran.returncode == status.CANNOT_START, ran.stderr


def test_whoever_stops_reading_is_told_from_what_went_wrong(run: Run) -> None:
    numbers = (
        "WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100000) SELECT n FROM c"
    )
    for first, ended in (("", status.UNREAD), (".bail off\nSELEC;\n", status.WRONG)):
        reader, writer = os.pipe()
        process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE, text=True
        )
        os.close(writer)
        os.close(reader)
        _, said = process.communicate(f"{first}{numbers};\n", timeout=20)
        assert process.returncode == ended
        assert "Broken" not in said


def test_main_gives_it(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "of-nobody")
    assert main([":memory:", ONE]) == status.CANNOT_START
