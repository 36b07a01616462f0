"""A DigitalOcean account on the loopback.

Rehearse SQL against it before it touches a real fleet; test against it over
real sockets. It follows the API's documentation where that speaks, reports of
users where they do, and is switchable (``Rules``) where neither does: whether a
new action is listed at once (``list_lag``), whether a tag lists GPU Droplets
(``gpus_in_tag_list``). A ``Fault`` is what goes wrong with a request; a
``Colleague`` is somebody else who sends the same, and the account knows which
action was whose (``started_by``).

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

from dovtab.simulator.clock import Clock, ManualClock, SystemClock
from dovtab.simulator.colleagues import Colleague
from dovtab.simulator.faults import Fault
from dovtab.simulator.fleet import inventory
from dovtab.simulator.log import LoggedRequest
from dovtab.simulator.model import Action, Droplet
from dovtab.simulator.rules import Rules
from dovtab.simulator.simulator import Simulator

__all__ = [
    "Action",
    "Clock",
    "Colleague",
    "Droplet",
    "Fault",
    "LoggedRequest",
    "ManualClock",
    "Rules",
    "Simulator",
    "SystemClock",
    "inventory",
]
