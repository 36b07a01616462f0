"""``cd tests && python -m benchmarks.long_history [ROWS]``: a history of 10,000,000 actions.

Eight accounts with three years of actions, but for the last day, are written by what keeps
a history in Parquet files. Then that day is read of one account, then of all the others by
Dask, and DuckDB is asked. Every step is a process of its own, so its peak memory is its own.

Needs ``pip install 'dovtab[dask]' duckdb``. The 10,000,000 rows take some minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.account import (
    FIRST_ACTION,
    FIRST_DROPLET,
    REGION_TEXTS,
    SLUGS,
    TYPES,
    Account,
    started,
)
from benchmarks.memory import peak
from benchmarks.running_server import TESTS, running_server

ROWS, ACCOUNTS, MONTHS, DROPLETS = 10_000_000, 8, 36, 5_000
NAMES = [f"team-{number}" for number in range(ACCOUNTS)]
AT_ONCE = 20_000
TOOK = timedelta(seconds=9)
BY_MONTH = """
    SELECT account, month, type, count(*) AS times,
           avg(epoch(completed_at) - epoch(started_at)) AS seconds
    FROM read_parquet('{folder}/*/*/*.parquet') GROUP BY ALL
"""
OF_A_WEEK = """
    SELECT resource_id, count(*) FROM read_parquet('{folder}/*/*/*.parquet')
    WHERE account = 'team-3' AND started_at >= TIMESTAMPTZ '2026-05-25 00:00:00Z' GROUP BY ALL
"""


def account_of(rows: int) -> Account:
    """One account's share of so many."""
    droplets = min(DROPLETS, rows // ACCOUNTS // 10)
    each = rows // ACCOUNTS // droplets
    apart = round(timedelta(days=30.4 * MONTHS).total_seconds() / (droplets * each))
    return Account(droplets, each, apart=max(1, apart))


def a_day(account: Account) -> int:
    """How many actions the last day has."""
    return round(timedelta(days=1).total_seconds() / account.apart)


def history(account: Account) -> Iterator[tuple[Any, ...]]:
    """All actions of an account but the last day's, the oldest first."""
    for place in range(account.total - 1, a_day(account) - 1, -1):
        number, droplet = divmod(place, account.droplets)
        resource = FIRST_DROPLET + droplet
        slug, at = SLUGS[resource % len(SLUGS)], started(place, account.apart)
        type = TYPES[(account.each - 1 - number) % len(TYPES)]
        id, began = FIRST_ACTION + account.total - place, f"{at.isoformat()[:19]}Z"
        ended = f"{(at + TOOK).isoformat()[:19]}Z"
        region = REGION_TEXTS[slug]
        yield (id, resource, ended, region, slug, "droplet", began, "completed", type)


def write(folder: Path, account: Account, name: str) -> dict[str, Any]:
    """Write what is known of one account."""
    from itertools import islice

    from dovtab.api.credentials import token_of
    from dovtab.api.settings import resolve
    from dovtab.hosts.parquet.history import ParquetHistory
    from dovtab.resources import DROPLET_ACTIONS

    settings = resolve({"context": name}, os.getenv)
    source = f"{settings.api_url} {token_of(settings).fingerprint()}"
    store, rows = ParquetHistory(folder, name, DROPLET_ACTIONS), history(account)
    while some := list(islice(rows, AT_ONCE)):
        store.gather(some)
    done = store.write(name, source, gone=(), whole_at=None, total=0)
    return {"rows": done.rows, "months": len(store.written_months)}


def refresh_one(folder: Path, account: Account, name: str) -> dict[str, Any]:
    """Bring one account up to date."""
    from dovtab.hosts.dask import to_parquet

    (done,) = to_parquet(name, folder).to_dict("records")
    return {"new": done["new"], "requests": done["requests"], "months": done["months"]}


def refresh_all(folder: Path, account: Account, name: str) -> dict[str, Any]:
    """Bring all of them up to date, by two workers."""
    from distributed import Client

    from dovtab.hosts.dask import local_cluster, to_parquet

    with local_cluster(NAMES, 2) as workers, Client(workers) as client:
        began = time.perf_counter()
        done = to_parquet(NAMES, folder)
        seconds = time.perf_counter() - began
        peaks = client.run(peak)
    return {
        "new": int(done["new"].sum()),
        "requests": int(done["requests"].sum()),
        "months": sorted({month for months in done["months"] for month in months}),
        "seconds": seconds,
        "peaks": sorted(peaks.values()),
    }


def ask(folder: Path, account: Account, query: str) -> dict[str, Any]:
    """Let DuckDB answer."""
    import duckdb

    began = time.perf_counter()
    rows = duckdb.sql(query.format(folder=folder)).fetchall()
    return {"rows": len(rows), "seconds": time.perf_counter() - began}


def step(what: str, folder: Path, account: Account, about: str) -> dict[str, Any]:
    """One of the above in a process of its own; says what it took, too."""
    arguments = [what, str(folder), str(account), about]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.long_history", "--step", *arguments],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


STEPS = {"write": write, "refresh_one": refresh_one, "refresh_all": refresh_all, "ask": ask}


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which files there are, and which they are."""
    paths = folder.glob("account=*/month=*/*.parquet")
    return {path: (path.stat().st_ino, path.stat().st_size) for path in paths}


def measure(rows: int, tell: Any, step: Any = step) -> dict[str, dict[str, Any]]:
    """All steps, by name.

    Args:
        tell: is called with each, and what it took.
        step: takes one.
    """
    account, found = account_of(rows), {}
    with TemporaryDirectory() as name, running_server() as server:
        folder = Path(name) / "history"
        os.environ |= {
            "DIGITALOCEAN_API_URL": server.url(0.05, account),
            "DOVTAB_QUOTA_FOLDER": str(Path(name) / "quota"),
            "DIGITALOCEAN_CONFIG": str(Path(name) / "none"),
        } | {f"DIGITALOCEAN_TOKEN_TEAM_{n}": f"token{n}" for n in range(ACCOUNTS)}

        def take(title: str, what: str, about: str) -> dict[str, Any]:
            before = files(folder)
            done = found[title] = step(what, folder, account, about)
            after = files(folder)
            done["files"] = sum(before.get(path) != its for path, its in after.items())
            tell(title, done)
            return done

        for name_of in NAMES:
            take(f"write {name_of}", "write", name_of)
        size = sum(size for _, size in files(folder).values())
        tell("the folder", {"files": len(files(folder)), "megabytes": size / 1e6})
        take("refresh of a day, one account", "refresh_one", NAMES[3])
        take("refresh, nothing new", "refresh_one", NAMES[3])
        take("refresh of a day, all others by Dask", "refresh_all", "")
        take("DuckDB, all by account, month and type", "ask", BY_MONTH)
        take("DuckDB, a week of one account", "ask", OF_A_WEEK)
    return found


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--step"]:
        what, folder, account, about = arguments[1:]
        began = time.perf_counter()
        done = STEPS[what](Path(folder), Account.read(account), about)
        print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak()} | done))
        return

    def tell(title: str, done: dict[str, Any]) -> None:
        shown = {
            name: f"{value / 1e6:,.0f} MB" if name == "peak" else value
            for name, value in done.items()
        }
        shown = {n: f"{v:,.2f}" if isinstance(v, float) else v for n, v in shown.items()}
        print(
            f"{title}: " + ", ".join(f"{name} {value}" for name, value in shown.items()),
            flush=True,
        )

    measure(int(arguments[0]) if arguments else ROWS, tell)


if __name__ == "__main__":
    main(sys.argv[1:])
