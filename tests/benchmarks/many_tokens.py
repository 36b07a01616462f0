"""``cd tests && python -m benchmarks.many_tokens``: how many tokens one process serves.

Eight tokens are used side by side in one process, 100 requests each, which no quota holds
up. What counts is the processor time of a request, for Python runs on one processor; the
server has another process. The page on growth says what follows. Takes ten seconds.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import dovtab
from benchmarks.account import FIRST_DROPLET, Account
from benchmarks.running_server import RunningServer, running_server

TOKENS, REQUESTS, LATENCY = 8, 100, 0.05
ACCOUNT = Account(droplets=1000, each=20)
IDS = ", ".join(str(FIRST_DROPLET + n) for n in range(REQUESTS))
# A page of the account's list has 200 actions, a Droplet's own list 20.
QUESTIONS = {
    "pages of 200 actions": "SELECT count(id) FROM droplet_actions",
    "lists of 20 actions": f"SELECT count(id) FROM droplet_actions WHERE droplet_id IN ({IDS})",
}


def ask(url: str, token: str, query: str, folder: str) -> None:
    """One token's query, on a connection of its own."""
    db = dovtab.connect(
        token=token,
        api_url=url,
        log=None,
        quota_folder=str(Path(folder) / token),
        account_list=False,
    )
    db.execute(query).fetchall()
    db.close()


def measure(server: RunningServer, query: str, folder: str) -> tuple[int, float]:
    """How many requests it took, and the processor time of each, in milliseconds."""
    url = server.url(LATENCY, ACCOUNT)
    ask(url, "first", f"{query} LIMIT 0", folder)
    before, began = server.requests, time.process_time()
    name = str(time.monotonic_ns())
    threads = [
        threading.Thread(target=ask, args=(url, f"{name}-{n}", query, folder))
        for n in range(TOKENS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    requests = server.requests - before
    return requests, (time.process_time() - began) * 1000 / requests


def main() -> None:
    """Print a line for each question."""
    with running_server() as server, TemporaryDirectory() as folder:
        for name, query in QUESTIONS.items():
            requests, cost = measure(server, query, folder)
            print(
                f"{requests} {name}: {cost:.1f} ms of the processor each, {1000 / cost:.0f} a"
                f" second; tokens at 250 a minute: {1000 / cost * 60 / 250:.0f}, at 5,000 an"
                f" hour: {1000 / cost * 3600 / 5000:.0f}"
            )


if __name__ == "__main__":
    main()
