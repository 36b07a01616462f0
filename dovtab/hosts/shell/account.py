"""What somebody at a prompt should know before he acts: whose account it is, and how far it goes.

Nothing is asked of the API, and no token is shown.
"""

from __future__ import annotations

from dovtab.api.credentials import token_of
from dovtab.api.settings import Settings
from dovtab.errors import SettingsError


def account(settings: Settings) -> str:
    """A line or two on where the token comes from and on what INSERT would do.

    >>> settings = Settings(getenv={"DIGITALOCEAN_TOKEN": "dop_v1_x"}.get)
    >>> print(account(settings))
    The token comes from DIGITALOCEAN_TOKEN. INSERT starts actions: at once, or at
    COMMIT if BEGIN went before it.
    """
    try:
        whose = f"The token comes from {token_of(settings).source}."
    except SettingsError:
        return "There is no token yet: set DIGITALOCEAN_TOKEN, or try dovtab --demo."
    if not settings.allow_actions:
        return f"{whose} Starting actions is off."
    if settings.dry_run:
        return f"{whose} Actions are rehearsed: none is sent."
    return f"{whose} INSERT starts actions: at once, or at\nCOMMIT if BEGIN went before it."
