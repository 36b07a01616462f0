"""How the shell prints rows: tables that no terminal breaks, and where they go.

On a terminal that is a table of boxes, with names, and what is not whole says so. In a
pipe it is what SQLite's shell prints there, one row a line, for programs.

Source: https://sqlite.org/cli.html#changing_output_formats
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import isinf
from typing import TYPE_CHECKING, Any, TextIO

import apsw

from dovtab.hosts.shell import apsw_shell
from dovtab.hosts.shell.screen import ASCII, BOX, COLUMNS, Lines, Look, Value, cut, shown
from dovtab.hosts.shell.words import CONTROL, MARK, hanging, visible

if TYPE_CHECKING:
    from dovtab.hosts.shell.once import Once

_TABLES = {"box": BOX, "qbox": BOX, "table": ASCII, "column": COLUMNS}
NOT_WHOLE = "the rows before this are not all of them"
# What a terminal would obey, or not show, but for the colours that are ours.
_OBEYED = re.compile(rf"(\x1b\[(?:1|2|22|31|39)m)|{CONTROL.pattern}")
_SHORTENED = f"({MARK} is shortened JSON: -json, -line or .mode line have it whole)\n"


def _scheme(off: Any) -> Any:
    # Bold, faint and one red are seen on a dark ground and on a light one.
    bold, faint, normal = "\x1b[1m", "\x1b[2m", "\x1b[22m"
    return type(off)(
        prompt=bold,
        prompt_=normal,
        error="\x1b[31m",
        error_="\x1b[39m",
        header=bold,
        header_=normal,
        summary=bold,
        summary_=normal,
        transient=faint,
        transient_=normal,
        vnull=faint,
        vnull_=normal,
    )


class Shell(apsw_shell.Shell):
    """apsw's, with output modes that keep every word whole."""

    _colours = {  # noqa: RUF012  apsw's has its schemes there, too
        **apsw_shell.Shell._colours,
        "default": _scheme(apsw_shell.Shell._colours["off"]),
    }

    def __init__(self, **options: Any) -> None:
        self._once: Once | None = None
        # The stream, the mode and whether names come first, and the separator, as they were.
        self._before_once: tuple[TextIO, Any, bool, str]
        self._explains: int | None = None
        self._lines_printed, self._prints_rows = 0, False
        self._was_told_of_mark = False
        self._query = ""
        super().__init__(**options)
        if self.stdout.isatty() and self.output == self.output_list:
            # Somebody reads it, wherever the SQL comes from.
            self.command_mode(["box"])

    def _query_details(self, sql: str, bindings: Any) -> Any:
        details = super()._query_details(sql, bindings)
        self._explains = details.explain
        self._query = details.query
        self._lines_printed = 0
        return details

    def process_sql(self, *args: Any, **options: Any) -> None:
        self._lines_printed, self._prints_rows = 0, True
        try:
            super().process_sql(*args, **options)
            self._lines_printed = 0
        finally:
            self._prints_rows = False

    def write(self, dest: TextIO, text: str) -> None:
        self._lines_printed += self._prints_rows and dest is self.stdout
        if dest.isatty():
            text = _OBEYED.sub(lambda found: found[1] or visible(found[0]), text)
        if dest is self.stderr and self.interactive and dest.isatty():
            lines = (hanging("", line, self._terminal_width(20)) for line in text.split("\n"))
            text = "\n".join(piece for pieces in lines for piece in pieces)
        super().write(dest, text)

    @property
    def is_cut_short(self) -> bool:
        """Whether rows were printed of the statement that has just failed."""
        return self._lines_printed > 0

    def command_mode(self, cmd: list[str]) -> None:
        """mode MODE ?OPTIONS?: Sets output mode to one of"""
        super().command_mode(list(cmd))
        if cmd[0] in ("box", "qbox", "table"):
            # No character is lost that nobody has asked to be lost.
            if "--truncate" not in cmd:
                self.box_options["truncate"] = 0
            if "--width" not in cmd:
                self.box_options["text_width"] = 0
            self.box_options["lines"] = ASCII if "--no-unicode" in cmd else _TABLES[cmd[0]]

    def output_box(self, names: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        "Outputs using line drawing; what does not fit the terminal is one record below the other"
        options = self.box_options
        at_most = options.get("truncate") or None
        quote = bool(options.get("quote"))
        self._show(
            names,
            [[v[:at_most] if isinstance(v, str) else v for v in row] for row in rows],
            options.get("lines", BOX),
            null=self.nullvalue or options.get("null", "NULL"),
            quote=quote,
            width=options.get("text_width") or None,
        )

    output_box.all_at_once = True  # type: ignore[attr-defined]

    def output_column(self, names: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """
        Items in columns as wide as they need to be, or as .width says: then
        what does not fit is cut off.
        """
        rows = list(rows)
        if self._explains == 2:
            self.write(self.stdout, "QUERY PLAN\n" + "".join(_tree(rows)))
        elif self.widths and not self._explains:
            heads = [names, ["-" * len(name) for name in names]] if self.header else []
            for row in [*heads, *rows]:
                self.write(self.stdout, cut(map(self._fmt_text_col, row), self.widths) + "\n")
        else:
            self._show(names, rows, COLUMNS, null=self.nullvalue)

    output_column.all_at_once = True  # type: ignore[attr-defined]
    output_columns = output_column

    def output_markdown(self, names: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        "Outputs a table as GitHub's Markdown has them"
        cells = [[_markdown(v, self.nullvalue) for v in row] for row in rows]
        lines = [[_markdown(name, "") for name in names], ["---"] * len(names), *cells]
        for line in lines:
            self.write(self.stdout, f"| {' | '.join(line)} |\n")

    output_markdown.all_at_once = True  # type: ignore[attr-defined]

    def _fmt_json_value(self, v: Value) -> str:
        # JSON has no infinity: SQLite's shell writes a number that is one to all who read it.
        if isinstance(v, float) and isinf(v):
            return "9.0e+999" if v > 0 else "-9.0e+999"
        return str(super()._fmt_json_value(v))

    def _show(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[Value]],
        lines: Lines,
        *,
        null: str,
        quote: bool = False,
        width: int | None = None,
    ) -> None:
        colour = self.colour
        look = Look(
            null=null,
            quote=quote,
            bold=(colour.header, colour.header_),
            faint=(colour.vnull, colour.vnull_),
        )
        text = shown(names, rows, width or self._screen_width(), lines, look)
        self.write(self.stdout, text)
        own = sum(v.count(MARK) for row in rows for v in row if isinstance(v, str))
        shortened = text.count(MARK) > own
        if shortened and not self._was_told_of_mark and self.stdout.isatty():
            self._was_told_of_mark = True
            self.write(self.stdout, f"{colour.vnull}{_SHORTENED}{colour.vnull_}")

    def _screen_width(self) -> int | None:
        """Columns of the terminal; None: nobody says how many there are."""
        return int(self._terminal_width(20)) if self.stdout.isatty() else None

    def command_once(self, cmd: list[str]) -> None:
        """once ?OPTION? FILE: Sends the rows of the next statement to a file

        As its name ends: .csv, .tsv, .json, .jsonl, .md, .html or .parquet, with the columns'
        names; else in the mode that is set. '|COMMAND' is the input of a command,
        and -x, -e or -w without a name the desktop's program for CSV, text or HTML. --bom
        begins with a byte order mark.
        """
        # Few rows go anywhere but to the screen, or into a pipe.
        from dovtab.hosts.shell.once import Once, destination

        once = Once(destination(cmd), self.encoding[0])
        self._end_once()
        self._once, self._before_once = (
            once,
            (self.stdout, self.output, self.header, self.separator),
        )
        self.stdout = once.stream
        self._out_colour()
        if self._once.to.is_parquet:
            self.output = self._parquet
        elif self._once.to.mode:
            self.command_mode([self._once.to.mode])
            self.header = True

    def command_excel(self, cmd: list[str]) -> None:
        """excel ?--bom?: Opens the rows of the next statement in the program for tables"""
        self.command_once(["-x", *cmd])

    def _parquet(self, names: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        if self._once is not None:
            self._once.write_parquet(names, rows)

    _parquet.all_at_once = True  # type: ignore[attr-defined]

    def command_output(self, cmd: list[str]) -> None:
        """output ?FILENAME?: Send output to FILENAME (or stdout)"""
        self._end_once()
        if cmd and cmd[0].lower().endswith(".parquet"):
            raise self.Error("Parquet is for the rows of one statement: .once FILE.parquet")
        super().command_output(cmd or ["stdout"])

    def process_complete_line(self, command: str) -> None:
        # It is for one statement, whatever becomes of that.
        if self._once is None or command.startswith("."):
            super().process_complete_line(command)
            return
        once = self._once
        try:
            super().process_complete_line(command)
            self._end_parquet(once)
        except BrokenPipeError:
            # less and head may have seen enough.
            if not once.to.command:
                raise
        finally:
            self._end_once()

    def _end_parquet(self, once: Once) -> None:
        if once.to.is_parquet and not once.has_rows:
            from apsw.ext import query_info

            description = query_info(self.db, self._query).description
            once.write_parquet([name for name, _ in description], [])

    def _end_once(self) -> None:
        once, self._once = self._once, None
        if once is None:
            return
        self.stdout, output, header, separator = self._before_once
        self._out_colour()
        if once.to.mode:
            self.output, self.header, self.separator = output, header, separator
        once.close()


def _tree(rows: Sequence[Sequence[Any]], parent: int = 0, indent: str = "") -> Iterator[str]:
    """The steps of a plan, as SQLite's shell draws them.

    >>> print("".join(_tree([[2, 0, "SCAN i"], [3, 0, "LIST"], [4, 3, "SEARCH a"]])), end="")
    |--SCAN i
    `--LIST
       `--SEARCH a
    """
    steps = [row for row in rows if row[1] == parent]
    for row in steps:
        is_last = row is steps[-1]
        yield f"{indent}{'`' if is_last else '|'}--{row[2]}\n"
        yield from _tree(rows, row[0], indent + ("   " if is_last else "|  "))


def _markdown(value: Value, null: str) -> str:
    r"""A cell of a table in Markdown.

    >>> _markdown("a|b\nc", "")
    'a\\|b<br>c'
    """
    if value is None:
        return null
    text = apsw.format_sql_value(value) if isinstance(value, bytes) else str(value)
    return re.sub(r"\r\n|\r|\n", "<br>", text.replace("|", r"\|"))
