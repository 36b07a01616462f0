"""The course of an action: what happens to it and its Droplet, and when.

The Droplet stays locked until the end; an action that errors changes nothing
else. Where the power that is shown differs from the true one, Rules say so.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from dovtab.simulator.agenda import Event
from dovtab.simulator.bodies import AskedAction
from dovtab.simulator.clock import timestamp
from dovtab.simulator.lifecycle import LIFECYCLES
from dovtab.simulator.model import Action, Droplet
from dovtab.simulator.rules import Rules


def course(
    action: Action,
    droplet: Droplet,
    asked: AskedAction,
    now: float,
    rules: Rules,
    new_image: Callable[[], int],
    *,
    errs: bool,
) -> Iterator[tuple[float, Event]]:
    """The events of an action that starts now, each with its moment.

    Args:
        now: in the clock's seconds, as the moments are.
        new_image: the id of the next image.
        errs: whether it will end errored.
    """
    life = LIFECYCLES[asked.type]
    due = now + rules.durations.get(asked.type, life.seconds)
    if errs:
        yield due, partial(end, action, droplet, due, rules, "errored")
        return
    ignored = asked.type == "shutdown" and rules.shutdown_ignored
    if life.powered is not None and not ignored:
        yield due, partial(setattr, droplet, "powered", life.powered)
        half_way, late = (now + due) / 2, due + rules.status_lag
        status = "active" if life.powered else "off"
        shown = half_way if rules.early_status else late
        yield shown, partial(setattr, droplet, "status", status)
    yield due, partial(life.change, droplet, asked.attributes, new_image)
    yield due, partial(end, action, droplet, due, rules)


def end(
    action: Action, droplet: Droplet, due: float, rules: Rules, outcome: str = "completed"
) -> None:
    """End an action, and unlock its Droplet unless another holds it by now."""
    action.status = outcome
    if outcome == "completed" or rules.errored_has_completed_at:
        action.completed_at = timestamp(due)
    if droplet.pending == action.id:
        droplet.pending = None
