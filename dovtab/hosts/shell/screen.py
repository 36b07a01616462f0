"""Rows as text that people read and copy: a table where it fits, else record by record.

The one rule: no word is broken, and no character lost without a mark. Where a table is
wider than the terminal, texts are wrapped between words first, then JSON is shortened,
which `MARK` shows, then it goes without its lines; where that is not enough, each row is a
record, its columns one below the other.

Pure: the width of the terminal is passed in. Source: https://www.unicode.org/reports/tr11/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from apsw import format_sql_value
from apsw.unicode import text_width_substr

from dovtab.hosts.shell.words import visible, widest_line, width_of, wrapped

Value = None | int | float | str | bytes
# Narrower than that, JSON says nothing, and a text is a column of single words.
_LEAST_JSON, _LEAST_TEXT = 16, 24
_LEAST_INDENT = 4
# What is no longer than that is an action's attributes perhaps, and is wanted whole.
_SHORT_JSON = 100


@dataclass(frozen=True, slots=True)
class Lines:
    """What a table is drawn with: the corners and crossings of each rule, and the bars.

    Attributes:
        top, middle, bottom: the left end, the filling, the crossing, the right end; None: no rule.
        bar: between two cells; edges: at a row's ends.
    """

    top: str | None
    middle: str | None
    bottom: str | None
    bar: str
    edges: tuple[str, str]
    record: str = "─"

    @property
    def width(self) -> int:
        """Columns of the terminal that a row of one cell takes beside the cell."""
        return sum(map(len, self.edges))


BOX = Lines("╭─┬╮", "├─┼┤", "╰─┴╯", " │ ", ("│ ", " │"))
ASCII = Lines("+-++", "+-++", "+-++", " | ", ("| ", " |"), record="-")
COLUMNS = Lines(None, " - ", None, "  ", ("", ""), record="-")


@dataclass(frozen=True, slots=True)
class Look:
    """How values and names are written.

    Attributes:
        null: what NULL is shown as.
        quote: values are written as in SQL.
        bold, faint: what begins and ends them on this terminal, or two empty texts.
    """

    null: str = "NULL"
    quote: bool = False
    bold: tuple[str, str] = ("", "")
    faint: tuple[str, str] = ("", "")


def shown(
    names: Sequence[str],
    rows: Sequence[Sequence[Value]],
    width: int | None,
    lines: Lines = BOX,
    look: Look | None = None,
) -> str:
    """The rows as text, which ends with a new line.

    Args:
        width: columns of the terminal; None: as wide as it takes.
        lines: what a table is drawn with.

    >>> print(shown(["id", "name"], [[1, "web-01"], [22, None]], 80), end="")
    ╭────┬────────╮
    │ id │ name   │
    ├────┼────────┤
    │  1 │ web-01 │
    │ 22 │ NULL   │
    ╰────┴────────╯
    >>> print(shown(["id", "name"], [[1, "web-01"]], 8), end="")
    ── 1 of 1 ──
      id  1
    name  web-01
    """
    look = look or Look()
    heads = [visible(name) for name in names]
    cells = [[_text(value, look) for value in row] for row in rows]
    columns = [
        _Column(head, [row[place] for row in cells], [row[place] for row in rows])
        for place, head in enumerate(heads)
    ]
    for drawn in (lines, COLUMNS):
        widths = _fit(columns, width, drawn)
        if widths is not None:
            return "".join(_table(columns, len(rows), widths, drawn, look))
    return "".join(_records(columns, len(rows), width or 0, lines, look))


def cut(cells: Iterable[str], widths: Sequence[int]) -> str:
    """A row of columns that are so wide, whatever is in them; those that are named none are 10.

    Args:
        widths: below 0: to the right.

    >>> cut(["web-01", "storefront", "x"], [3, -12])
    'web    storefront  x'
    """
    made = []
    for place, cell in enumerate(cells):
        width = (widths[place] if place < len(widths) else 0) or 10
        text = text_width_substr(visible(cell).replace("\n", " "), abs(width))[1]
        blanks = " " * (abs(width) - width_of(text))
        made.append(text + blanks if width > 0 else blanks + text)
    return "  ".join(made).rstrip()


class _Column:
    """A column's name, its cells as text and as values, and how wide it has to be."""

    def __init__(self, head: str, cells: list[str], values: list[Value]) -> None:
        self.head, self.cells, self.values = head, cells, values
        self.natural = max(map(widest_line, [head, *cells]))
        self.is_number = any(isinstance(v, int | float) for v in values) and all(
            v is None or isinstance(v, int | float) for v in values
        )

    @cached_property
    def is_json(self) -> bool:
        """Whether there is nothing but JSON's objects and arrays in it, and NULL."""
        there = [value for value in self.values if value is not None]
        return bool(there) and all(map(_is_json, there))

    @property
    def is_long(self) -> bool:
        """Whether it may be shortened."""
        return self.natural > _SHORT_JSON and self.is_json

    def least(self, *, shortened: bool) -> int:
        head = widest_line(self.head)
        if self.is_json:
            least = max(head, _LEAST_JSON)
            return min(self.natural, least) if shortened and self.is_long else self.natural
        words = max((width_of(w) for cell in self.cells for w in cell.split()), default=0)
        return min(self.natural, max(head, words, _LEAST_TEXT))


def _fit(columns: list[_Column], width: int | None, lines: Lines) -> list[int] | None:
    """How wide each column is; None: they do not fit."""
    natural = [column.natural for column in columns]
    if width is None:
        return natural
    room = width - lines.width - len(lines.bar) * (len(columns) - 1)
    for shortened in (False, True):
        least = [column.least(shortened=shortened) for column in columns]
        if sum(least) <= room:
            return _shared_out(least, natural, room)
    return None


def _shared_out(least: list[int], natural: list[int], room: int) -> list[int]:
    """As wide as each needs to be, and what is left in equal parts to those that want more.

    >>> _shared_out([3, 5, 5], [3, 30, 7], 30)
    [3, 20, 7]
    """
    widths = list(least)
    left = room - sum(widths)
    while left > 0:
        wanting = [i for i, width in enumerate(widths) if width < natural[i]]
        if not wanting:
            break
        part = max(1, left // len(wanting))
        for i in wanting:
            more = min(part, natural[i] - widths[i], left)
            widths[i] += more
            left -= more
    return widths


def _table(
    columns: list[_Column], count: int, widths: list[int], lines: Lines, look: Look
) -> Iterator[str]:
    pieces = [
        [wrapped(cell, width, shorten=column.is_long) for cell in column.cells]
        for column, width in zip(columns, widths, strict=True)
    ]
    # A row of several lines would be one with the next.
    is_tall = [any(len(column[place]) > 1 for column in pieces) for place in range(count)]
    yield _rule(lines.top, widths, lines)
    heads = [wrapped(column.head, width) for column, width in zip(columns, widths, strict=True)]
    aligned = [column.is_number for column in columns]
    yield from _row(heads, widths, aligned, lines, [look.bold] * len(columns))
    yield _rule(lines.middle, widths, lines)
    for place in range(count):
        marks = [look.faint if c.values[place] is None else ("", "") for c in columns]
        if place and (is_tall[place - 1] or is_tall[place]):
            yield _rule(lines.middle, widths, lines) if lines.top else "\n"
        cells = [column[place] for column in pieces]
        yield from _row(cells, widths, aligned, lines, marks)
    yield _rule(lines.bottom, widths, lines)


def _row(
    cells: list[list[str]],
    widths: list[int],
    to_the_right: list[bool],
    lines: Lines,
    marks: list[tuple[str, str]],
) -> Iterator[str]:
    for height in range(max(map(len, cells))):
        pieces = []
        for cell, width, right, (on, off) in zip(
            cells, widths, to_the_right, marks, strict=True
        ):
            text = cell[height] if height < len(cell) else ""
            blanks = " " * (width - width_of(text))
            text = f"{on}{text}{off}" if text else ""
            pieces.append(blanks + text if right else text + blanks)
        left, end = lines.edges
        yield f"{left}{lines.bar.join(pieces)}{end}".rstrip() + "\n"


def _rule(drawn: str | None, widths: list[int], lines: Lines) -> str:
    if drawn is None:
        return ""
    if lines.edges == ("", ""):
        return lines.bar.join(drawn[1] * width for width in widths) + "\n"
    left, line, crossing, right = tuple(drawn)
    return left + crossing.join(line * (width + 2) for width in widths) + right + "\n"


def _records(
    columns: list[_Column], count: int, width: int, lines: Lines, look: Look
) -> Iterator[str]:
    heads = [" ".join(column.head.split("\n")) for column in columns]
    names = max(map(width_of, heads))
    # The name of an expression is its text: as wide as that its values would have no room.
    below = names > width // 2
    indent = " " * (_LEAST_INDENT if below else names + 2)
    room = max(width - len(indent), _LEAST_JSON)
    for place in range(count):
        title = f"{lines.record * 2} {place + 1} of {count} {lines.record * 2}"
        yield f"{look.faint[0]}{title}{look.faint[1]}\n"
        for head, column in zip(heads, columns, strict=True):
            value = wrapped(column.cells[place], room, shorten=column.is_long)
            on, off = look.faint if column.values[place] is None else ("", "")
            before = "" if below else " " * (names - width_of(head))
            between = f"\n{indent}" if below else "  "
            shown = f"\n{indent}".join(f"{on}{line}{off}" for line in value)
            yield f"{before}{look.bold[0]}{head}{look.bold[1]}{between}{shown}\n"


def _is_json(value: Value) -> bool:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return False
    # Whoever has asked for JSON has it imported.
    import orjson

    try:
        orjson.loads(value)
    except ValueError:
        return False
    return True


def _text(value: Value, look: Look) -> str:
    if look.quote:
        return visible(format_sql_value(value))
    if value is None:
        return look.null
    if isinstance(value, bytes):
        return str(format_sql_value(value))
    return visible(str(value))
