"""Names that are none, of settings above all, and which one was meant.

A keyword that is unknown is refused. A variable may be somebody else's, and is refused only
if it is so near to one of ours that nobody can have meant another: what was to keep dovtab
from acting would be ignored without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dovtab.errors import SettingsError

_PREFIX = "DOVTAB_"
# One letter more, less or wrong, and hardly two; _SECONDS alone makes names alike.
_NEAR = 0.85
# What people take for one of ours, and which it is.
_ALSO_KNOWN = {
    **dict.fromkeys(("READ_ONLY", "READONLY", "NO_ACTIONS"), "DOVTAB_ALLOW_ACTIONS=0"),
    **dict.fromkeys(("DRY", "DRYRUN", "REHEARSE"), "DOVTAB_DRY_RUN"),
    "MAX_WAIT": "DOVTAB_MAX_WAIT_SECONDS",
    "TIMEOUT": "DOVTAB_TIMEOUT_SECONDS",
    "API_URL": "DIGITALOCEAN_API_URL",
}


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a keyword that is no setting.

    Raises:
        SettingsError: with the one that was meant, if one is near, and all that there are.
    """
    known = list(known)
    for name in sorted(set(given).difference(known)):
        meant = nearest(name, known, 0.6)
        hint = f"; did you mean '{meant}'?" if meant else ";"
        raise SettingsError(f"there is no setting '{name}'{hint} there are: {', '.join(known)}")


def refuse_misspelled(
    variables: Iterable[str], getenv: Callable[[str], str | None], known: Iterable[str]
) -> None:
    """Refuse a variable that must be a misspelled one of ours.

    Args:
        variables: the names of what `getenv` knows.

    Raises:
        SettingsError: with the one that was meant.
    """
    ours = [name for name in known if name.startswith(_PREFIX)]
    begin = len(_PREFIX)
    for name in sorted(variables):
        if not name.upper().startswith(_PREFIX) or name in ours or not getenv(name):
            continue
        bare = name[begin:].upper()
        meant = _ALSO_KNOWN.get(bare)
        if meant is None and (near := nearest(bare, [n[begin:] for n in ours], _NEAR)):
            meant = _PREFIX + near
        if meant:
            raise SettingsError(f"there is no variable {name}; did you mean {meant}?")


def nearest(name: str, known: Iterable[str], how_near: float) -> str | None:
    """The one that is nearest, in difflib's measure; None: none is as near as that.

    >>> nearest("poweroff", ["power_on", "power_off"], 0.6)
    'power_off'
    """
    # Imported for nobody who spells well.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=how_near)), None)
