"""The command: apsw's own shell with dovtab's tables in it.

What is not here is as it is there: output modes, dot commands, history. Added
are the tables on every connection it opens, their names in completion and in
``.tables``, and a few options.

Source: https://rogerbinns.github.io/apsw/shell.html
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apsw

from dovtab.api.settings import Settings, resolve
from dovtab.engine.manifest import Manifest
from dovtab.engine.session import Session
from dovtab.errors import ActionsError, SettingsError
from dovtab.hosts.apsw.connection import Checks, attach
from dovtab.hosts.options import (
    DEMO_INTRO,
    FLAGS,
    HISTORY_FLAGS,
    OF_ACCOUNT,
    USAGE,
    VALUES,
    VERSIONS,
    misplaced,
)
from dovtab.hosts.shell import tables
from dovtab.hosts.shell.last_statement import refusal, split
from dovtab.hosts.shell.output import NOT_WHOLE
from dovtab.hosts.shell.progress import Progress
from dovtab.hosts.shell.words import hanging

_SQL = re.compile(r"\s*(select|with|insert|create|explain|pragma|values)\b.*\s", re.I | re.S)
# Python notices Ctrl-C only when some of its code runs; this many steps of
# SQLite's machine are over before anybody gets impatient.
_STEPS_BETWEEN_LOOKS = 100_000

Connection = apsw.Connection


class Shell(tables.Shell):
    """apsw's shell, whose every connection has the tables. Close it after use."""

    def __init__(self, **options: Any) -> None:
        self._given: dict[str, Any] = {}
        self._settings: Settings | None = None
        self._demo: Any = None
        self.is_demo = False
        # What is said of a history: its file, and how to refresh it.
        self.history: dict[str, str] = {}
        self._sessions: dict[Connection, Session] = {}
        self._checks: dict[Connection, Checks] = {}
        self._closing = ExitStack()
        self.failures = 0
        self.never_sent = 0
        self.at_prompt = False
        self._files = 0
        self._goes_on = False
        self._has_begun = self._is_cut_off = False
        # apsw's own starts without one, which only its prompt makes up for.
        self._completion_cache = None
        super().__init__(**options)
        self.history_file = "~/.dovtab_history"
        self.prompt = "dovtab> "
        self.moreprompt = "   ...> "

    def close(self) -> None:
        """Close the connections, tell what that drops, and end the simulated account."""
        self.never_sent = sum(session.queued for session in self._sessions.values())
        if self.never_sent:
            actions = "action was" if self.never_sent == 1 else "actions were"
            never = f"{actions} never sent: the transaction was not committed"
            sys.stderr.write(f"{self.never_sent} {never}\n")
        self.db = None, None
        for connection in self._sessions:
            connection.close(True)
        self._sessions.clear()
        self._checks.clear()
        self._closing.close()

    def _connection_with_tables(self) -> Connection:
        connection: Connection = tables.Shell.db.__get__(self)
        if connection not in self._sessions:
            # To the real one, also when the shell holds back what it says itself.
            on_terminal = sys.stdout.isatty() and sys.stderr.isatty()
            asks = sys.stdin.isatty() and sys.stderr.isatty()
            progress = Progress(sys.stderr, draws=on_terminal, asks=asks)
            session = attach(connection, self.resolve(), observer=progress)
            if not self._sessions and (unfinished := session.unfinished()):
                sys.stderr.write(f"{unfinished}\n")
            # Kept, for .open lets go of one that .connection could go back to.
            self._sessions[connection] = session
            self._checks[connection] = Checks(session)
            connection.set_progress_handler(lambda: False, _STEPS_BETWEEN_LOOKS)
            if self._demo:
                self._demo.add_inventory(connection)
        return connection

    def _name_database(self, connection_and_name: tuple[Connection | None, str | None]) -> None:
        name = connection_and_name[1]
        if name and "refresh" in self.history:
            raise self.Error("--refresh has its own file: no database, and no SQL")
        if name and self.history:
            raise self.Error(f"--{next(iter(self.history))} goes with --refresh FILE")
        if name and _SQL.match(name) and not Path(name).exists():
            raise self.Error("the database comes before the SQL: dovtab :memory: 'SELECT ...'")
        tables.Shell.db.__set__(self, connection_and_name)

    db = property(_connection_with_tables, _name_database)

    def resolve(self) -> Settings:
        """The settings that the options and the environment make.

        Raises:
            SettingsError: one of them is wrong.
        """
        if self._settings is None:
            if self.is_demo:
                if self._given.keys() & OF_ACCOUNT:
                    raise SettingsError("--demo has an account of its own: it goes alone")
                # Only a demonstration needs the simulator.
                from dovtab.hosts.demo import Demo

                self._demo = Demo(self._closing)
                self._given |= self._demo.settings()
            self._settings = resolve(self._given, os.getenv)
        return self._settings

    def process_unknown_args(self, args: list[str]) -> list[str] | None:
        name, *rest = args
        if name == "demo":
            self.is_demo = True
            return rest
        if name in FLAGS:
            self._given |= FLAGS[name]
            return rest
        if name in HISTORY_FLAGS:
            self.history[name] = name
            return rest
        if name in VALUES:
            if not rest:
                raise self.Error(f"--{name} needs a value")
            where = self.history if name == "refresh" else self._given
            where[VALUES[name]] = rest[0]
            return rest[1:]
        if name == "hub":
            raise self.Error("--hub FILE goes alone")
        raise self.Error(f"there is no option '{name}'; dovtab --help shows them")

    def process_args(self, args: list[str]) -> tuple[str | None, list[str], list[str]]:
        option = misplaced(args)
        if option is not None:
            raise self.Error(
                f"{option} comes before the database: dovtab [OPTIONS] DATABASE SQL"
            )
        # With NO_COLOR set, apsw's shell takes every option for -nocolour.
        no_colour = os.environ.pop("NO_COLOR", None)
        try:
            if no_colour is not None:
                self.command_colour(["off"])
            processed: tuple[str | None, list[str], list[str]] = super().process_args(args)
        finally:
            if no_colour is not None:
                os.environ["NO_COLOR"] = no_colour
        return processed

    def _query_details(self, sql: str, bindings: Any) -> Any:
        # apsw's shell has cursors with tracers of their own: ours does not see them.
        details = super()._query_details(sql, bindings)
        if details.query is not None and details.error_text is None:
            connection = self.db
            self._checks[connection](connection, details.query)
        return details

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

    def handle_interrupt(self) -> None:
        for note in getattr(sys.exception(), "__notes__", ()):
            self.write_error(note + "\n")
        if not self.at_prompt:
            # What comes after it on the command line is not wanted any more, either.
            raise
        super().handle_interrupt()

    def handle_exception(self) -> None:
        self.failures += 1
        error = sys.exception()
        if not self.interactive and error is not None and self._stops_at(error):
            # It is said once, by whoever ends the command; all of it is said here.
            if self.exceptions:
                super().handle_exception()
            raise
        super().handle_exception()
        if self.is_cut_short:
            self.write_error(f"{NOT_WHOLE}\n")

    def command_bail(self, cmd: list[str]) -> None:
        """bail ON|OFF: Stop after any error of a script; OFF: after none

        If nothing is said, a script stops at a mistake, and goes on after actions
        of which some were refused.
        """
        super().command_bail(cmd)
        self._goes_on = not self.bail

    def _stops_at(self, error: BaseException) -> bool:
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
            if is_cut_off:
                self._process_end_of_script(command)
            else:
                super().process_complete_line(command)
        except Exception as error:
            if self._files == 0 or self._stops_at(error) or command.startswith("."):
                raise
            self._failed(str(error))

    def _process_end_of_script(self, text: str) -> None:
        whole, last = split(text)
        super().process_complete_line(whole)
        why = refusal(self.db, last)
        if why is None:
            super().process_complete_line(last)
        else:
            raise self.Error(why)

    def _failed(self, why: str) -> None:
        self.failures += 1
        sys.stderr.write(f"Error: {' '.join(why.split())}\n")

    def usage(self) -> str:
        return USAGE

    def cmdloop(self, intro: str | None = None, transient: str | None = None) -> None:
        if not os.access(Path("~").expanduser(), os.W_OK):
            self.history_file = os.devnull
        intro = f'{VERSIONS}\nEnter ".help" for instructions\n'
        super().cmdloop(intro, DEMO_INTRO if self._demo else transient)

    def manifest(self) -> Manifest:
        return self._sessions[self.db].manifest

    def command_help(self, cmd: list[str]) -> None:
        """help ?COMMAND|TOPIC?: Shows list of commands and their usage, or a page of the reference

        If COMMAND is specified then shows detail about that COMMAND.
        ``.help all`` will show detailed help about all commands.
        """
        # Whoever asks reads for a while.
        from dovtab.hosts.help import page, topics

        if len(cmd) == 1 and cmd[0] in topics():
            self.write(self.stdout, page(cmd[0], self._screen_width()))
            return
        super().command_help(cmd)
        if not cmd:
            told = f".help with one of {', '.join(topics())} is a page of the reference"
            self._write_lines(hanging("", told, self._screen_width()))

    def command_quit(self, cmd: list[str]) -> None:
        """quit: Exits this program"""
        self.command_exit(cmd)
