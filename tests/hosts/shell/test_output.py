"""Where rows go and what they look like there: modes, files, other programs."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from said import now_said, said

from dovtab.hosts.shell.once import OnceError
from dovtab.hosts.shell.shell import Shell
from dovtab.simulator import Fault, Simulator

ROWS = "SELECT 1 AS a, 'x|y' AS b UNION ALL SELECT 22, NULL"


def test_markdown_is_a_table_there(shell: Shell) -> None:
    assert said(shell, ".mode markdown", ROWS) == (
        "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n| 22 |  |\n"
    )


def test_columns_are_as_wide_as_they_need_to_be_and_nothing_is_cut_off(shell: Shell) -> None:
    long = "y" * 300
    assert now_said(shell, ".mode column", f"SELECT 1 AS a, '{long}' AS b").splitlines()[2] == (
        f"1  {long}"
    )
    # But for those whose width somebody has chosen.
    lines = now_said(shell, ".width 3 4", f"SELECT 1 AS a, '{long}' AS b").splitlines()
    assert lines[-1] == "1    yyyy"


def test_in_a_box_what_was_not_asked_to_be_cut_off_is_not(shell: Shell) -> None:
    long = "z" * 5000
    assert long in now_said(shell, ".mode box", f"SELECT '{long}' AS a")
    assert "z" * 41 not in now_said(shell, ".mode box --truncate 40", f"SELECT '{long}' AS a")
    assert "+---+" in now_said(shell, ".mode box --no-unicode", "SELECT 1 AS a")
    assert "│ 'a' │ NULL │" in now_said(shell, ".mode qbox", "SELECT 'a' AS a, NULL AS b")
    assert "│ (nothing) │" in now_said(
        shell, ".mode box", ".nullvalue (nothing)", "SELECT NULL"
    )


def test_a_plan_is_a_tree(shell: Shell) -> None:
    plan = now_said(
        shell,
        ".mode csv",
        "EXPLAIN QUERY PLAN SELECT (SELECT count(*) FROM droplets WHERE id = a.droplet_id)"
        " FROM droplet_actions a WHERE droplet_id = 1 ORDER BY type",
    )
    assert plan == (
        "QUERY PLAN\n"
        "|--SCAN a VIRTUAL TABLE INDEX 0:GET /v2/droplets/{droplet_id}/actions ? droplet_id=\n"
        "|--CORRELATED SCALAR SUBQUERY 1\n"
        "|  `--SCAN droplets VIRTUAL TABLE INDEX 0:GET /v2/droplets/{droplet_id} ? id=\n"
        "`--USE TEMP B-TREE FOR ORDER BY\n"
    )
    # And what SQLite's machine does is in columns.
    assert now_said(shell, "EXPLAIN SELECT 1").splitlines()[0].startswith("addr  opcode")


def test_once_is_for_one_statement(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    printed = now_said(
        shell, ".mode csv", ".headers on", f".once {file}", ROWS, "SELECT 3 AS c"
    )
    assert printed == "c\n3\n"
    with file.open(newline="") as stream:
        assert list(csv.reader(stream)) == [["a", "b"], ["1", "x|y"], ["22", ""]]
    said(shell, f".once --bom {file}", "SELECT 'é'")
    assert file.read_bytes() == b"\xef\xbb\xbf" + "'é'\né\n".encode()


def test_once_is_over_when_its_statement_failed(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no such column"):
        said(shell, f".once {tmp_path / 'rows'}", "SELECT absent")
    assert now_said(shell, "SELECT 1") == "1\n"


def test_once_into_a_command(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "sorted"
    said(shell, f".once '|sort -r > {file}'", "SELECT 1 UNION ALL SELECT 2")
    assert file.read_text() == "2\n1\n"
    # One that has seen enough does no harm, and what is said next is done.
    many = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 99999) SELECT i FROM n"
    assert now_said(shell, ".once '|true'", many, "SELECT 1") == "1\n"
    with pytest.raises(OnceError, match="exit 3: it ended with status 3"):
        said(shell, ".once '|exit 3'", "SELECT 1")
    assert now_said(shell, "SELECT 1") == "1\n"


def test_the_last_once_counts_and_commands_between_stay_done(
    shell: Shell, tmp_path: Path
) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    printed = now_said(
        shell,
        *(f".once {first}", f".once {second}", "SELECT 1", "SELECT 2"),
        *(f".once {first}", ".mode csv", "SELECT 3, 'a b'", "SELECT 4, 5"),
        *(f".once {second}", f".output {third}", "SELECT 6", ".output", "SELECT 7"),
    )
    assert printed == "2\n4,5\n7\n"
    assert [file.read_text() for file in (first, second, third)] == ["3,a b\n", "", "6\n"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
def test_a_full_disk_is_said_once_and_the_screen_is_there_again(shell: Shell) -> None:
    shell.interactive = True
    shell.stdin.write(".output /dev/full\nSELECT 1;\nSELECT 2;\n")
    shell.stdin.seek(0)
    shell.cmdloop()
    assert shell.stderr.getvalue().count("No space left on device") == 1
    assert "dovtab> 2" in shell.stdout.getvalue()


@pytest.mark.parametrize("mode", ["list", "line", "csv", "html", "insert", "markdown", "tcl"])
def test_a_terminal_obeys_nothing_that_is_in_a_row(
    shell: Shell, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Droplet's name is whatever somebody has called it."""
    monkeypatch.setattr(shell.stdout, "isatty", lambda: True)
    assert "\x1b[2J" not in now_said(shell, f".mode {mode}", "SELECT char(27) || '[2J' AS a")
    monkeypatch.setattr(shell.stdout, "isatty", lambda: False)
    if mode in ("list", "csv"):
        assert "\x1b[2J" in now_said(shell, "SELECT char(27) || '[2J' AS a")


def test_json_has_no_infinity(shell: Shell) -> None:
    text = now_said(shell, ".mode json", "SELECT 9e999 AS a, -9e999 AS b, 1.5 AS c")
    assert json.loads(text) == [{"a": float("inf"), "b": float("-inf"), "c": 1.5}]
    assert "Infinity" not in text


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (".once", "usage: .once"),
        (".once a b", "usage: .once"),
        (".once -z", "usage: .once"),
        (".once /no/such/folder/rows", "/no/such/folder/rows: No such file"),
        (".excel now", "usage: .once"),
    ],
)
def test_what_cannot_be_written_to_is_said(shell: Shell, line: str, why: str) -> None:
    with pytest.raises(OnceError, match=why):
        said(shell, line)
    assert now_said(shell, "SELECT 1") == "1\n"


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the desktop's program copies what it opens to."""
    seen, program = tmp_path / "seen", tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\ncp "$1" {seen}\necho "$1" > {seen}.name\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="others have another program for that")
def test_excel_opens_the_rows_as_csv(shell: Shell, desktop: Path) -> None:
    said(shell, ".excel", ROWS)
    assert desktop.read_bytes() == b"a,b\n1,x|y\n22,\n"
    assert Path(f"{desktop}.name").read_text().endswith("/rows.csv\n")
    said(shell, ".once -w", ROWS)
    assert "<TR><TD>22</TD>" in desktop.read_text().upper()
    assert now_said(shell, "SELECT 1") == "1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="others have another program for that")
def test_where_there_is_no_desktop_the_file_is_named(
    shell: Shell, desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        OnceError, match=r"xdg-open cannot open it: the rows are in (\S+)"
    ) as no:
        said(shell, ".excel", "SELECT 1 AS a")
    assert Path(str(no.value).rpartition(" ")[2]).read_text() == "a\n1\n"


def test_parquet_has_the_names_the_types_and_the_rows(shell: Shell, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra of the user's")
    file = tmp_path / "actions.parquet"
    query = "SELECT id, type, completed_at, 0.5 AS half FROM droplet_actions(1) ORDER BY id"
    assert now_said(shell, f".once {file}", query) == ""
    table = parquet.read_table(file)
    assert [(f.name, str(f.type)) for f in table.schema][:2] == [
        ("id", "int64"),
        ("type", "string"),
    ]
    assert table.column("id").to_pylist() == [101, 102, 103]
    said(shell, f".once {file}", "SELECT id, type FROM droplet_actions(1) WHERE id < 0")
    empty = parquet.read_table(file)
    assert (empty.num_rows, empty.schema.names) == (0, ["id", "type"])
    with pytest.raises(
        Shell.Error, match=r"the column a has values of several types.*CAST\(a AS"
    ):
        said(shell, f".once {file}", "SELECT 1 AS a UNION ALL SELECT 'x'")
    with pytest.raises(OnceError, match="two columns are called a"):
        said(shell, f".once {file}", "SELECT 1 AS a, 2 AS a")
    with pytest.raises(OnceError, match="has the rows of one statement"):
        said(shell, f".once {file}", "SELECT 1; SELECT 2;")


def test_without_the_library_parquet_is_an_error(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OnceError, match="pip install pyarrow"):
        said(shell, f".once {tmp_path / 'a.parquet'}", "SELECT 1")
    assert not (tmp_path / "a.parquet").exists()


@pytest.mark.parametrize("mode", ["-list", "-csv", "-json", "-line"])
def test_rows_that_an_error_cuts_off_are_said_to_be(mode: str, simulator: Simulator) -> None:
    """Whoever reads only what was printed would take them for all there are."""
    simulator.account.add_droplet(1)
    for _ in range(450):
        simulator.account.add_action(1)
    # One that is not worth another attempt.
    simulator.fault(Fault("status", status=403, path=r"[?&]page=[23]", times=None))
    environment = os.environ | {
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
        "DOVTAB_CONCURRENCY": "1",
    }
    query = "SELECT id FROM droplet_actions(1)"
    command = [sys.executable, "-m", "dovtab", mode, ":memory:", query]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode != 0
    assert ran.stdout
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith("(the rows before this are not all of them)\n")
    boxed = subprocess.run(
        [*command[:3], "-box", *command[4:]], env=environment, capture_output=True, text=True
    )
    assert boxed.stdout == ""
    assert "not all of them" not in boxed.stderr
