"""Settings: keyword first, then the environment, then the default.

Every value is checked here, once, and a wrong one is refused with what is
allowed. Looking for a token is another file's business: it may read a file,
and only the first request needs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from dovtab.api.contexts import environment_names
from dovtab.api.misspelled import refuse_misspelled, refuse_unknown
from dovtab.api.settings_dict import SettingsDict
from dovtab.api.token import Token
from dovtab.errors import SettingsError

PUBLIC_API = "https://api.digitalocean.com"
_TO_ACT = (
    "to allow it, pass allow_actions=True, or set DOVTAB_ALLOW_ACTIONS=1 before it is opened"
)
_STATE, _LOG, _QUOTA = "~/.local/state", "dovtab/actions.db", "dovtab/quota"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connection was told: its keywords, which `SettingsDict` explains, checked.

    Attributes:
        token: wrapped, so that nothing shows it; None to look for one (see ``credentials``).
        getenv: gives the environment, where a token is looked for if none is given.
        variables: gives the names of what is in the environment.
        to_act: where SQL may not start actions, what would let it, in the door's words.
    """

    token: Token | None = None
    context: str | None = None
    all_contexts: bool = False
    api_url: str = PUBLIC_API
    allow_actions: bool = True
    dry_run: bool = False
    max_actions: int = 25
    log: str | None = None
    concurrency: int = 16
    cache_seconds: float = 5.0
    look_ahead: bool = True
    account_list: bool = True
    max_requests: int = 500
    max_wait_seconds: float = 120.0
    quota_folder: str | None = None
    timeout_seconds: float = 30.0
    getenv: Callable[[str], str | None] = field(default=os.getenv, repr=False, compare=False)
    variables: Callable[[], Iterable[str]] = field(
        default=environment_names, repr=False, compare=False
    )
    to_act: str = field(default=_TO_ACT, repr=False, compare=False)


VARIABLES = {
    "all_contexts": "DOVTAB_ALL_CONTEXTS",
    "api_url": "DIGITALOCEAN_API_URL",
    "allow_actions": "DOVTAB_ALLOW_ACTIONS",
    "dry_run": "DOVTAB_DRY_RUN",
    "max_actions": "DOVTAB_MAX_ACTIONS",
    "log": "DOVTAB_LOG",
    "concurrency": "DOVTAB_CONCURRENCY",
    "cache_seconds": "DOVTAB_CACHE_SECONDS",
    "look_ahead": "DOVTAB_LOOK_AHEAD",
    "account_list": "DOVTAB_ACCOUNT_LIST",
    "max_requests": "DOVTAB_MAX_REQUESTS",
    "max_wait_seconds": "DOVTAB_MAX_WAIT_SECONDS",
    "quota_folder": "DOVTAB_QUOTA_FOLDER",
    "timeout_seconds": "DOVTAB_TIMEOUT_SECONDS",
}


def resolve(
    keywords: SettingsDict | dict[str, Any],
    getenv: Callable[[str], str | None],
    variables: Callable[[], Iterable[str]] = environment_names,
) -> Settings:
    """The settings for these keywords and this environment.

    The token is taken out of ``keywords`` and put back wrapped, so that no frame
    above shows it if something else is wrong. None means not given, except for the log
    and the folder of the quota.

    Raises:
        SettingsError: a name is unknown or a value is not allowed, or a variable of the
            environment is misspelled.
    """
    given = cast("dict[str, Any]", keywords)
    if isinstance(given.get("token"), str):
        given["token"] = Token(given["token"], "the token setting")
    elif not isinstance(given.get("token"), Token | None):
        given["token"] = type(given["token"])
    refuse_unknown(given, CHECKS)
    refuse_misspelled(variables(), getenv, VARIABLES.values())
    checked: dict[str, Any] = {
        "log": _default_log(getenv),
        "quota_folder": _default_quota_folder(getenv),
        "getenv": getenv,
        "variables": variables,
    }
    for name, check in CHECKS.items():
        if given.get(name) is not None or (name in _MAY_BE_OFF and name in given):
            checked[name] = check(name, given[name])
        elif text := getenv(VARIABLES.get(name, "")):
            checked[name] = check(VARIABLES[name], text)
    if checked.get("token") and checked.get("context"):
        raise SettingsError("give a token or a context, not both")
    return Settings(**checked)


def resolve_for_others(
    keywords: SettingsDict | dict[str, Any],
    getenv: Callable[[str], str | None],
    variables: Callable[[], Iterable[str]] = environment_names,
) -> Settings:
    """The same for a door that others open: acting is off unless somebody says that it is on.

    Raises:
        SettingsError: as `resolve`.
    """
    if keywords.get("allow_actions") is None and not getenv(VARIABLES["allow_actions"]):
        keywords["allow_actions"] = False
    return resolve(keywords, getenv, variables)


def _token(name: str, value: object) -> Token:
    if isinstance(value, Token):
        return value
    raise SettingsError(f"{name} must be a text")


def _context(name: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise SettingsError(f"{name} must be the name of a context")


def _api_url(name: str, value: object) -> str:
    # The value is not quoted: people paste URLs with passwords in them.
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        host, _ = url.hostname or "", url.port
    except ValueError:
        url, host = urlsplit(""), ""
    if not host or url.scheme not in ("http", "https"):
        raise SettingsError(f"{name} must be an https:// URL, such as {PUBLIC_API}")
    if url.username is not None or url.query or url.fragment:
        raise SettingsError(f"{name} must have no user name, no '?' and no '#'")
    if url.path.rstrip("/").endswith("/v2"):
        # Every address would have it twice, and every Droplet would seem to be gone.
        raise SettingsError(f"{name} must be without the /v2 at its end")
    if url.scheme == "http" and not _is_loopback(host):
        raise SettingsError(f"{name} must be https://: http:// is for a loopback address only")
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _log(name: str, value: object) -> str | None:
    if value is None or value == "off":
        return None
    path = os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else ""
    # What SQLite takes for no file would outlive nothing.
    if path and not path.startswith((":", "file:")):
        return path
    raise SettingsError(f"{name} must be a file, or off: no log")


def _quota_folder(name: str, value: object) -> str | None:
    if value is None or value == "off":
        return None
    path = os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else ""
    # A number is likely to mean something else.
    if path.startswith(("/", "~")) and "\0" not in path:
        return path
    raise SettingsError(
        f"{name} must be a whole path of a folder, or off: each process counts for itself"
    )


def _default_log(getenv: Callable[[str], str | None]) -> str:
    return str(_state(getenv) / _LOG)


def _default_quota_folder(getenv: Callable[[str], str | None]) -> str:
    # What is of this boot belongs there; where there is no such folder, a file does no harm.
    runtime = _folder(getenv, "XDG_RUNTIME_DIR")
    return str((runtime or _state(getenv)) / _QUOTA)


def _state(getenv: Callable[[str], str | None]) -> Path:
    return _folder(getenv, "XDG_STATE_HOME") or Path(_STATE)


def _folder(getenv: Callable[[str], str | None], name: str) -> Path | None:
    # The specification says that a relative path is to be ignored.
    folder = Path(getenv(name) or "")
    return folder if folder.is_absolute() else None


def _boolean(name: str, value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str) and str(value).strip().lower() in words:
        return words[str(value).strip().lower()]
    raise SettingsError(
        f"{name} must be 1 or 0 (true, yes, on; false, no, off), not {_shown(value)}"
    )


def _number(low: float, high: float, *, whole: bool) -> Callable[[str, object], float]:
    allowed = f"a {'whole ' if whole else ''}number from {low} to {high}"

    def check(name: str, value: object) -> float:
        number: float | None = None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                number = int(str(value)) if whole else float(value)
            except (ValueError, OverflowError):
                number = None
        if number is None or not low <= number <= high:
            raise SettingsError(f"{name} must be {allowed}, not {_shown(value)}")
        return number

    return check


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python does not write out an integer of thousands of digits.
        shown = "that"
    return shown if len(shown) <= 60 else shown[:60] + "..."


CHECKS: dict[str, Callable[[str, Any], object]] = {
    "token": _token,
    "context": _context,
    "all_contexts": _boolean,
    "api_url": _api_url,
    "allow_actions": _boolean,
    "dry_run": _boolean,
    "concurrency": _number(1, 64, whole=True),
    "cache_seconds": _number(0, 86_400, whole=False),
    "look_ahead": _boolean,
    "account_list": _boolean,
    "max_actions": _number(0, 1_000_000, whole=True),
    "log": _log,
    "max_requests": _number(1, 1_000_000, whole=True),
    "max_wait_seconds": _number(0, 86_400, whole=False),
    "quota_folder": _quota_folder,
    "timeout_seconds": _number(0.001, 3_600, whole=False),
}
_MAY_BE_OFF = frozenset({"log", "quota_folder"})
