"""``.once`` and ``.excel``: where the rows of the next statement go, in place of the screen.

As in SQLite's shell: to a file, to the input of a command, or to the program that the
desktop has for tables, texts or web pages. And, as there is none in SQLite's shell, to a
file of Parquet, if pyarrow is installed.

Source: https://sqlite.org/cli.html#writing_results_to_a_file
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NamedTuple

from dovtab.errors import DovtabError
from dovtab.hosts.shell.screen import Value

USAGE = "once ?--bom? FILE | '|COMMAND' | -x | -e | -w"
# The option, the output mode, the suffix of the file that a program is to open.
_PROGRAMS = {"-x": ("csv", ".csv"), "-e": ("", ".txt"), "-w": ("html", ".html")}


# What the end of a file's name says of it.
_MODES = {
    **{f".{mode}": mode for mode in ("csv", "html", "json", "jsonl", "parquet")},
    ".md": "markdown",
    ".tsv": "tabs",
}


class OnceError(DovtabError):
    """It cannot be written there."""


class Destination(NamedTuple):
    """Where rows go: one of the file, the command, and the suffix.

    Attributes:
        mode: the output mode that it needs; empty: the one that is set.
        path: the file.
        command: what reads them.
        suffix: of a file that the desktop's program for such is to open.
        bom: begin with a byte order mark, by which Excel on Windows knows UTF-8.
    """

    mode: str = ""
    path: Path | None = None
    command: str = ""
    suffix: str = ""
    bom: bool = False

    @property
    def is_parquet(self) -> bool:
        return self.mode == "parquet"


def destination(words: Sequence[str]) -> Destination:
    """What the words after ``.once`` mean.

    Raises:
        OnceError: they mean nothing.

    >>> destination(["--bom", "a.csv"])
    Destination(mode='csv', path=PosixPath('a.csv'), command='', suffix='', bom=True)
    >>> destination(["|less"]).command
    'less'
    """
    options = [word.replace("--", "-", 1) for word in words if word.startswith("-")]
    others = [word for word in words if not word.startswith("-")]
    bom = "-bom" in options
    programs = [option for option in options if option != "-bom"]
    if len(programs) + len(others) != 1 or (programs and programs[0] not in _PROGRAMS):
        raise OnceError(f"usage: .{USAGE}")
    if programs:
        mode, suffix = _PROGRAMS[programs[0]]
        return Destination(mode, suffix=suffix, bom=bom)
    name = others[0]
    if name.startswith("|"):
        return Destination(command=name[1:])
    return Destination(_MODES.get(Path(name).suffix.lower(), ""), Path(name), bom=bom)


class Once:
    """An open destination. Close it after the statement.

    Raises:
        OnceError: the file cannot be opened, or pyarrow is not installed.
    """

    def __init__(self, to: Destination, encoding: str = "utf-8") -> None:
        self.to = to
        self.has_rows = False
        self._path = to.path
        self._command: subprocess.Popen[str] | None = None
        if to.suffix:
            self._path = Path(tempfile.mkdtemp(prefix="dovtab-"), f"rows{to.suffix}")
        self.stream: IO[str]
        if to.is_parquet:
            _pyarrow()
            # What is no row, such as a tree of EXPLAIN, has no place in it.
            self.stream = io.StringIO()
        elif self._path is None:
            self._command = subprocess.Popen(
                to.command, shell=True, stdin=subprocess.PIPE, encoding=encoding
            )
            assert self._command.stdin is not None
            self.stream = self._command.stdin
        else:
            self.stream = _open_to_write(self._path, encoding)
            if to.bom:
                self.stream.write("\ufeff")

    def write_parquet(self, names: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        """Write all rows to the file.

        Raises:
            OnceError: a column has values of several types, two have one name, or there
                are rows in it already.
        """
        pyarrow, parquet = _pyarrow()
        if self.has_rows:
            raise OnceError(f"{self._path} has the rows of one statement: another needs a file")
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise OnceError(f"two columns are called {twice[0]}: give one another name with AS")
        columns = []
        for place, name in enumerate(names):
            try:
                columns.append(pyarrow.array([row[place] for row in rows]))
            except (pyarrow.ArrowException, TypeError):
                raise OnceError(
                    f"the column {name} has values of several types, and one of Parquet's has"
                    f" one: say CAST({name} AS TEXT)"
                ) from None
        try:
            parquet.write_table(pyarrow.table(columns, names=list(names)), self._path)
        except OSError as error:
            raise OnceError(f"{self._path}: {error.strerror or error}") from None
        self.has_rows = True

    def close(self) -> None:
        """Let the file or the command have all of it, and wait for a command to end."""
        # less and head may have seen enough.
        with suppress(BrokenPipeError):
            self.stream.close()
        if self._command is not None:
            if status := self._command.wait():
                raise OnceError(f"{self.to.command}: it ended with status {status}")
        elif self.to.suffix:
            _open_in_program(self._path)


def _open_to_write(path: Path, encoding: str) -> IO[str]:
    try:
        # A line of CSV has its own end.
        return path.open("w", encoding=encoding, newline="")
    except OSError as error:
        raise OnceError(f"{path}: {error.strerror}") from None


def _open_in_program(path: Path | None) -> None:
    program = {"darwin": "open", "win32": "start"}.get(sys.platform, "xdg-open")
    try:
        subprocess.run([program, str(path)], check=True, shell=sys.platform == "win32")
    except (OSError, subprocess.CalledProcessError):
        raise OnceError(f"{program} cannot open it: the rows are in {path}") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise OnceError("Parquet takes pyarrow: pip install pyarrow") from None
