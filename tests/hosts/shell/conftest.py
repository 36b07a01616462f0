"""A shell that is driven from within, and a terminal for one that is not."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest

from dovtab.hosts.shell.shell import Shell
from dovtab.simulator import Simulator


@pytest.fixture
def shell(fleet: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("DIGITALOCEAN_API_URL", fleet.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", fleet.token)
    made = Shell(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    with contextlib.closing(made):
        yield made
