"""The times as bars, in an SVG that reads well on a light and on a dark page.

The scale is logarithmic: the same length is the same factor.
Source: https://www.w3.org/TR/SVG11/
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from xml.sax.saxutils import escape

from benchmarks.contestants import BY_HAND, NAMES, OWN_LISTS
from benchmarks.table import Times, figure
from benchmarks.wall import Time

COLOURS = {
    "dovtab": "#2f8fd8",
    OWN_LISTS: "#9cc9ee",
    "loop": "#d08a3c",
    BY_HAND: "#e8c48e",
    "shillelagh": "#8f7fc4",
}
WIDTH, TOP = 900, 84
LEFT, RIGHT = 310, 760
BAR, GROUP_GAP = 14, 14
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
    title = f"Time to answer, in latencies of {latency * 1000:g} ms, and requests"
    body = [_text(8, 20, title)]
    body += [_legend(n) for n in range(len(NAMES))]
    body.append(f'<line x1="{LEFT}" y1="{TOP - 6}" x2="{RIGHT}" y2="{TOP - 6}" stroke="#888"/>')
    body += [_mark(value) for value in MARKS]
    top = TOP
    for question, found in times.items():
        body += _group(question, found, top, latency)
        top += len(found) * BAR + GROUP_GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}"'
        f' width="{WIDTH}" height="{top}" role="img">'
    )
    described = (
        "<title>How long dovtab, loops and shillelagh take, and how many requests</title>"
    )
    return "\n".join([head, described, f"<style>{STYLE}</style>", *body, "</svg>", ""])


def _group(question: str, found: Mapping[str, Time], top: int, latency: float) -> list[str]:
    """A question, and a bar for everybody who was measured."""
    middle = top + len(found) * BAR / 2 + 4
    bars = [name for name in NAMES if name in found]
    return [
        _text(LEFT - 12, middle, question, anchor="end"),
        *(_bar(n, top + place * BAR, found[n], latency) for place, n in enumerate(bars)),
    ]


def _x(value: float) -> float:
    """Where a number of latencies is.

    >>> _x(LOW) == LEFT, _x(HIGH) == RIGHT
    (True, True)
    """
    part = log10(min(max(value, LOW), HIGH) / LOW) / log10(HIGH / LOW)
    return LEFT + part * (RIGHT - LEFT)


def _bar(name: str, top: float, time: Time, latency: float) -> str:
    length = _x(time.seconds / latency) - LEFT
    rectangle = (
        f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR - 2}"'
        f' fill="{COLOURS[name]}"/>'
    )
    requests = "1 request" if time.requests == 1 else f"{time.requests:,} requests"
    said = f"{figure(time.seconds / latency)}, {requests}"
    return rectangle + _text(LEFT + length + 6, top + BAR - 4, said, small=True)


def _legend(number: int) -> str:
    name, x = NAMES[number], 8 + 150 * number
    square = f'<rect x="{x}" y="32" width="12" height="12" fill="{COLOURS[name]}"/>'
    return square + _text(x + 18, 42, name)


def _mark(value: float) -> str:
    x = _x(value)
    line = f'<line x1="{x:.1f}" y1="{TOP - 12}" x2="{x:.1f}" y2="{TOP - 6}" stroke="#888"/>'
    return line + _text(x, TOP - 16, f"{value:,}", anchor="middle", small=True)


def _text(x: float, y: float, text: str, *, anchor: str = "start", small: bool = False) -> str:
    kind = ' class="small"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'
