"""Dot commands that are cut short, misspelled, or without their dot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from said import now_said

from dovtab.hosts.help import topics
from dovtab.hosts.shell.shell import Shell


@pytest.mark.parametrize("short", [".tab", ".ta", ".table", ".tables"])
def test_what_is_cut_short_is_known(shell: Shell, short: str) -> None:
    assert now_said(shell, short) == now_said(shell, ".tables")


def test_of_several_that_begin_so_the_usual_one_is_meant(shell: Shell) -> None:
    with pytest.raises(SystemExit):
        now_said(shell, ".q")
    now_said(shell, ".m box", ".o", ".sch droplets")
    with pytest.raises(
        Shell.Error, match=re.escape("no such command: .co; did you mean .color or .colour")
    ):
        now_said(shell, ".co")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (".descibe droplets", "no such command: .descibe; did you mean .describe?"),
        (".scheam", "no such command: .scheam; did you mean .schema?"),
        (".xyzzy", "no such command: .xyzzy; .help lists them"),
        (".help asknig", "did you mean .asking?"),
    ],
)
def test_a_misspelled_one_is_answered_with_the_nearest(
    shell: Shell, line: str, told: str
) -> None:
    with pytest.raises(Shell.Error, match=re.escape(told)):
        now_said(shell, line)


def test_output_without_a_name_is_the_screen_again(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rows"
    assert now_said(shell, f".output {file}", "SELECT 1", ".output", "SELECT 2") == "2\n"
    assert file.read_text() == "1\n"


def test_help_knows_commands_and_pages(shell: Shell) -> None:
    assert now_said(shell, ".help history").startswith("History\n=======\n")
    now_said(shell, ".help", ".help mode", ".help .once", ".h mode")
    told = shell.stderr.getvalue()
    assert " ".join(told.split()).count(f"one of {', '.join(topics())} is a page") == 1
    assert shell.complete_command(".help as", "as", 6, 8) == ["asking"]


@pytest.mark.parametrize("word", ["exit", "quit;", "QUIT", " exit "])
def test_words_without_their_dot_are_known_at_a_prompt(shell: Shell, word: str) -> None:
    shell.interactive = True
    shell.stdin.write(f"{word}\nSELECT 1\nexit\n;\n")
    shell.stdin.seek(0)
    line = shell.get_complete_line()
    assert line in (".exit", ".quit")
    # Within a statement it is a part of that.
    assert shell.get_complete_line() == "SELECT 1\nexit\n;"
