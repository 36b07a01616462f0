"""Text in the columns of a terminal: how wide it is, and where it goes on below.

The one rule: no word is broken, and what a terminal would obey is shown and not sent.

Pure. Sources: https://www.unicode.org/reports/tr11/,
https://www.ecma-international.org/publications-and-standards/standards/ecma-48/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from apsw.unicode import expand_tabs, text_width, text_width_substr

MARK = "…"
# What a terminal would obey, or not show: but for the end of a line.
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def wrapped(cell: str, width: int, *, shorten: bool = False) -> list[str]:
    """The cell's lines, none wider than that but for a word that is.

    >>> wrapped("no such Droplet: 12345", 10)
    ['no such', 'Droplet:', '12345']
    >>> wrapped('{"slug":"nyc3"}', 10, shorten=True)
    ['{"slug":"…']
    """
    if shorten and widest_line(cell) > width:
        line = " ".join(cell.split("\n"))
        return [text_width_substr(line, width - width_of(MARK))[1] + MARK]
    return [piece for line in cell.split("\n") for piece in _between_words(line, width)]


def _between_words(line: str, width: int) -> Iterator[str]:
    if width_of(line) <= width:
        yield line
        return
    made = ""
    # Blanks go before their word; where a line begins with it, and at the end, nobody sees them.
    for word in re.findall(r"\s*\S+", line):
        if width_of(made + word) <= width:
            made += word
            continue
        if made:
            yield made
        made = word.lstrip()
    yield made


def hanging(head: str, text: str, width: int | None, before: str = "") -> Iterator[str]:
    """The text beside the head, and what does not fit there below itself.

    Args:
        before: what goes before the text on each of its lines.

    >>> list(hanging("plan  ", "what COMMIT would send", 29, "-- "))
    ['plan  -- what COMMIT would', '      -- send']
    """
    room = None if width is None else max(width - width_of(head) - width_of(before), 20)
    for piece in [text] if room is None else wrapped(text, room):
        yield f"{head}{before}{piece}"
        head = " " * width_of(head)


def widest_line(text: str) -> int:
    return max(map(width_of, text.split("\n")))


def width_of(line: str) -> int:
    # A fleet's rows are ASCII, and there are many of them.
    return len(line) if line.isascii() else text_width(line)


def visible(text: str) -> str:
    r"""The text with what a terminal would obey in sight.

    >>> visible("a\x1b[2J\tb")
    'a\\x1b[2J        b'
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    text = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return expand_tabs(text) if "\t" in text else text
