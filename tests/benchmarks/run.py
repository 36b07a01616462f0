"""All measurements, in the order in which they are printed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants import BY_HAND, LOOP_WITH_ORJSON, OWN_LISTS, available
from benchmarks.costs import (
    ROUNDS,
    STARTS,
    counting,
    one_question,
    peak_memory,
    processor_time,
    processor_times,
    start_up,
)
from benchmarks.doors import EACH_OF_JOIN, Unavailable, joins, loading, lookups, scans
from benchmarks.picture import picture
from benchmarks.questions import account_actions, join_with, list_of, questions
from benchmarks.refreshing import refreshing, title_of
from benchmarks.running_server import RunningServer, running_server
from benchmarks.table import MILLISECOND, doors_table, processor_table, spread, times_table
from benchmarks.wall import RUNS, Time, times

LATENCIES, QUICK_LATENCIES = (0.0, 0.05, 0.2), (0.0, 0.002)  # seconds
DRAWN = 1  # which of them the picture shows
PICTURE = Path(__file__).with_name("benchmarks.svg")
ROWS = 20_000
SMALL_ACCOUNT, LARGE_ACCOUNT = 2_000, 200_000
MEGABYTE = 1_000_000
# Of the doors: rows of a scan, Droplets of a join, and how often a row is looked up.
SCANNED, JOINED, LOOKED_UP = 100_000, 100, 1_000
LISTED = 2_050  # actions of one Droplet
MICROSECOND = 1e-6

NOTES = """\
The server is a process of its own on this machine; it answers after the latency.
DigitalOcean's rate limit is left out: where dovtab makes more than 200 requests, it gets a
clock on which a minute is over at once. With it, 1,000 requests take three minutes,
whoever asks.
Connections are open, and nothing comes from a cache. A time is the median of up to five
runs. "-": not installed, no question for it, or it takes longer than a minute.
"account_list off" is dovtab, with that setting. The loop is httpx's, and it reads the list
of each Droplet, page after page, as shillelagh's table does; "account by hand" is a loop
that reads the account's list and picks what it seeks, and does not look who is there."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument(
        *("--quick", "--scale"),
        type=float,
        nargs="?",
        const=0.1,
        default=1.0,
        dest="scale",
        help="a tenth of everything, or as much as is said, once",
    )
    parser.add_argument(
        "--doors", action="store_true", help="only the loadable extension beside apsw"
    )
    parser.add_argument("--costs", action="store_true", help="only processor time and memory")
    parser.add_argument("--picture", type=Path, help="where the SVG goes")
    parser.add_argument(
        "--latency",
        type=float,
        action="append",
        help="seconds, instead of 0, 0.05 and 0.2; may be given more than once",
    )
    options = parser.parse_args(arguments)
    scale, quick = options.scale, options.scale < 1
    latencies = options.latency or (QUICK_LATENCIES if quick else LATENCIES)
    path = options.picture
    if path is None and not (quick or options.latency):
        path = PICTURE
    names = available()
    installed = [name for name in ("dovtab", "httpx", "shillelagh") if find_spec(name)]
    print(", ".join(f"{name} {version(name)}" for name in installed))
    print(NOTES, flush=True)
    with running_server() as server:
        if options.doors:
            _doors(server, scale)
            return 0
        if options.costs:
            _costs(server, names, scale)
            return 0
        drawn: tuple[float, dict[str, dict[str, Time]]] | None = None
        for number, latency in enumerate(latencies):
            found = _times(server, names, latency, scale)
            _say(times_table(found, latency))
            if latency and (drawn is None or number == DRAWN):
                drawn = latency, found
        if path is not None and drawn is not None:
            path.write_text(picture(drawn[1], drawn[0]), encoding="utf-8")
        _costs(server, names, scale)
        _quota(scale)
        _doors(server, scale)
    return 0


def _times(
    server: RunningServer, names: Sequence[str], latency: float, scale: float
) -> dict[str, dict[str, Time]]:
    actions, runs = account_actions(scale), 1 if scale < 1 else RUNS
    found = {
        question.name: times(server, question, names, latency=latency, runs=runs)
        for question in questions(scale)
    }
    refreshed = refreshing(server, actions, latency=latency, runs=runs)
    return found | {title_of(actions): {"dovtab": refreshed}}


def _costs(server: RunningServer, names: Sequence[str], scale: float) -> None:
    rows = round(ROWS * scale)
    _say(processor_table(processor_time(server, names, rows, 1 if scale < 1 else ROUNDS), rows))
    accounts = [round(number * scale) for number in (SMALL_ACCOUNT, LARGE_ACCOUNT)]
    small, large = peak_memory(server, accounts)
    _say(
        f"peak memory of a scan of {accounts[0]:,} actions {small / MEGABYTE:.0f} MB,"
        f" of {accounts[1]:,} {(large - small) / MEGABYTE:+.0f} MB"
    )
    started = start_up(1 if scale < 1 else STARTS)
    ratio = started["dovtab"] / started["apsw"]
    _say(
        f"processor time to start and SELECT 1: dovtab {started['dovtab'] * 1000:.0f} ms,"
        f" apsw's shell {started['apsw'] * 1000:.0f} ms, x{ratio:.2f}"
    )
    asked = one_question(server, 1 if scale < 1 else STARTS)
    ratio = asked["dovtab"] / asked["imports"]
    _say(
        f"processor time to start and ask for one action: dovtab {asked['dovtab'] * 1000:.0f} ms,"
        f" import apsw, httpx {asked['imports'] * 1000:.0f} ms, x{ratio:.2f}"
    )
    everybody = ("dovtab", OWN_LISTS, BY_HAND, LOOP_WITH_ORJSON)
    for question in (
        join_with(round(JOINED * scale), EACH_OF_JOIN),
        list_of(round(LISTED * scale)),
    ):
        asked_by = [
            n for n in everybody if n not in (OWN_LISTS, BY_HAND) or question.is_of_many
        ]
        used = processor_times(server, question, asked_by, 1 if scale < 1 else STARTS)
        loop = used[LOOP_WITH_ORJSON]
        said = (f"{n} {t / MILLISECOND:.0f} ms (x{t / loop:.2f})" for n, t in used.items())
        _say(f"processor time of {question.name} at no latency: {', '.join(said)}")


def _quota(scale: float) -> None:
    alone, shared = counting(1 if scale < 1 else ROUNDS)
    _say(
        f"counting a request: {alone / MICROSECOND:.0f} us,"
        f" together with other processes {shared / MICROSECOND:.0f} us"
    )


def _doors(server: RunningServer, scale: float) -> None:
    runs, latency = (1, QUICK_LATENCIES[-1]) if scale < 1 else (RUNS, LATENCIES[DRAWN])
    rows, droplets = round(SCANNED * scale), round(JOINED * scale)
    try:
        first, later = loading(runs)
        scanned = scans(server, rows, runs)
        joined = joins(server, droplets, latency, runs)
        looked_up = lookups(server, round(LOOKED_UP * scale), runs)
    except Unavailable as reason:
        _say(f"doors: not measured: {reason}")
        return
    title = f"JOIN with {droplets} Droplets, latencies of {latency * 1000:g} ms"
    _say(
        doors_table(
            [
                (f"scan of {rows:,} rows, ms", MILLISECOND, scanned),
                (title, latency, joined),
                ("a row from the cache, us", MICROSECOND, looked_up),
            ]
        )
    )
    _say(
        f"loading the extension: {spread(first, MILLISECOND)} ms for the first connection of a"
        f" process, {spread(later, MILLISECOND)} ms for another"
    )


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)
