"""Tokens that have not come near the rate limit.

The helper has the machine's own clock and keeps below what the API allows a token in a
minute, whatever the simulator does; so after some requests there are others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from by_property.doors import Door, Parameters, Rows
from dovtab.simulator import Simulator

Settings = dict[str, str]
Open = Callable[[Settings], Door]


# No token is used twice.
_numbers = itertools.count(1)


class FreshTokens:
    """Settings with the tokens that are used now.

    Args:
        open: a connection with these as its environment.
        settings: all the others.
        contexts: a file for doctl's contexts, of which there is one, "prod".
        requests: for which a token is used: what is left of a minute's 250 has to do for
            any example.
    """

    def __init__(
        self,
        simulator: Simulator,
        open: Open,
        settings: Mapping[str, str],
        contexts: Path,
        requests: int = 100,
    ) -> None:
        self._simulator = simulator
        self._open = open
        self._contexts = contexts
        self._requests = requests
        self._settings = {
            "DIGITALOCEAN_API_URL": simulator.url,
            "DIGITALOCEAN_CONFIG": str(contexts),
            # Whatever comes too near fails at once.
            "DOVTAB_MAX_WAIT_SECONDS": "1",
            **settings,
        }
        self._tokens: tuple[str, ...] = ()
        self._first = 0
        self._keepers: list[Door] = []

    def settings(self, **more: str) -> Settings:
        """Those of a connection."""
        if not self._tokens or len(self._simulator.requests) - self._first > self._requests:
            self._renew()
        return self._settings | {"DIGITALOCEAN_TOKEN": self._tokens[0]} | more

    def close(self) -> None:
        """Close what is open of them."""
        while self._keepers:
            self._keepers.pop().close()

    def _renew(self) -> None:
        number = next(_numbers)
        tokens = self._tokens = f"token-{number}", f"token-{number}-of-prod"
        for token, label in zip(tokens, (self._simulator.token, "prod"), strict=True):
            self._simulator.account.add_token(token, label=label)
        self._contexts.write_text(f"auth-contexts:\n  prod: {tokens[1]}\n", encoding="utf-8")
        # One HTTP client of each account for all examples, or the ports run out.
        self.close()
        for token in tokens:
            settings = self._settings | {"DIGITALOCEAN_TOKEN": token, "DOVTAB_LOG": "off"}
            keeper = self._open(settings)
            keeper.rows("SELECT count(*) FROM droplet_actions(1)")
            self._keepers.append(keeper)
        self._first = len(self._simulator.requests)


class Renewed:
    """A door that is opened anew when there are other tokens.

    Args:
        open: a connection that has all its tables in a file.
    """

    def __init__(self, open: Open, tokens: FreshTokens) -> None:
        self._open = open
        self._tokens = tokens
        self._settings: Settings = {}
        self._door: Door | None = None

    def rows(self, sql: str, parameters: Parameters = None) -> Rows:
        """Run one statement to its end."""
        return self.door().rows(sql, parameters)

    def door(self) -> Door:
        """The connection that is used now."""
        wanted = self._tokens.settings()
        if self._door is None or wanted != self._settings:
            self.close()
            self._door, self._settings = self._open(wanted), wanted
        return self._door

    def close(self) -> None:
        """Close it."""
        if self._door is not None:
            self._door.close()
            self._door = None
