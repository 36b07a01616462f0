"""What the real API is known, or only supposed, to do.

Each field says which: *documented* by DigitalOcean, *observed* by somebody in
the wild, or *assumed* because nothing was found. A client that works with one
value of an assumption only has not understood the API, so flip them in tests.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SinglePageLinks = Literal["absent", "{}", '{"pages": {}}', "full"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The switches of a simulated account. The default is the likelier truth."""

    # Lists

    order: Literal["desc", "asc", "shuffled"] = "desc"
    """Order of a list by id. Newest first: observed; documented nowhere."""

    per_page_above_200: Literal["cap", "refuse"] = "cap"
    """A page size above the documented 200 is cut to 200: observed. Or 422: assumed."""

    bad_page: Literal["refuse", "default"] = "refuse"
    """A page or per_page that is no number, or below 1: 422, or the default. Assumed."""

    single_page_links: SinglePageLinks = "{}"
    """``links`` when one page holds it all. All four were observed in official sources."""

    last_on_last_page: bool = False
    """``last`` is still there on the last page: observed on other lists."""

    link_base: str | None = None
    """Scheme and host of the links; None: the host that was asked. Plain http and
    foreign hosts were observed."""

    destroyed_droplet_actions: Literal["refuse", "list"] = "refuse"
    """The actions of a destroyed Droplet: 404, or still listed. Assumed."""

    list_lag: float = 0.0
    """Seconds for which a new action is missing from lists and their ``total``, though
    it is readable by its id and locks its Droplet: observed."""

    # Power and preconditions

    shutdown_ignored: bool = False
    """The Droplet's system ignores ``shutdown``, which completes anyway: documented."""

    resize_requires_off: bool = True
    """``resize`` of a running Droplet is 422: observed, yet doctl's help denies it."""

    snapshot_requires_off: bool = False
    """``snapshot`` of a running Droplet is 422: observed until July 2016, not since."""

    reboot_requires_on: bool = True
    """``reboot`` of a Droplet that is off is 422: assumed."""

    power_cycle_requires_on: bool = False
    """``power_cycle`` of a Droplet that is off is 422: assumed not."""

    repeats_refused: bool = True
    """``enable_backups`` and ``enable_ipv6`` where they are on already are 422: assumed."""

    private_networking: bool = False
    """``enable_private_networking`` is still known, as older clients think: assumed not."""

    # By tag

    gpus_in_tag_list: bool = True
    """``/v2/droplets?tag_name=`` lists GPU Droplets, too. Assumed: by default a list
    has none, ``type`` cannot be combined with a tag, yet a POST by tag acts on all."""

    unknown_tag: Literal["empty", "404", "422"] = "empty"
    """POST to a tag that no Droplet has: 201 with no actions, or an error. Assumed."""

    empty_tag: Literal["empty", "404", "422"] = "422"
    """POST without ``tag_name``, or with an empty one: as above. Assumed."""

    unfit_in_tag: Literal["skip", "refuse"] = "skip"
    """A Droplet of the tag that is locked or in the wrong state is left out, or the
    whole request is 422. Assumed."""

    # Course of an action

    durations: Mapping[str, float] = field(default_factory=dict)
    """Seconds by type, instead of the usual ones. Those are observed where samples
    exist, else assumed."""

    errored_types: frozenset[str] = frozenset()
    """Types that always end ``errored``. That any may: documented."""

    errored_has_completed_at: bool = True
    """An errored action has a ``completed_at``: assumed."""

    status_lag: float = 0.0
    """Seconds that the Droplet's status stays old after its action completed: observed."""

    early_status: bool = False
    """The Droplet's status is new half-way, while it is still locked: observed."""

    droplet_completed_at_null: bool = False
    """``/v2/droplets/{id}/actions/{id}`` never shows ``completed_at``: observed in 2022."""

    new_action_404: float = 0.0
    """Seconds for which a new action cannot be read by its id: observed."""

    # Access

    hour_limit: int | None = 5000
    """Requests a token has in any hour: documented. None: no limit."""

    minute_limit: int | None = 250
    """Requests a token has in any minute: documented. None: no limit."""

    reset_in_past: bool = False
    """``ratelimit-reset`` lies in the past: observed in 2020."""

    refused_requests_count: bool = False
    """A request answered 429 counts against the limits: assumed not."""

    request_id_in_error: bool = True
    """An error's body has ``request_id``: documented as optional."""

    cookie: bool = False
    """Answers set the edge's ``__cf_bm`` cookie: observed."""
