"""``python -m dovtab.simulator``: a DigitalOcean account on this machine.

The first line of output is its URL, so that a script can read it from there.
It runs until Ctrl-C or SIGTERM, and then ends with status 0.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from dovtab.simulator.control import Control
from dovtab.simulator.simulator import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator until a signal ends it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    # From here on, a signal that comes early still ends the program quietly.
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    simulator = Simulator(latency=options.latency, seed=options.seed, port=options.port)
    simulator.account.populate(droplets=options.droplets, actions=options.actions)
    with ExitStack() as stack:
        try:
            stack.enter_context(simulator)
            lines = _welcome(simulator)
            if options.control_port is not None:
                control = Control(simulator, options.control_port)
                stack.callback(control.stop)
                paths = "/_sim/state, /_sim/requests, /_sim/faults, /_sim/colleagues"
                lines.append(f"Control: {control.url}{paths}")
        except OSError as reason:
            parser.error(f"cannot listen: {reason.strerror}")
        print("\n".join(lines), flush=True)
        # In slices: on Windows an endless wait would not notice Ctrl-C.
        while not stopped.wait(0.5):
            pass
    return 0


def _welcome(simulator: Simulator) -> list[str]:
    return [
        simulator.url,
        f"A simulated DigitalOcean account; its token is: {simulator.token}",
        f"DIGITALOCEAN_API_URL={simulator.url} DIGITALOCEAN_TOKEN={simulator.token} dovtab",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dovtab.simulator",
        description="A DigitalOcean account on the loopback, to rehearse against.",
    )
    add = parser.add_argument
    add("--port", type=port, default=0, help="of the API; 0: any free one")
    add("--latency", type=seconds, default=0.0, metavar="SECONDS", help="before each answer")
    add("--droplets", type=count, default=10, metavar="N", help="in the fleet (default 10)")
    add("--actions", type=count, default=8, metavar="N", help="of each Droplet (default 8)")
    add("--control-port", type=port, metavar="PORT", help="also serve /_sim/...; 0: any")
    add("--seed", type=int, default=1, metavar="N", help="of everything random")
    return parser


def port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 3600:
        raise argparse.ArgumentTypeError("must be from 0 to 3600 seconds")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
