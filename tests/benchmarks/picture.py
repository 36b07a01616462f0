"""The times as bars, in an SVG that reads well on a light and on a dark page.

The scale is logarithmic: the same length is the same factor.
Source: https://www.w3.org/TR/SVG11/
"""

from __future__ import annotations

from math import log10
from xml.sax.saxutils import escape

from benchmarks.contestants import NAMES
from benchmarks.table import Times, figure

COLOURS = {"dovtab": "#2f8fd8", "loop": "#d08a3c", "shillelagh": "#8f7fc4"}
WIDTH, TOP = 760, 64
LEFT, RIGHT = 214, 700
BAR, GROUP_GAP = 15, 14
# Latencies at the ends of the scale.
LOW, HIGH = 0.5, 1_200.0
MARKS = (1, 10, 100, 1_000)
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #444 }
.small { font-size: 11px }
@media (prefers-color-scheme: dark) { text { fill: #ccc } }
"""


def picture(times: Times, latency: float) -> str:
    """The SVG.

    Args:
        latency: seconds.
    """
    body = [_text(8, 20, f"Time to answer, in latencies of {latency * 1000:g} ms")]
    body += [_legend(n) for n in range(len(NAMES))]
    body.append(f'<line x1="{LEFT}" y1="{TOP - 6}" x2="{RIGHT}" y2="{TOP - 6}" stroke="#888"/>')
    body += [_mark(value) for value in MARKS]
    for number, (question, found) in enumerate(times.items()):
        top = TOP + number * _group_height()
        middle = top + len(NAMES) * BAR / 2 + 4
        body.append(_text(LEFT - 12, middle, question, anchor="end"))
        for place, name in enumerate(NAMES):
            time = found.get(name)
            value = time.seconds / latency if time else None
            body.append(_bar(name, top + place * BAR, value))
    height = TOP + len(times) * _group_height()
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img">'
    )
    title = "<title>How long dovtab, a loop and shillelagh take to answer</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *body, "</svg>", ""])


def _group_height() -> int:
    return len(NAMES) * BAR + GROUP_GAP


def _x(value: float) -> float:
    """Where a number of latencies is.

    >>> _x(LOW) == LEFT, _x(HIGH) == RIGHT
    (True, True)
    """
    part = log10(min(max(value, LOW), HIGH) / LOW) / log10(HIGH / LOW)
    return LEFT + part * (RIGHT - LEFT)


def _bar(name: str, top: float, value: float | None) -> str:
    if value is None:
        return _text(LEFT + 6, top + BAR - 4, "not measured", small=True)
    length = _x(value) - LEFT
    rectangle = (
        f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR - 2}"'
        f' fill="{COLOURS[name]}"/>'
    )
    return rectangle + _text(LEFT + length + 6, top + BAR - 4, figure(value), small=True)


def _legend(number: int) -> str:
    name, x = NAMES[number], LEFT + 190 + 110 * number
    square = f'<rect x="{x}" y="10" width="12" height="12" fill="{COLOURS[name]}"/>'
    return square + _text(x + 18, 20, name)


def _mark(value: float) -> str:
    x = _x(value)
    line = f'<line x1="{x:.1f}" y1="{TOP - 12}" x2="{x:.1f}" y2="{TOP - 6}" stroke="#888"/>'
    return line + _text(x, TOP - 16, f"{value:,}", anchor="middle", small=True)


def _text(x: float, y: float, text: str, *, anchor: str = "start", small: bool = False) -> str:
    kind = ' class="small"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'
