"""A request, and everything that came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from dovtab.errors import DovtabError
from dovtab.resources import Operation

# Decoded JSON: no type says more than the checks that `pages` and `answers` make.
Json = Any

# What a request is called that was sent before anybody wanted its answer.
AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an operation, ready to be sent.

    Attributes:
        parameters: the path's, by name.
        query: what follows the ``?``, in order.
        body: the JSON object of a POST.
        since: seconds since 1970; what started earlier is not wanted. It is not sent.
        path: the path and the query, as they go over the wire.

    >>> from dovtab.resources import DROPLET_ACTIONS
    >>> Request(DROPLET_ACTIONS.reads.list, {"droplet_id": 7}, {"page": 2}).path
    '/v2/droplets/7/actions?page=2'
    """

    operation: Operation
    parameters: dict[str, int] = field(default_factory=dict)
    query: dict[str, str | int] = field(default_factory=dict)
    body: dict[str, Json] | None = None
    since: float | None = None
    path: str = field(init=False)

    @property
    def acts(self) -> bool:
        """Whether it changes something, so that running it twice is not harmless."""
        return self.operation.method == "POST"

    @property
    def scopes(self) -> str:
        """What a token needs for it, in words."""
        return self.operation.scopes(self.query)

    @property
    def may_have_run(self) -> str:
        """What an error adds if nobody can tell; nothing where it makes no difference."""
        if not self.acts:
            return ""
        return (
            "; it may have been carried out, and was not sent again:"
            f" look at the {self.operation.noun}'s actions before you repeat it"
        )

    def __post_init__(self) -> None:
        path = self.operation.path.format_map(self.parameters)
        if self.query:
            path += f"?{_encoded(self.query)}"
        object.__setattr__(self, "path", path)

    def __str__(self) -> str:
        return f"{self.operation.method} {self.path}"


def _encoded(query: dict[str, str | int]) -> str:
    if all(type(value) is int for value in query.values()):
        # Most have a page and its size, and every scan makes one.
        return "&".join([f"{name}={value}" for name, value in query.items()])
    return urlencode(query, quote_via=quote)


@dataclass(slots=True)
class Exchange:
    """What came of a request, whether it went well or not.

    Attributes:
        started_at: seconds since 1970.
        duration: seconds that its attempts took, without the pauses between them; None:
            it is under way.
        attempts: how often it was sent.
        status: of the last answer, or None.
        body: of a 2xx, until it is decoded.
        not_found: the API itself said that there is no such thing.
        uncertain: a POST may have run although no answer says so.
        request_id: what DigitalOcean calls the last attempt.
        ratelimit_limit, ratelimit_remaining: the hour's quota and what is left of
            it, as the last answer gave them.
        server_ahead: seconds by which the API's clock is ahead of ours, as its last
            answer said; 0 if it did not.
        look_ahead: `AHEAD` if it was sent before anybody wanted it, or why its statement
            could not be run ahead.
        error: what to raise.
    """

    request: Request
    started_at: float
    duration: float | None = None
    attempts: int = 0
    status: int | None = None
    body: bytes | None = None
    not_found: bool = False
    uncertain: bool = False
    request_id: str | None = None
    ratelimit_limit: int | None = None
    ratelimit_remaining: int | None = None
    server_ahead: float = 0.0
    look_ahead: str = ""
    error: DovtabError | None = None
