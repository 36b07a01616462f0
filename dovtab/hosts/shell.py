"""The command: apsw's own shell with dovtab's tables in it.

What is not here is as it is there: output modes, dot commands, history. Added
are the tables on every connection it opens, their names in completion and in
``.tables``, and a few options.

Source: https://rogerbinns.github.io/apsw/shell.html
"""

from __future__ import annotations

import io
import os
import re
import sys
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apsw
import apsw.shell

from dovtab.api.settings import Settings, resolve
from dovtab.engine.manifest import REQUESTS
from dovtab.errors import SettingsError
from dovtab.hosts.apsw.connection import attach
from dovtab.hosts.progress import Progress
from dovtab.resources import TABLES
from dovtab.version import VERSION

USAGE = """\
Usage: dovtab [OPTIONS] [DATABASE [SQL|CMD ...]]

DigitalOcean Droplet actions as a SQLite table, in SQLite's shell.

DATABASE is a file, made if it does not exist, or :memory:. Without SQL the
shell is interactive. The API token comes from DIGITALOCEAN_TOKEN,
DIGITALOCEAN_ACCESS_TOKEN, or doctl's config file.

   --demo               a simulated account and a table inventory; needs no token
   --read-only          starting actions is off
   --dry-run            actions give the request they would send, and send nothing
   --context NAME       use the token of this context of doctl's
   --api-url URL        where the API is
   --version            show the versions
   --help               show this

Output modes and the other options are those of SQLite's shell:

   -box -column -csv -html -json -jsonl -line -list -table ...
   -[no]header  -separator TEXT  -nullvalue TEXT  -init FILE
   -bail  -batch  -echo  -interactive  -nocolour  -encoding NAME
"""

VERSIONS = f"dovtab {VERSION} (SQLite {apsw.sqlite_lib_version()}, APSW {apsw.apsw_version()})"

DEMO_INTRO = """\
A simulated account with ten Droplets: nothing here costs money or stops a machine. Try
  SELECT name, type, status FROM inventory JOIN droplet_actions USING (droplet_id);
  SELECT droplet_actions_post(3164444, 'reboot');
  SELECT method, path, status, duration_ms FROM dovtab_requests;
"""

_FLAGS = {"read-only": {"allow_actions": False}, "dry-run": {"dry_run": True}}
_VALUES = {"context": "context", "api-url": "api_url"}
_WITH_VALUE = {"init", "separator", "nullvalue", "encoding", *_VALUES}
_OPTION = re.compile(r"--?[a-z][a-z-]*", re.I)
_SQL = re.compile(r"\s*(select|with|insert|create|explain|pragma|values)\b.*\s", re.I | re.S)
# Python notices Ctrl-C only when some of its code runs; this many steps of
# SQLite's machine are over before anybody gets impatient.
_STEPS_BETWEEN_LOOKS = 100_000

Connection = apsw.Connection


class Shell(apsw.shell.Shell):
    """apsw's shell, whose every connection has the tables. Close it after use."""

    def __init__(self, **options: Any) -> None:
        self._given: dict[str, Any] = {}
        self._settings: Settings | None = None
        self._demo: Any = None
        self._wants_demo = False
        self._with_tables: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._closing = ExitStack()
        self.failures = 0
        self._at_prompt = False
        self._files = 0
        self._ended = False
        # apsw's own starts without one, which only its prompt makes up for.
        self._completion_cache = None
        super().__init__(**options)
        self.history_file = "~/.dovtab_history"
        self.prompt = "dovtab> "
        self.moreprompt = "   ...> "

    def close(self) -> None:
        """Close the connection and end the simulated account, if there is one."""
        self.db = None, None
        self._closing.close()

    def _connection_with_tables(self) -> Connection:
        connection: Connection = apsw.shell.Shell.db.__get__(self)
        if connection not in self._with_tables:
            self._with_tables.add(connection)
            # To the real one, also when the shell holds back what it says itself.
            on_terminal = sys.stdout.isatty() and sys.stderr.isatty()
            progress = Progress(sys.stderr, draws=on_terminal)
            attach(connection, self.resolve(), observer=progress)
            connection.set_progress_handler(lambda: False, _STEPS_BETWEEN_LOOKS)
            if self._demo:
                self._demo.add_inventory(connection)
        return connection

    def _name_database(self, connection_and_name: tuple[Connection | None, str | None]) -> None:
        name = connection_and_name[1]
        if name and _SQL.match(name) and not Path(name).exists():
            raise self.Error("the database comes before the SQL: dovtab :memory: 'SELECT ...'")
        apsw.shell.Shell.db.__set__(self, connection_and_name)

    db = property(_connection_with_tables, _name_database)

    def resolve(self) -> Settings:
        """The settings that the options and the environment make.

        Raises:
            SettingsError: one of them is wrong.
        """
        if self._settings is None:
            if self._wants_demo:
                if self._given.keys() & set(_VALUES.values()):
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
            self._wants_demo = True
            return rest
        if name in _FLAGS:
            self._given |= _FLAGS[name]
            return rest
        if name in _VALUES:
            if not rest:
                raise self.Error(f"--{name} needs a value")
            self._given[_VALUES[name]] = rest[0]
            return rest[1:]
        raise self.Error(f"there is no option '{name}'; dovtab --help shows them")

    def process_args(self, args: list[str]) -> tuple[str | None, list[str], list[str]]:
        misplaced = _misplaced(args)
        if misplaced is not None:
            raise self.Error(
                f"{misplaced} comes before the database: dovtab [OPTIONS] DATABASE SQL"
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

    def get_line(self, prompt: str = "") -> str | None:
        line: str | None = super().get_line(prompt)
        if line is None and not self.interactive and not self._ended:
            # As in sqlite3, a script's last statement may do without its semicolon.
            self._ended = True
            return ";"
        return line

    def handle_interrupt(self) -> None:
        for note in getattr(sys.exception(), "__notes__", ()):
            self.write_error(note + "\n")
        if not self._at_prompt:
            # What comes after it on the command line is not wanted any more, either.
            raise
        super().handle_interrupt()

    def handle_exception(self) -> None:
        self.failures += 1
        super().handle_exception()

    def command_read(self, cmd: list[str]) -> None:
        """read FILENAME: Processes SQL and commands in FILENAME (or Python if FILENAME ends with .py)

        A statement that fails does not keep those after it from running,
        unless .bail is on; the exit status tells of it.
        """
        self._files += 1
        try:
            super().command_read(cmd)
        finally:
            self._files -= 1

    def process_complete_line(self, command: str) -> None:
        try:
            super().process_complete_line(command)
        except Exception as error:
            if self._files == 0 or self.bail or command.startswith("."):
                raise
            self.failures += 1
            sys.stderr.write(f"Error: {' '.join(str(error).split())}\n")

    def usage(self) -> str:
        return USAGE

    def cmdloop(self, intro: str | None = None, transient: str | None = None) -> None:
        if not os.access(Path("~").expanduser(), os.W_OK):
            self.history_file = os.devnull
        intro = f'{VERSIONS}\nEnter ".help" for instructions\n'
        super().cmdloop(intro, DEMO_INTRO if self._demo else transient)

    def complete_sql(self, line: str, token: str, beg: int, end: int) -> list[str]:
        from dovtab.engine.journal import REQUEST_COLUMNS

        found: list[str] = super().complete_sql(line, token, beg, end)
        names = [column.name for table in TABLES for column in table.columns]
        names += [name for name, _ in REQUEST_COLUMNS]
        wanted = token.lower()
        return found + [
            n for n in dict.fromkeys(names) if n.startswith(wanted) and n not in found
        ]

    def command_quit(self, cmd: list[str]) -> None:
        """quit: Exits this program"""
        self.command_exit(cmd)

    def command_tables(self, cmd: list[str]) -> None:
        """tables ?PATTERN?: Lists names of tables matching LIKE pattern

        This also returns views, and dovtab's own tables.
        """
        super().command_tables(list(cmd))
        for name in [*(table.name for table in TABLES), REQUESTS]:
            if not cmd or any(self.db.execute("SELECT ? LIKE ?", (name, n)).get for n in cmd):
                self.write(self.stdout, name + "\n")


def _misplaced(args: list[str]) -> str | None:
    """An option after the database: to a shell that is SQL, a comment, and done at once."""
    rest = list(args)
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0].lstrip("-") in _WITH_VALUE else 1 :]
    return next((arg for arg in rest[1:] if _OPTION.fullmatch(arg)), None)


def main(argv: list[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args and args[0].lstrip("-") in ("version", "help", "h") and args[0].startswith("-"):
        print(VERSIONS if args[0].endswith("version") else USAGE.rstrip())
        return 0
    shell = Shell()
    try:
        return _run(shell, args)
    except KeyboardInterrupt as pressed:
        notes = getattr(pressed, "__notes__", ["interrupted"])
        print(f"Error: {notes[0]}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    finally:
        shell.close()


def _run(shell: Shell, args: list[str]) -> int:
    # apsw's shell shows on further lines where a syntax error is. One line is
    # what a script wants, so what it says is held back until all went well.
    stderr, shell.stderr = shell.stderr, io.StringIO()
    _, _, commands = shell.process_args(args)
    stderr.write(shell.stderr.getvalue())
    shell.stderr = stderr
    shell.resolve()
    if not commands:
        shell._at_prompt = bool(shell.interactive)
        shell.cmdloop()
    shell.stdout.flush()
    return 1 if shell.failures and not shell._at_prompt else 0
