"""Where the token comes from, first found first taken.

1. the ``token`` setting
2. the context named by the ``context`` setting, or by ``DIGITALOCEAN_CONTEXT``
   unless that is ``default``, in doctl's config file
3. ``DIGITALOCEAN_TOKEN``, then ``DIGITALOCEAN_ACCESS_TOKEN``
4. the current context of doctl's config file

Looked for at the first request, so that what needs no token asks for none.
"""

from __future__ import annotations

from collections.abc import Callable

from dovtab.api.doctl import DEFAULT_CONTEXT, config_path, token_in_file
from dovtab.api.token import Token
from dovtab.errors import SettingsError

VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")


def find_token(
    getenv: Callable[[str], str | None],
    *,
    token: Token | None = None,
    context: str | None = None,
) -> Token:
    """The token to use.

    Args:
        getenv: gives the environment; ``os.getenv``, or a dict's ``get``.
        token: the ``token`` setting.
        context: the ``context`` setting.

    Raises:
        SettingsError: there is none; the message says where one may come from.
    """
    if token is not None:
        return token.checked()
    named = context or getenv("DIGITALOCEAN_CONTEXT") or None
    # doctl's own rule: the environment's token stands for its default context.
    if named is None or (context is None and named == DEFAULT_CONTEXT):
        for variable in VARIABLES:
            if getenv(variable):
                return Token(getenv(variable) or "", variable).checked()
    found = token_in_file(config_path(getenv), named)
    if found is None:
        raise SettingsError(
            f"no API token: set {VARIABLES[0]} or {VARIABLES[1]}, or run 'doctl auth init',"
            " or pass token= (tokens are made at"
            " https://cloud.digitalocean.com/account/api/tokens)"
        )
    return found.checked()
