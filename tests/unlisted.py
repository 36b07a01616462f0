"""The table as it is, but nobody can list what it acts on: a rehearsal asks nobody."""

from __future__ import annotations

from dataclasses import replace

from dovtab.resources import DROPLET_ACTIONS

UNLISTED = replace(DROPLET_ACTIONS, owners=None)
