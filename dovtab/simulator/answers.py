"""What goes back: a status, headers, a body. And the body of every error.

Every answer has a content type, the rate limit's state and a request id;
the errors repeat the id in their body, beside an ``id`` that says the status
in words.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Responses
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

JSON_TYPE = "application/json; charset=utf-8"

# The words of the service where somebody saw them, else of its documentation.
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "error parsing request body"),
    401: ("unauthorized", "Unable to authenticate you."),
    403: ("forbidden", "You are not authorized to perform this operation"),
    404: ("not_found", "The resource you were accessing could not be found."),
    405: ("method_not_allowed", "The method is not allowed for this resource."),
    409: ("conflict", "The request could not be completed due to a conflict."),
    422: ("unprocessable_entity", "request payload validation failed"),
    429: ("too_many_requests", "API Rate limit exceeded."),
    500: ("server_error", "Unexpected server-side error"),
    502: ("bad_gateway", "Bad gateway"),
    503: ("service_unavailable", "Service unavailable"),
    504: ("gateway_timeout", "Gateway timeout"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request ends here, with an error; nothing was changed."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def error(status: int, message: str | None = None, request_id: str | None = None) -> Answer:
    """The API's error object for a status.

    >>> error(401).body
    b'{"id":"unauthorized","message":"Unable to authenticate you."}'
    """
    word, usual = _ERRORS.get(status, ("error", "An error"))
    body = {"id": word, "message": message or usual}
    if request_id:
        body["request_id"] = request_id
    return Answer(status, encoded(body), {"content-type": JSON_TYPE})


def encoded(body: object) -> bytes:
    """A JSON value as the API sends it, without spaces."""
    return json.dumps(body, separators=(",", ":")).encode()
