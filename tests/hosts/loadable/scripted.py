"""The program ``script.c`` as Python sees it: lines in, what came of them out."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from acting_cases import Case
from building import environment

from dovtab.simulator import Rules, Simulator


class Script:
    """A running program, whose connection 0 is open and has loaded the extension."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._marks = map("mark {}".format, itertools.count(1))

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, *lines: str) -> list[str]:
        """Have it do these; gives what it says."""
        mark = next(self._marks)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("".join(f"{line}\n" for line in (*lines, f"w {mark}")))
        self._process.stdin.flush()
        said: list[str] = []
        for line in self._process.stdout:
            if line == f"{mark}\n":
                return said
            said.append(line.removesuffix("\n"))
        raise AssertionError(f"it has ended with {self._process.wait(5)} after {said}")

    def run(self, *statements: str, on: int = 0) -> list[str]:
        """Run statements; gives rows and errors, without the word that all went well."""
        said = self.say(*(f"x {on} {statement}" for statement in statements))
        return [line.removeprefix("row ") for line in said if line != "ok"]


def settings(simulator: Simulator, **more: str) -> dict[str, str]:
    """The environment of a program that may act on a simulated account."""
    return {
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
        "DOVTAB_ALLOW_ACTIONS": "1",
        "DOVTAB_MAX_ACTIONS": "0",
        "DOVTAB_CACHE_SECONDS": "0",
    } | more


@contextmanager
def interrupting(script: Script) -> Iterator[None]:
    """Interrupt connection 0 again and again: only what runs just then is interrupted."""
    over = threading.Event()

    def interrupt() -> None:
        while not over.wait(0.1):
            os.kill(script.pid, signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def scripted(program: Path, extension: Path, given: Mapping[str, str]) -> Iterator[Script]:
    """Start it, and end it."""
    with subprocess.Popen(
        [program, extension],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**given),
    ) as process:
        script = Script(process)
        assert script.say("o 0 :memory:", "l 0") == ["ok", "ok"]
        yield script
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def quick_account() -> Simulator:
    """A simulated account, where a reboot ends at once."""
    simulator = Simulator(Rules(durations={"reboot": 0.0}))
    simulator.account.populate(droplets=3, actions=3)
    return simulator


def play(
    case: Case, built: tuple[Path, Path], simulator: Simulator, **variables: str
) -> tuple[int, list[str]]:
    """Run a script; gives how many POSTs it has made, and its errors."""
    before, droplet = posts(simulator), min(simulator.account.droplets)
    given = settings(simulator, DOVTAB_MAX_REQUESTS=str(case.requests), **variables)
    with scripted(*built, given) as script:
        said = script.say(*(line.replace("{D}", str(droplet)) for line in case.lines))
    return posts(simulator) - before, [line for line in said if "error" in line]


def posts(simulator: Simulator) -> int:
    """How many requests that act have come."""
    return sum(request.method == "POST" for request in simulator.requests)
