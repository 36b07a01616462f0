"""The figures as plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.contestants import NAMES
from benchmarks.doors import DOORS, Run, Runs
from benchmarks.wall import Time

# By question, then by contestant.
Times = Mapping[str, Mapping[str, Time]]
NOTHING = "-"
MILLISECOND = 1e-3


def times_table(times: Times, latency: float, names: Sequence[str] = NAMES) -> str:
    """Times in latencies, or in milliseconds where there is none, each with its requests.

    Args:
        latency: seconds.

    >>> found = {"a question": {"dovtab": Time(0.1, 3), "loop": Time(1.0, 20)}}
    >>> print(times_table(found, 0.05, ("dovtab", "loop")))
    latency 50 ms: latencies / requests    dovtab       loop
    a question                           2.00 / 3  20.0 / 20
    """
    unit = latency or MILLISECOND
    title = f"latency {latency * 1000:g} ms: {'latencies' if latency else 'ms'} / requests"
    rows = [[title, *names]]
    for question, found in times.items():
        rows.append([question, *(cell(found.get(name), unit) for name in names)])
    return aligned(rows)


def cell(time: Time | None, unit: float) -> str:
    """A time and its requests.

    Args:
        unit: of the time, in seconds.
    """
    return NOTHING if time is None else f"{figure(time.seconds / unit)} / {time.requests:,}"


def processor_table(seconds: Mapping[str, float], rows: int) -> str:
    """Processor time by contestant, and as a multiple of the loop's.

    Args:
        seconds: for a row.
    """
    lines = [
        [name, f"{1e6 * value:.1f} us", f"x{value / seconds['loop']:.2f}"]
        for name, value in seconds.items()
    ]
    return aligned([[f"processor time for a row, of {rows:,}", "", "to the loop"], *lines])


def doors_table(measured: Sequence[tuple[str, float, Runs]]) -> str:
    """The two doors beside each other: medians, the least and the most, requests.

    Args:
        measured: what, its unit in seconds, and the runs.
    """
    rows = [["doors", *DOORS, "to apsw"]]
    for name, unit, runs in measured:
        rows.append([name, *_by_door(runs, lambda run: run.seconds, unit)])
        if all(run.processor is not None for run in runs["extension"]):
            used = _by_door(runs, lambda run: run.processor or 0.0, unit)
            rows.append(["  processor time", *used])
        rows.append(["  requests", *(str(runs[door][0].requests) for door in DOORS), ""])
    return aligned(rows)


def spread(values: Sequence[float], unit: float = 1.0) -> str:
    """The median, the least and the most.

    >>> spread([0.3, 0.1, 0.2], 0.001)
    '200 (100-300)'
    """
    least, most = figure(min(values) / unit), figure(max(values) / unit)
    return f"{figure(median(values) / unit)} ({least}-{most})"


def _by_door(runs: Runs, value: Callable[[Run], float], unit: float) -> list[str]:
    found = {door: [value(run) for run in runs[door]] for door in DOORS}
    ours, theirs = (median(found[door]) for door in ("extension", "apsw"))
    return [*(spread(found[door], unit) for door in DOORS), f"x{figure(ours / theirs)}"]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of text: the first to the left, the others to the right.

    >>> print(aligned([["a", "12"], ["bc", "3"]]))
    a   12
    bc   3
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def figure(value: float) -> str:
    """A number with as many digits as can be relied on.

    >>> [figure(value) for value in (1.049, 23.46, 1037.2)]
    ['1.05', '23.5', '1,037']
    """
    return (
        f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    )
