"""A DigitalOcean account on the loopback.

Rehearse SQL against it before it touches a real fleet; test against it over
real sockets. It follows the API's documentation where that speaks, reports of
users where they do, and is switchable (``Rules``) where neither does.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

from dovtab.simulator.clock import Clock, ManualClock, SystemClock
from dovtab.simulator.faults import Fault
from dovtab.simulator.fleet import inventory
from dovtab.simulator.log import LoggedRequest
from dovtab.simulator.model import Action, Droplet
from dovtab.simulator.rules import Rules
from dovtab.simulator.simulator import Simulator

__all__ = [
    "Action",
    "Clock",
    "Droplet",
    "Fault",
    "LoggedRequest",
    "ManualClock",
    "Rules",
    "Simulator",
    "SystemClock",
    "inventory",
]
