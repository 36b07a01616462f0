"""Which contexts there are: accounts by name.

A context is one of doctl's, or a variable ``DIGITALOCEAN_TOKEN_<NAME>``. The variable
goes before doctl's file, so that a machine without the file, or with an old one, can
be given other tokens. Names are compared in small letters, as doctl has them; what a
variable cannot have in its name is an underscore there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from dovtab.api.doctl import config_path, contexts_in_file
from dovtab.api.token import Token
from dovtab.errors import SettingsError

_PREFIX = "DIGITALOCEAN_TOKEN_"


def environment_names() -> list[str]:
    """The names of what is in the environment.

    In place of ``os.environ.keys``, which a traceback would show with all the values.
    """
    return list(os.environ)


def variable_of(context: str) -> str:
    """The variable that has the token of a context.

    >>> variable_of("prod-eu")
    'DIGITALOCEAN_TOKEN_PROD_EU'
    """
    letters = (c if c.isascii() and c.isalnum() else "_" for c in context)
    return _PREFIX + "".join(letters).upper()


def token_in_variable(getenv: Callable[[str], str | None], context: str) -> Token | None:
    """The token that the environment has for a context, if it has one."""
    variable = variable_of(context)
    secret = getenv(variable)
    return Token(secret, variable) if secret else None


def context_names(
    getenv: Callable[[str], str | None], variables: Callable[[], Iterable[str]]
) -> list[str]:
    """All of them, in small letters, in their alphabet's order.

    Args:
        variables: gives the names of what `getenv` knows.

    Raises:
        SettingsError: doctl's file cannot be read, or a variable would be that of two.
    """
    of_variable: dict[str, str] = {}
    names = sorted(contexts_in_file(config_path(getenv))[1])
    for name in names:
        other = of_variable.setdefault(variable_of(name), name)
        if other != name and getenv(variable_of(name)):
            raise SettingsError(
                f"{variable_of(name)} would be the token of two contexts of doctl's,"
                f" '{other}' and '{name}': give one of them another name"
            )
    for variable in variables():
        name = variable.removeprefix(_PREFIX).lower()
        # Of a file's name, as some have it, nobody means that it is a token.
        is_one = (
            name not in ("", "file")
            and variable == variable_of(name)
            and bool(getenv(variable))
        )
        if is_one and variable not in of_variable:
            names.append(name)
    return sorted(names)


def all_contexts(
    getenv: Callable[[str], str | None], variables: Callable[[], Iterable[str]]
) -> list[str]:
    """The same for whoever needs one at least.

    Raises:
        SettingsError: as `context_names`; or there is none.
    """
    names = context_names(getenv, variables)
    if not names:
        raise SettingsError(
            f"there is no context: set a variable {_PREFIX}<NAME> for each account, or run"
            " 'doctl auth init --context NAME'"
        )
    return names
