"""A script in apsw's shell: what ends it, and with which status.

A mistake does, so that nothing is done which was meant to come after something else;
actions of which some were refused do not, but the status tells of them. A last statement
that was perhaps cut off is not run.

Source: https://rogerbinns.github.io/apsw/shell.html
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dovtab.errors import ActionsError
from dovtab.hosts.shell import commands
from dovtab.hosts.shell.last_statement import refusal, split
from dovtab.hosts.shell.output import NOT_WHOLE
from dovtab.hosts.shell.words import visible
from dovtab.hosts.status import OK, status_of, worst


class Script(commands.Shell):
    """apsw's shell, that knows when to stop.

    Attributes:
        failure: the worst exit status of the failures so far.
    """

    def __init__(self, **options: Any) -> None:
        self.failure = OK
        # How deep in files and in the arguments of the command, none of which has a prompt.
        self._files = self._arguments = 0
        self._where = ""
        self._goes_on = False
        self._has_begun = self._is_cut_off = False
        super().__init__(**options)

    def get_complete_line(self) -> str | None:
        self._has_begun = False
        command: str | None = super().get_complete_line()
        return command

    def get_line(self, prompt: str = "") -> str | None:
        if not self._has_begun:
            # Tables may have come or gone with what ran before it.
            self.typed, self._names = "", None
        line: str | None = super().get_line(prompt)
        self.typed += f"{line}\n"
        if line is None and self._has_begun and not self.interactive:
            self._is_cut_off = True
            # To apsw's shell: take what there is.
            return "go"
        self._has_begun = line is not None
        return line

    def process_args(self, args: list[str]) -> tuple[str | None, list[str], list[str]]:
        self._arguments += 1
        try:
            processed: tuple[str | None, list[str], list[str]] = super().process_args(args)
        finally:
            self._arguments -= 1
        return processed

    def handle_exception(self) -> None:
        error = sys.exception()
        self._note(error)
        if isinstance(error, OSError) and self.stdout is not self._original_stdout:
            # A disk that is full stays so: every prompt would fail to write what is left.
            broken, self.stdout = self.stdout, self._original_stdout
            self._out_colour()
            with suppress(OSError):
                broken.close()
        if self.interactive or error is None or isinstance(error, SystemExit):
            super().handle_exception()
            if self.is_cut_short:
                self.write_error(f"{NOT_WHOLE}\n")
        elif self._stops_at(error):
            # It is said once, by whoever ends the command; all of it is said here.
            if self.exceptions:
                super().handle_exception()
            raise
        else:
            sys.stderr.write(f"Error: {self.told(error)}\n")

    def told(self, error: BaseException) -> str:
        """What to say of it, in one line, with where in a script it was."""
        where, self._where = self._where, ""
        why = visible(" ".join(str(error).split()))
        return f"{where}{why} ({NOT_WHOLE})" if self.is_cut_short else f"{where}{why}"

    def command_bail(self, cmd: list[str]) -> None:
        """bail ON|OFF: Stop after any error of a script; OFF: after none

        If nothing is said, a script stops at a mistake, and goes on after actions
        of which some were refused.
        """
        super().command_bail(cmd)
        self._goes_on = not self.bail

    def _stops_at(self, error: BaseException) -> bool:
        if isinstance(error, BrokenPipeError):
            return True
        return self.bail or not (self._goes_on or isinstance(error, ActionsError))

    def command_read(self, cmd: list[str]) -> None:
        """read FILENAME: Processes SQL and commands in FILENAME (or Python if FILENAME ends with .py)

        Actions of which some were refused do not keep what comes after them from
        running; the exit status tells of it. A mistake does: see .bail.
        """
        self._files += 1
        try:
            super().command_read(cmd)
        finally:
            self._files -= 1

    def process_complete_line(self, command: str) -> None:
        is_cut_off, self._is_cut_off = self._is_cut_off, False
        try:
            with self._held_back(command):
                if is_cut_off:
                    self._process_end_of_script(command)
                else:
                    super().process_complete_line(command)
        except Exception as error:
            self._note(error)
            self._where = self._where or self._place(command, ended=is_cut_off)
            goes_on = self._files or self._arguments
            if not goes_on or self._stops_at(error) or command.startswith("."):
                raise
            sys.stderr.write(f"Error: {self.told(error)}\n")

    @contextmanager
    def _held_back(self, command: str) -> Iterator[None]:
        """apsw's shell shows where a syntax error is on further lines; a script wants one."""
        if self.interactive or command.startswith("."):
            yield
            return
        stderr, self.stderr = self.stderr, io.StringIO()
        try:
            yield
            stderr.write(self.stderr.getvalue())
        finally:
            self.stderr = stderr

    def _place(self, command: str, *, ended: bool) -> str:
        if self.interactive or (self._arguments and not self._files):
            return ""
        # apsw's shell counts the end of a script as a line.
        line = self.input_line_number - command.count("\n") - ended
        return f"line {line} of {getattr(self.stdin, 'name', '<stdin>')}: "

    def _process_end_of_script(self, text: str) -> None:
        whole, last = split(text)
        super().process_complete_line(whole)
        why = refusal(self.db, last)
        if why is None:
            super().process_complete_line(last)
        else:
            raise self.Error(why)

    def _note(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SystemExit):
            self.failure = worst(self.failure, status_of(error))

    def command_exit(self, cmd: list[str]) -> None:
        """exit ?CODE?: Exits with this status, or with that of what failed"""
        if not cmd:
            sys.exit()
        super().command_exit(cmd)
