"""The options of one command, one after the other, as apsw's shell meets them.

What is wrong with one is told before anything is done.

Source: https://rogerbinns.github.io/apsw/shell.html#apsw.shell.Shell.process_unknown_args
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dovtab.errors import SettingsError
from dovtab.hosts.options import FLAGS, HISTORY_FLAGS, OF_ACCOUNT, VALUES, VERBOSE, unknown


@dataclass(slots=True)
class Given:
    """What was given so far.

    Attributes:
        settings: by their names.
        history: what is said of a history: its file, and how to refresh it.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    history: dict[str, str] = field(default_factory=dict)
    is_demo: bool = False
    is_verbose: bool = False

    def take(self, args: list[str], modes: Iterable[str] = ()) -> list[str]:
        """Take the option that is first, without its dashes; gives the arguments after it.

        Args:
            modes: the output modes that there are.

        Raises:
            SettingsError: there is no such option, or its value is not there.

        >>> given = Given()
        >>> given.take(["max-requests=5", "log", "off", "my.db"]), given.take(["log", "off"])
        (['log', 'off', 'my.db'], [])
        >>> given.settings
        {'max_requests': '5', 'log': 'off'}
        """
        name, equals, value = args[0].partition("=")
        rest = args[1:]
        if name in VALUES:
            if not equals:
                if not rest:
                    raise SettingsError(f"--{name} needs a value")
                value = rest.pop(0)
            where = self.history if name == "refresh" else self.settings
            where[VALUES[name]] = value
            return rest
        self._take_flag(name, modes)
        if equals:
            raise SettingsError(f"--{name} takes no value")
        return rest

    @property
    def to_act(self) -> str:
        """What would let SQL start actions."""
        if "allow_actions" in self.settings:
            return "to allow it, leave out --read-only"
        return "to allow it, set DOVTAB_ALLOW_ACTIONS=1"

    @property
    def mode(self) -> str:
        """What the prompt says of it: in which account, and how much is possible there.

        >>> Given(settings={"context": "prod", "dry_run": True}).mode
        'prod dry-run'
        """
        context = str(self.settings.get("context", "")).strip()
        said = ["demo" if self.is_demo else context]
        said += [option for option in FLAGS if option != "all-contexts" and self._has(option)]
        return " ".join(filter(None, said))

    def _has(self, option: str) -> bool:
        return FLAGS[option].items() <= self.settings.items()

    def check_demo(self) -> None:
        """See that a simulated account is not told what it decides for itself.

        Raises:
            SettingsError: it is.
        """
        if self.is_demo and self.settings.keys() & OF_ACCOUNT:
            raise SettingsError("--demo has an account of its own: it goes alone")

    def _take_flag(self, name: str, modes: Iterable[str]) -> None:
        if name == "demo":
            self.is_demo = True
        elif name in VERBOSE:
            self.is_verbose = True
        elif name in FLAGS:
            self.settings |= FLAGS[name]
        elif name in HISTORY_FLAGS:
            self.history[name] = name
        elif name == "hub":
            raise SettingsError("--hub FILE goes alone")
        elif name == "examples":
            raise SettingsError("--examples [NAME] goes alone")
        else:
            raise SettingsError(unknown(name, modes))
