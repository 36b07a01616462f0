"""Dot commands as SQLite's shell takes them: cut short, and with what was left out.

What is cut short is the first of `_USUAL` that begins so, or else the only one; a word
that is none is answered with the nearest.

Source: https://sqlite.org/cli.html#special_commands_to_sqlite3_dot_commands_
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dovtab.hosts.help import page, topics
from dovtab.hosts.shell import tables
from dovtab.hosts.shell.words import hanging

_WORDS = (
    "help quit tables schema read mode open header output databases once describe load import"
    " dump backup timer show nullvalue"
)
_USUAL = tuple(_WORDS.split())
# What people type who have just come.
_WITHOUT_DOT = re.compile(r"\s*(exit|quit|help)\s*;?\s*\Z", re.I)


class Shell(tables.Shell):
    """apsw's, which knows commands that are cut short."""

    def process_command(self, command: str) -> None:
        word = command[1:].split(maxsplit=1)[0] if command[1:].strip() else ""
        rest = command[1:].lstrip()[len(word) :]
        super().process_command(f".{self._meant(word)}{rest}")

    def get_line(self, prompt: str = "") -> str | None:
        is_first = prompt == self.prompt
        if is_first and self._db is not None and self._db.in_transaction:
            # As psql has it: something is not committed.
            prompt = prompt.replace("> ", "*> ")
        line: str | None = super().get_line(prompt)
        if line is not None and self.interactive and is_first and _WITHOUT_DOT.match(line):
            return "." + line.strip().rstrip(";").rstrip().lower()
        return line

    def command_help(self, cmd: list[str]) -> None:
        """help ?COMMAND|TOPIC?: Shows list of commands and their usage, or a page of the reference

        If COMMAND is specified then shows detail about that COMMAND.
        ``.help all`` will show detailed help about all commands.
        """
        if len(cmd) == 1 and cmd[0] in topics():
            self.write(self.stdout, page(cmd[0], self._screen_width()))
            return
        named = [w if w == "all" else self._meant(w.lstrip("."), topics()) for w in cmd]
        super().command_help(named)
        if not cmd:
            told = f".help with one of {', '.join(topics())} is a page of the reference"
            width = self._terminal_width(20)
            self.write(self.stderr, "\n".join(hanging("", told, width)) + "\n\n")

    def complete_command(self, line: str, token: str, beg: int, end: int) -> list[str]:
        if not line[:end].strip():
            return []
        found = super().complete_command(line, token, beg, end)
        if re.match(r"\.help\s", line):
            found += [topic for topic in topics() if topic.startswith(token)]
        return found

    def _meant(self, word: str, others: Iterable[str] = ()) -> str:
        known = [name[len("command_") :] for name in dir(self) if name.startswith("command_")]
        spelled = word.replace("-", "_")
        if spelled in known or not word:
            return word
        begun = [name for name in (*_USUAL, *known) if name.startswith(spelled.lower())]
        if begun and (begun[0] in _USUAL or len(set(begun)) == 1):
            return begun[0]
        meant = begun or tables.nearest(spelled, [*known, *others])
        hint = f"; did you mean .{' or .'.join(dict.fromkeys(meant[:3]))}?" if meant else ""
        raise self.Error(f"no such command: .{word}{hint or '; .help lists them'}")
