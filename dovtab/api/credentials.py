"""Where the token comes from, first found first taken.

1. the ``token`` setting
2. the context named by the ``context`` setting, or by ``DIGITALOCEAN_CONTEXT``
   unless that is ``default``: its variable, or doctl's config file
3. ``DIGITALOCEAN_TOKEN``, then ``DIGITALOCEAN_ACCESS_TOKEN``
4. the current context of doctl's config file: its variable, or the file

Looked for at the first request, so that what needs no token asks for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dovtab.api.contexts import context_names, environment_names, token_in_variable, variable_of
from dovtab.api.doctl import DEFAULT_CONTEXT, config_path, contexts_in_file
from dovtab.api.settings import Settings
from dovtab.api.token import Token
from dovtab.errors import SettingsError

CONTEXT = "DIGITALOCEAN_CONTEXT"
VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")


def token_of(settings: Settings) -> Token:
    """The token that a connection with these settings uses.

    Raises:
        SettingsError: as `find_token`.
    """
    return find_token(
        settings.getenv, settings.variables, token=settings.token, context=settings.context
    )


def find_token(
    getenv: Callable[[str], str | None],
    variables: Callable[[], Iterable[str]] = environment_names,
    *,
    token: Token | None = None,
    context: str | None = None,
) -> Token:
    """The token to use.

    Args:
        getenv: gives the environment; ``os.getenv``, or a dict's ``get``.
        variables: gives the names of what is in it.
        token: the ``token`` setting.
        context: the ``context`` setting.

    Raises:
        SettingsError: there is none; the message says where one may come from.
    """
    if token is not None:
        return token.checked()
    named = (context or getenv(CONTEXT) or "").lower()
    found = token_in_variable(getenv, named) if named else None
    # doctl's own rule: the environment's token stands for its default context.
    if found is None and (not named or (context is None and named == DEFAULT_CONTEXT)):
        for variable in VARIABLES:
            if getenv(variable):
                return Token(getenv(variable) or "", variable).checked()
    if found is None:
        current, tokens = contexts_in_file(config_path(getenv))
        name = named or current
        found = token_in_variable(getenv, name) or tokens.get(name)
        if found is None:
            is_named = bool(named) or name != DEFAULT_CONTEXT
            raise _no_token(getenv, variables, name if is_named else None)
    return found.checked()


def _no_token(
    getenv: Callable[[str], str | None],
    variables: Callable[[], Iterable[str]],
    context: str | None,
) -> SettingsError:
    names, path = ", ".join(context_names(getenv, variables)), config_path(getenv)
    if context is None:
        named = f", or name a context (there are: {names})" if names else ""
        return SettingsError(
            f"no API token: set {VARIABLES[0]} or {VARIABLES[1]}, or run 'doctl auth init',"
            f" or pass token={named} (tokens are made at"
            " https://cloud.digitalocean.com/account/api/tokens)"
        )
    not_there = f"{path} does not have it" if path.exists() else f"there is no {path}"
    return SettingsError(
        f"context '{context}' has no token: {variable_of(context)} is not set, and {not_there}"
        f" (contexts: {names or 'none'})"
    )


def is_configured(
    getenv: Callable[[str], str | None],
    variables: Callable[[], Iterable[str]] = environment_names,
) -> bool:
    """Whether anything says where a token is.

    Whether that is right the first request will see, and say.

    >>> is_configured({"HOME": "/nowhere"}.get, lambda: [])
    False
    >>> is_configured({"HOME": "/nowhere", "DIGITALOCEAN_CONTEXT": "prod"}.get, lambda: [])
    True
    """
    if any(getenv(name) for name in (CONTEXT, *VARIABLES)):
        return True
    try:
        return bool(context_names(getenv, variables))
    except SettingsError:
        return True
