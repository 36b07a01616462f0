"""Tokens: who asks, what they may do, how often.

A token without scopes named may do everything. A token is kept to be compared
with, never shown: logs know it by its label.

Source: https://docs.digitalocean.com/reference/api/scopes/
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from dovtab.simulator.answers import Refused
from dovtab.simulator.limits import RateLimit
from dovtab.simulator.rules import Rules


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever has a token; ``scopes`` None means all."""

    label: str
    scopes: frozenset[str] | None
    limit: RateLimit

    def require(self, scope: str) -> None:
        """
        Raises:
            Refused: 403, the token lacks the scope.
        """
        if self.scopes is not None and scope not in self.scopes:
            raise Refused(403)


class Tokens:
    """The tokens that an account accepts."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._holders: dict[str, Holder] = {}

    def add(self, token: str, scopes: Set[str] | None, label: str | None) -> None:
        self._holders[token] = Holder(
            label=label or f"token {len(self._holders) + 1}",
            scopes=None if scopes is None else frozenset(scopes),
            limit=RateLimit(self._rules),
        )

    def holder(self, authorization: str | None) -> Holder | None:
        """Who sent this Authorization header; None: nobody known."""
        scheme, _, token = (authorization or "").partition(" ")
        return self._holders.get(token.strip()) if scheme.lower() == "bearer" else None
