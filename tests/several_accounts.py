"""Three accounts at one URL: two are contexts of doctl's, and a variable has the third."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dovtab.simulator import Simulator

# The Droplets of each; no two accounts number alike.
HAS = {"prod": range(1, 8), "stage": range(101, 104), "two words": range(201, 203)}
ACCOUNTS = tuple(HAS)
TOKENS = {name: f"token-of-{name.replace(' ', '-')}" for name in ACCOUNTS}
# What has ended is known for good, and then nobody asks.
STATUSES = ("completed", "in-progress", "in-progress")


def add_accounts(simulator: Simulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have them, with three actions of each Droplet, and an environment that knows them."""
    file = folder / "doctl.yaml"
    contexts = [f"  {name}: {TOKENS[name]}\n" for name in ("prod", "two words")]
    file.write_text("auth-contexts:\n" + "".join(contexts))
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_STAGE", TOKENS["stage"])
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    for name, ids in HAS.items():
        account = simulator.add_account(TOKENS[name])
        for id in ids:
            account.add_droplet(id, f"{name}-{id}", tags=["web"] if id % 2 else [])
            for n, status in enumerate(STATUSES):
                type = ("reboot", "snapshot")[n % 2]
                account.add_action(id, type, status, id=1000 * id + n)


def asked(simulator: Simulator, ask: Callable[[], object]) -> Counter[str]:
    """How many requests each account got meanwhile."""
    before = len(simulator.requests)
    ask()
    names = {token: name for name, token in TOKENS.items()}
    return Counter(names[r.authorized_as or ""] for r in simulator.requests[before:])
