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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from dovtab.api.settings import Settings, resolve
from dovtab.engine.manifest import LOG
from dovtab.hosts.apsw.connection import Checks, attach
from dovtab.hosts.apsw.opening import naming
from dovtab.hosts.options import DEMO_INTRO, USAGE, VERSIONS, misplaced
from dovtab.hosts.shell.account import account
from dovtab.hosts.shell.given import Given
from dovtab.hosts.shell.progress import Progress
from dovtab.hosts.shell.script import Script

if TYPE_CHECKING:
    from dovtab.hosts.shell.verbose import Lines

_SQL = re.compile(r"\s*(select|with|insert|create|explain|pragma|values)\b.*\s", re.I | re.S)
# Python notices Ctrl-C only when some of its code runs; this many steps of
# SQLite's machine are over before anybody gets impatient.
_STEPS_BETWEEN_LOOKS = 100_000

Connection = apsw.Connection


class Shell(Script):
    """apsw's shell, whose every connection has the tables. Close it after use."""

    def __init__(self, **options: Any) -> None:
        self.given = Given()
        self._settings: Settings | None = None
        self._demo: Any = None
        self._checks: dict[Connection, Checks] = {}
        self._closing = ExitStack()
        self._lines: Lines | None = None
        self.never_sent = 0
        self.at_prompt = False
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
        with naming(self.dbfilename):
            connection: Connection = Script.db.__get__(self)
        if connection not in self._sessions:
            # To the real one, also when the shell holds back what it says itself.
            on_terminal = sys.stdout.isatty() and sys.stderr.isatty()
            asks = sys.stdin.isatty() and sys.stderr.isatty()
            progress = self.progress(draws=on_terminal, asks=asks)
            with naming(self.dbfilename):
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
        name, history = connection_and_name[1], self.given.history
        if name and "refresh" in history:
            raise self.Error("--refresh has its own file: no database, and no SQL")
        if name and history:
            raise self.Error(f"--{next(iter(history))} goes with --refresh FILE")
        if name and _SQL.match(name) and not Path(name).exists():
            raise self.Error("the database comes before the SQL: dovtab :memory: 'SELECT ...'")
        Script.db.__set__(self, connection_and_name)

    db = property(_connection_with_tables, _name_database)

    def resolve(self) -> Settings:
        """The settings that the options and the environment make.

        Raises:
            SettingsError: one of them is wrong.
        """
        if self._settings is None:
            self.given.check_demo()
            if self.given.is_demo:
                # Only a demonstration needs the simulator.
                from dovtab.hosts.demo import Demo

                self._demo = Demo(self._closing)
                self.given.settings |= self._demo.settings()
            resolved = resolve(self.given.settings, os.getenv)
            self._settings = replace(resolved, to_act=self.given.to_act)
        return self._settings

    def process_unknown_args(self, args: list[str]) -> list[str] | None:
        if args[0] == "tabs":
            # apsw's has it as a mode of .mode's alone.
            self.command_mode(args[:1])
            return args[1:]
        modes = [name.removeprefix("output_") for name in dir(self) if name[:7] == "output_"]
        return self.given.take(args, modes)

    def progress(self, *, draws: bool, asks: bool = False) -> Progress:
        """Who shows how far a statement is, and what is logged meanwhile if that is wanted."""
        verbose = self.given.is_verbose
        progress = Progress(sys.stderr, draws=draws, asks=asks, logged=verbose)
        settings = self.resolve()
        if not (self.interactive or self._demo or settings.dry_run or settings.log is None):
            # What this connection has asked for is gone with it.
            progress.see = LOG
        if verbose:
            # It takes a while to import.
            from dovtab.hosts.shell.verbose import Lines, shown

            if self._lines is None:
                self._lines = Lines(sys.stderr)
                self._closing.enter_context(shown(self._lines))
            self._lines.wipe_first(progress)
        return progress

    def process_args(self, args: list[str]) -> tuple[str | None, list[str], list[str]]:
        option = misplaced(args)
        if option is not None:
            raise self.Error(
                f"{option} comes before the database: dovtab [OPTIONS] DATABASE SQL"
            )
        # With NO_COLOR set, apsw's shell takes every option for -nocolour.
        no_colour = os.environ.pop("NO_COLOR", None)
        try:
            if no_colour is not None or os.environ.get("TERM", "dumb") in ("", "dumb"):
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

    def handle_interrupt(self) -> None:
        for note in getattr(sys.exception(), "__notes__", ()):
            self.write_error(note + "\n")
        if not self.at_prompt:
            # What comes after it on the command line is not wanted any more, either.
            raise
        super().handle_interrupt()

    def usage(self) -> str:
        return USAGE

    def cmdloop(self, intro: str | None = None, transient: str | None = None) -> None:
        if not os.access(Path("~").expanduser(), os.W_OK):
            self.history_file = os.devnull
        settings = self.resolve()
        if self.given.mode:
            self.prompt = f"dovtab {self.given.mode}> "
            self.moreprompt = f"{'...> ':>{len(self.prompt)}}"
        intro = f'{VERSIONS}\nEnter ".help" for instructions\n'
        told = DEMO_INTRO if self._demo else f"{account(settings)}\n"
        # apsw's own says more only of a database in memory.
        super().cmdloop(intro + told if self.dbfilename else intro, told)

    def command_open(self, cmd: list[str]) -> None:
        with naming(cmd[-1] if cmd else None):
            super().command_open(cmd)

    command_open.__doc__ = Script.command_open.__doc__

    def command_quit(self, cmd: list[str]) -> None:
        """quit: Exits this program"""
        self.command_exit(cmd)
