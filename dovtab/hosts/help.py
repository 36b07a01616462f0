"""``dovtab --help TOPIC`` and ``.help TOPIC``: the reference, for a terminal.

Each topic is a file of Markdown in ``dovtab/help``, to be read on a web page too. Here it
is text: paragraphs as wide as the terminal, tables as the shell draws them, no links.

Source: https://github.github.com/gfm/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dovtab.errors import SettingsError
from dovtab.hosts.shell.screen import shown
from dovtab.hosts.shell.words import hanging

FOLDER = Path(__file__).parents[1] / "help"
# Lines that are longer are hard to read.
_WIDEST = 100


def topics() -> list[str]:
    """What there is a page of."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def page(topic: str, width: int | None) -> str:
    """The page of a topic.

    Args:
        width: columns of the terminal; None: nobody says how many there are.

    Raises:
        SettingsError: there is no such topic.
    """
    if topic not in topics():
        there = ", ".join([*topics(), "exit"])
        raise SettingsError(f"there is no help on '{topic}'; there is on {there}")
    text = (FOLDER / f"{topic}.md").read_text(encoding="utf-8")
    return rendered(text, min(width or _WIDEST, _WIDEST))


def rendered(markdown: str, width: int) -> str:
    """Markdown as text of so many columns.

    >>> print(rendered("# A *b*\\n\\nSee [the page](x.md) on `c`.\\n\\n- one\\n  two\\n", 40), end="")
    A b
    ===
    <BLANKLINE>
    See the page on c.
    <BLANKLINE>
    - one two
    """
    blocks = ("\n".join(_block(lines, width)) for lines in _blocks(markdown))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _blocks(markdown: str) -> Iterator[list[str]]:
    """The lines between empty lines; those of code are together, whatever is in it."""
    block: list[str] = []
    is_code = False
    for line in markdown.splitlines():
        is_code ^= line.startswith("```")
        if line or is_code:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _block(lines: list[str], width: int) -> Iterable[str]:
    first = lines[0]
    if first.startswith("```"):
        return [f"    {line}".rstrip() for line in lines[1:-1]]
    if first.startswith("!["):
        return []
    if first.startswith("#"):
        title = _plain(first.lstrip("# "))
        return [title, ("=" if first.startswith("# ") else "-") * len(title)]
    if first.startswith("|"):
        names, _, *rows = [[_plain(cell) for cell in _cells(line)] for line in lines]
        return shown(names, rows, width).splitlines()
    if first.startswith("- "):
        items = re.split(r"^- ", "\n".join(lines), flags=re.M)[1:]
        return [line for item in items for line in hanging("- ", _plain(item), width)]
    return hanging("", _plain("\n".join(lines)), width)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _plain(text: str) -> str:
    """Without links, emphasis and marks of code."""
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", " ".join(text.split()))
    pieces = re.split(r"`([^`]*)`", text)
    # Between marks of code a star is a star.
    return "".join(
        piece if place % 2 else re.sub(r"(\*{1,2})(\S(?:[^*]*\S)?)\1", r"\2", piece)
        for place, piece in enumerate(pieces)
    )
