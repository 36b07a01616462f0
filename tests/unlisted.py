"""The table as it is, but nobody can list what it acts on: a rehearsal asks nobody."""

from __future__ import annotations

from dataclasses import replace

from dovtab.resources import DROPLET_ACTIONS, Acts

assert DROPLET_ACTIONS.acts is not None
_, types, attributes, by_tag, after, _ = DROPLET_ACTIONS.acts
UNLISTED = replace(
    DROPLET_ACTIONS, acts=Acts(DROPLET_ACTIONS.acts.post, types, attributes, by_tag, after)
)
