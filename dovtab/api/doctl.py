"""Tokens from the config file of doctl, DigitalOcean's command line tool.

Read, never written. ``access-token`` is the token of the context named
``default``; ``auth-contexts`` holds the others by lower-case name; ``context``
names the current one.

The one rule: a token leaves the parsed file only inside a Token, so that no
frame of a traceback shows it.

Source: https://docs.digitalocean.com/reference/doctl/how-to/install/
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from dovtab.api.token import Token
from dovtab.errors import SettingsError

DEFAULT_CONTEXT = "default"


def config_path(getenv: Callable[[str], str | None], platform: str = sys.platform) -> Path:
    """Where doctl keeps its file, on each of the systems it runs on.

    >>> config_path({"XDG_CONFIG_HOME": "/etc/xdg"}.get, "linux").as_posix()
    '/etc/xdg/doctl/config.yaml'
    """
    if named := getenv("DIGITALOCEAN_CONFIG"):
        return Path(named)
    home = Path(getenv("HOME") or Path.home())
    if platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif platform == "win32":
        folder = Path(getenv("APPDATA") or home / "AppData" / "Roaming")
    else:
        folder = Path(getenv("XDG_CONFIG_HOME") or home / ".config")
    return folder / "doctl" / "config.yaml"


def contexts_in_file(path: Path) -> tuple[str, dict[str, Token]]:
    """The current context's name, and the tokens by context; without a file there are none.

    Raises:
        SettingsError: the file cannot be read, or is not doctl's.
    """
    config = _load(path) if _exists(path) else None
    if config in (None, ""):
        return DEFAULT_CONTEXT, {}
    contexts = config.get("auth-contexts") or {} if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(contexts, dict):
        del config, contexts
        raise SettingsError(f"doctl's config file {path} is not a mapping of names to values")
    # doctl writes `default: true` beside the others; its token is access-token.
    secrets = contexts | {DEFAULT_CONTEXT: config.get("access-token")}
    tokens = {
        str(name).lower(): Token(str(secret), f"doctl's context '{str(name).lower()}'")
        for name, secret in secrets.items()
        if secret
    }
    return str(config.get("context") or DEFAULT_CONTEXT).lower(), tokens


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        problem = error.strerror
    raise SettingsError(f"doctl's config file cannot be read: {problem}")


def _load(path: Path) -> object:
    # PyYAML takes a while to import, and most people have no such file.
    import yaml

    try:
        # Every scalar is a text here: no tag of a file builds anything.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except Exception as error:
        # Only the place: the parser's own message quotes the line, which may be the token.
        mark = getattr(error, "problem_mark", None)
        problem = f"is not YAML{f' (line {mark.line + 1})' if mark else ''}"
    raise SettingsError(f"doctl's config file {path} {problem}")
