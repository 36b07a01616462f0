"""The command, as a script, at a prompt, and with its wrong turns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pexpect
import pytest
from said import said

from dovtab.engine.manifest import manifest
from dovtab.hosts.command import main
from dovtab.hosts.shell.shell import Shell
from dovtab.resources import TABLES
from dovtab.simulator import Fault, Simulator
from dovtab.version import VERSION

Run = Callable[..., subprocess.CompletedProcess[str]]
MANIFEST = manifest(TABLES)
COMMAND = [sys.executable, "-m", "dovtab"]


@pytest.fixture
def run(fleet: Simulator, run: Run) -> Run:
    return run


REBOOT = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')"
IDS = "SELECT id FROM droplet_actions WHERE droplet_id = 1 AND id > 101 ORDER BY id"


@pytest.mark.parametrize(
    ("mode", "printed"),
    [
        ((), "102\n103\n"),
        (("-json",), '[{ "id": 102},\n{ "id": 103}]\n'),
        (("--jsonl",), '{ "id": 102}\n{ "id": 103}\n'),
        (("-csv", "-header"), "id\n102\n103\n"),
        (("-line",), "id = 102\n\n   id = 103\n"),
    ],
)
@pytest.mark.parametrize("colour", [{}, {"NO_COLOR": "1"}])
def test_output_modes_are_options(
    run: Run, mode: tuple[str, ...], printed: str, colour: dict[str, str]
) -> None:
    ran = run(*mode, ":memory:", IDS, **colour)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.replace("\r\n", "\n").strip() == printed.strip()


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        ((":memory:", "SELEC 1"), 'near "SELEC": syntax error', 1),
        ((":memory:", "SELECT absent FROM droplet_actions"), "no such column: absent", 1),
        ((":memory:", "SELECT 1", "SELECT * FROM droplet_actions(1) WHERE page = 0"), "page must be 1 or more, not 0", 1),
        ((":memory:", ".nothing"), "no such command: .nothing", 1),
        (("--nothing",), "there is no option 'nothing'; dovtab --help shows them", 2),
        (("--context",), "--context needs a value", 2),
        (("--context", "qa", ":memory:", IDS), "context 'qa' has no token: DIGITALOCEAN_TOKEN_QA is not set, and there is no ", 2),
        (("--api-url", "http://example.com", ":memory:", IDS), "api_url must be https://", 2),
        (("--demo", "--context", "qa", ":memory:", IDS), "--demo has an account of its own", 2),
        (("SELECT 1 AS one",), "the database comes before the SQL", 2),
        ((":memory:", "--dry-run", REBOOT), "--dry-run comes before the database", 2),
        ((":memory:", REBOOT, "--read-only"), "--read-only comes before the database", 2),
        (("-box", ":memory:", REBOOT, "-json"), "-json comes before the database", 2),
        (("--api-url", "x", ":memory:", "--context", "prod", REBOOT), "--context comes before", 2),
        (("nowhere/at/all.db", "SELECT 1"), "Error: unable to open database file: nowhere/at/all.db", 1),
    ],
)  # fmt: skip
def test_what_fails_is_one_line_and_a_status(
    run: Run, arguments: tuple[str, ...], message: str, status: int, tmp_path: Path
) -> None:
    ran = run(*arguments)
    assert ran.returncode == status
    (line,) = ran.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_a_comment_among_the_sql_is_none_of_an_option(run: Run) -> None:
    ran = run(":memory:", "-- a comment", "--dry-run\nSELECT 1", "SELECT -1")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1\n-1\n", "")


def test_a_wrong_setting_in_the_environment_is_one_line(run: Run) -> None:
    ran = run(":memory:", "SELECT 1", DOVTAB_MAX_REQUESTS="0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Error: DOVTAB_MAX_REQUESTS must be a whole number")


def test_no_token_is_said_only_where_one_is_needed(run: Run) -> None:
    assert run(":memory:", "SELECT 1", DIGITALOCEAN_TOKEN="").stdout == "1\n"
    ran = run(":memory:", IDS, DIGITALOCEAN_TOKEN="")
    assert ran.stderr.startswith("Error: no API token: set DIGITALOCEAN_TOKEN")


@pytest.mark.parametrize("from_file", [True, False])
def test_a_script_ends_at_a_mistake(
    run: Run, fleet: Simulator, tmp_path: Path, *, from_file: bool
) -> None:
    """BEGIN is misspelt, and what was only to be looked at would be sent."""
    script = f"{IDS};\nBEGN;\n{REBOOT};\nROLLBACK;\n"
    (tmp_path / "wrong.sql").write_text(script)
    ran = run(":memory:", ".read wrong.sql", "SELECT 7") if from_file else run(input=script)
    assert (ran.returncode, ran.stdout) == (1, "102\n103\n")
    place = "line 2 of wrong.sql" if from_file else "line 2 of <stdin>"
    assert ran.stderr.splitlines() == [f'Error: {place}: near "BEGN": syntax error']
    assert "Traceback" not in ran.stderr
    assert {r.method for r in fleet.requests} == {"GET"}


def test_a_script_that_says_so_goes_on_after_any_error(run: Run) -> None:
    ran = run(input=f".bail off\n{IDS};\nSELECT absent;\nSELECT 7;\n")
    assert ran.returncode == 1
    assert ran.stdout == "102\n103\n7\n"


def test_a_script_s_last_semicolon_may_be_missing(run: Run) -> None:
    for text in ("SELECT 7", "SELECT 7;", "SELECT 7;\n", "SELECT 7\n\n"):
        ran = run(":memory:", input=text)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "7\n", "")
    assert run(":memory:", input="SELECT 7;\n.quit\nSELECT 8;").stdout == "7\n"


def test_a_last_statement_without_its_semicolon_is_judged_after_those_before_it(
    run: Run,
) -> None:
    """They may make the table that it reads; it makes no difference whether lines end."""
    script = "CREATE TABLE t(a);{0}INSERT INTO t VALUES (';7');{0}SELECT a FROM t"
    for between in ("", "\n"):
        for end in ("", " -- and that was it", "\n/* ; */\n"):
            ran = run(":memory:", input=script.format(between) + end)
            assert (ran.returncode, ran.stdout, ran.stderr) == (0, ";7\n", "")
    assert run(":memory:", input="SELECT 7;\n-- the end").stdout == "7\n"


NO_SEMICOLON = "incomplete input: the last statement has no semicolon, and was not run"


@pytest.mark.parametrize(
    ("cut_off", "message"),
    [
        (REBOOT, NO_SEMICOLON),
        (f"{REBOOT} RETURNING droplet_id", NO_SEMICOLON),
        ("SELECT droplet_actions_post(1, 'reboot')", NO_SEMICOLON),
        ("SELECT \"DROPLET_ACTIONS_POST_BY_TAG\"('web', 'reboot')", NO_SEMICOLON),
        ("CREATE TABLE made(a)", NO_SEMICOLON),
        ("DELETE FROM t", NO_SEMICOLON),
        (f"BEGIN; {REBOOT}; COMMIT", NO_SEMICOLON),
        (f"SAVEPOINT s;\n{REBOOT};\nRELEASE s\n", NO_SEMICOLON),
        ("INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reb", "incomplete input"),
        ("SELECT 7 FROM (", "incomplete input"),
        ("SELECT 'a;", "incomplete input"),
        ("SELECT 7 /* and ;", "incomplete input"),
        (f"CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN {REBOOT};", "incomplete input"),
    ],
)
@pytest.mark.parametrize("from_file", [False, True])
def test_what_is_cut_off_is_not_run(
    run: Run, fleet: Simulator, tmp_path: Path, cut_off: str, message: str, from_file: bool
) -> None:
    """The rest of it may have been the WHERE that spares all Droplets but one."""
    script = f"CREATE TABLE t(a); INSERT INTO t VALUES (5);\nSELECT a FROM t; {cut_off}"
    (tmp_path / "cut.sql").write_text(script)
    ran = run("kept.db", ".read cut.sql") if from_file else run("kept.db", input=script)
    # What a transaction had asked for was not sent, either.
    was_begun = cut_off.startswith(("BEGIN", "SAVEPOINT"))
    assert (ran.returncode, ran.stdout) == (3 if was_begun else 1, "5\n")
    line, name = 2 + cut_off.rstrip().count("\n"), "cut.sql" if from_file else "<stdin>"
    assert ran.stderr.splitlines()[0] == f"Error: line {line} of {name}: {message}"
    assert [r for r in fleet.requests if r.method == "POST"] == []
    kept = apsw.Connection(str(tmp_path / "kept.db"))
    assert kept.execute("SELECT group_concat(name), a FROM sqlite_schema, t").get == ("t", 5)
    kept.close()


def test_sql_on_the_command_line_needs_no_semicolon(run: Run, fleet: Simulator) -> None:
    """But after a file that was cut off nothing is run."""
    Path(run(":memory:", ".shell pwd").stdout.strip(), "cut.sql").write_text("SELECT 'a")
    ran = run(":memory:", ".read cut.sql", REBOOT)
    assert (ran.returncode, fleet.requests) == (1, [])
    assert run(":memory:", REBOOT).returncode == 0
    assert [r.method for r in fleet.requests] == ["POST"]


TWO = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot'), (1, 'enable_ipv6')"
NEVER = "were never sent: the transaction was not committed"


@pytest.mark.parametrize("end", ["", ".quit\n", ".exit\n", ".open other.db\n"])
def test_a_transaction_that_nobody_committed_is_told(
    run: Run, fleet: Simulator, end: str
) -> None:
    ran = run(input=f"BEGIN;\n{TWO};\n{end}")
    assert (ran.returncode, ran.stderr) == (3, f"2 actions {NEVER}\n")
    assert fleet.requests == []


def test_of_arguments_that_do_not_commit_it_is_told_too(run: Run, tmp_path: Path) -> None:
    ran = run(":memory:", f"BEGIN; {REBOOT}")
    said = "1 action was never sent: the transaction was not committed\n"
    assert (ran.returncode, ran.stderr) == (3, said)
    ran = run(":memory:", "SAVEPOINT s", TWO, "SELECT absent")
    assert (ran.returncode, ran.stderr.splitlines()[1]) == (3, f"2 actions {NEVER}")
    ran = run(":memory:", "BEGIN", TWO, ".exit 3")
    assert (ran.returncode, ran.stderr) == (3, f"2 actions {NEVER}\n")
    wrong = TWO.replace("enable_ipv6", "wrong")
    (tmp_path / "wrong.sql").write_text(f"BEGIN;\n{wrong};\n")
    ran = run(":memory:", ".read wrong.sql")
    assert ran.returncode == 1
    assert "never sent" not in ran.stderr
    ran = run(":memory:", "BEGIN", TWO, "ROLLBACK")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_help_and_version(run: Run) -> None:
    assert "--dry-run" in run("--help").stdout
    assert run("-h").stdout == run("--help").stdout
    assert run("--version").stdout.startswith(f"dovtab {VERSION} (SQLite ")
    assert run("-version").returncode == 0


def test_options_reach_the_settings(run: Run, fleet: Simulator) -> None:
    call = "SELECT droplet_actions_post(1, 'reboot')"
    assert "leave out --read-only" in run("--read-only", ":memory:", call).stderr
    assert '"body":{"type":"reboot"}' in run("--dry-run", ":memory:", call).stdout
    assert [r for r in fleet.requests if r.method == "POST"] == []
    ran = run(
        "--api-url", fleet.url, ":memory:", call, DIGITALOCEAN_API_URL="http://127.0.0.1:9"
    )
    assert '"in-progress"' in ran.stdout


def test_whoever_stops_reading_ends_it_quietly(run: Run, fleet: Simulator) -> None:
    numbers = (
        "WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100000) SELECT n FROM c"
    )
    command = f'{" ".join(COMMAND)} :memory: "{numbers}"'
    ran = subprocess.run(
        ["/bin/sh", "-c", f"{command} | head -1"], capture_output=True, encoding="utf-8"
    )
    assert (ran.stdout, ran.stderr) == ("1\n", "")


def test_every_connection_of_the_shell_has_the_tables(shell: Shell, tmp_path: Path) -> None:
    count = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 1"
    first = said(shell, count)
    again = said(shell, f".open {tmp_path / 'other.db'}", count)
    assert (first, again) == ("3\n", "3\n3\n")


def test_the_demonstration_needs_nothing(run: Run, tmp_path: Path) -> None:
    query = "SELECT count(DISTINCT name) FROM inventory JOIN droplet_actions USING (droplet_id)"
    other = {"DIGITALOCEAN_TOKEN": "", "DIGITALOCEAN_API_URL": "", "DIGITALOCEAN_CONTEXT": "qa"}
    ran = run("--demo", "mine.db", query, **other)
    assert (ran.stdout, ran.stderr) == ("10\n", "")
    own = "CREATE TABLE inventory(droplet_id); INSERT INTO inventory VALUES (3164444)"
    run("own.db", own)
    query = "SELECT count(id) FROM inventory JOIN droplet_actions USING (droplet_id)"
    assert run("--demo", "own.db", query, **other).stdout == "8\n"
    # The file is the user's: the inventory of the demonstration is not written into it.
    assert run("mine.db", "SELECT count(*) FROM sqlite_schema").stdout == "0\n"


def test_main_gives_its_status(
    fleet: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_API_URL", fleet.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", fleet.token)
    assert main([":memory:", IDS]) == 0
    assert main([":memory:", "SELECT"]) == 1
    assert capsys.readouterr().out == "102\n103\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal")
def test_at_a_prompt_control_c_stops_what_waits(fleet: Simulator) -> None:
    fleet.fault(Fault(kind="stall", path="droplets/1/", times=1))
    environment = os.environ | {
        "DIGITALOCEAN_API_URL": fleet.url,
        "DIGITALOCEAN_TOKEN": fleet.token,
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    prompt = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], ":memory:"],
        env=environment,
        encoding="utf-8",
        timeout=20,
        # Whoever runs the tests in the background may have had the signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        prompt.expect('Enter ".help" for instructions')
        prompt.expect(r"dovtab\*?> ")
        prompt.sendline("SELECT count(*) FROM droplet_actions WHERE droplet_id = 1;")
        while not fleet.requests:
            prompt.expect(pexpect.TIMEOUT, timeout=0.05)
        prompt.sendintr()
        prompt.expect(r"\^C")
        prompt.expect(r"dovtab\*?> ")
        prompt.sendline("SELECT 40 + 2;")
        prompt.expect("│ +42 +│")
        prompt.sendline(f"BEGIN; {REBOOT};")
        prompt.expect(r"dovtab\*?> ")
        prompt.sendline(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c;"
        )
        prompt.expect(pexpect.TIMEOUT, timeout=0.3)
        prompt.sendintr()
        prompt.expect(r"dovtab\*?> ")
        prompt.sendline(".exit")
        prompt.expect("1 action was never sent: the transaction was not committed")
        prompt.expect(pexpect.EOF)
        prompt.wait()
        assert prompt.exitstatus == 0
    finally:
        prompt.close(force=True)


def test_control_c_on_a_terminal_ends_the_command(
    fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after it on the command line may start actions."""
    monkeypatch.setenv("DIGITALOCEAN_API_URL", fleet.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", fleet.token)
    fleet.latency = 5.0
    after = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'power_off')"
    child = pexpect.spawn(
        COMMAND[0], [*COMMAND[1:], ":memory:", IDS, after], timeout=10, encoding="utf-8"
    )
    while not fleet.requests:
        time.sleep(0.01)
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert "interrupted" in child.before
    fleet.latency = 0.0
    assert [r.method for r in fleet.requests] == ["GET"]


def test_a_file_goes_on_after_a_statement_that_failed(
    run: Run, fleet: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "act.sql").write_text(
        "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'enable_ipv6'), (9, 'reboot');\n"
        "SELECT outcome, droplet_id FROM dovtab_posts ORDER BY 2;"
    )
    ran = run("-csv", ":memory:", ".read act.sql")
    assert ran.returncode == 3
    assert ran.stdout == "sent,1\nrefused,9\n"
    first, second = ran.stderr.splitlines()
    assert first == "actions: 1 refused, 1 sent; see dovtab_posts"
    assert second.startswith(
        "Error: line 1 of act.sql: 2 actions: 1 sent, 1 refused, 0 unknown; "
    )
    ran = run("-csv", "-bail", ":memory:", ".read act.sql")
    assert (ran.returncode, ran.stdout) == (3, "")


def test_a_tag_that_nobody_has_is_not_told_as_sent(run: Run) -> None:
    ran = run(":memory:", "SELECT droplet_actions_post_by_tag('nope', 'power_off')")
    assert ran.stderr == "actions: 1 sent to no Droplet; see dovtab_posts\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_commit_that_is_stopped_says_what_it_leaves_undone(
    fleet: Simulator, tmp_path: Path, number: signal.Signals
) -> None:
    """Also by whatever ends services; and the log keeps its own until Python is gone."""
    fleet.account.add_droplet(droplet_id=8)
    fleet.latency = 0.3
    environment = os.environ | {
        "DIGITALOCEAN_TOKEN": fleet.token,
        "DIGITALOCEAN_API_URL": fleet.url,
        "DOVTAB_CONCURRENCY": "1",
        "HOME": str(tmp_path),
    }
    rows = ", ".join(f"(8, 'rename', '{{\"name\": \"{name}\"}}')" for name in "abcd")
    insert = f"INSERT INTO droplet_actions(droplet_id, type, attributes) VALUES {rows}"
    process = subprocess.Popen(
        [sys.executable, "-m", "dovtab", ":memory:", insert],
        env=environment,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    deadline = time.monotonic() + 20
    while not any(r.method == "POST" for r in fleet.requests):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "what was sent stays sent, see dovtab_posts; not sent: 3 (rename on 8, " in said
    assert "Traceback" not in said


def test_a_comment_before_a_commit_hides_nothing_of_what_it_sent(
    run: Run, fleet: Simulator
) -> None:
    """It does as little as a statement that is prepared anew, and is over all the same."""
    ran = run(":memory:", "BEGIN", REBOOT, "/* now */ COMMIT")
    assert (ran.returncode, ran.stderr) == (0, "actions: 1 sent; see dovtab_posts\n")
