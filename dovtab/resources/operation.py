"""A request that the API knows.

Named tuples, here and in `acts`: every start of the command makes these classes, and
dataclasses take four times as long to make.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

from string import Formatter
from typing import Literal, NamedTuple


class Filter(NamedTuple):
    """A column whose ``=`` narrows a list on the API's side.

    Attributes:
        parameter: its name in the query string, if not the column's.
    """

    column: str
    parameter: str = ""


class Operation(NamedTuple):
    """A request of the API.

    Attributes:
        path: with its parameters in braces.
        answer: the member of the JSON object that holds what was asked for.
        scope: what a token needs.
        filters: what may narrow a list. One of them goes with a request, the
            first that is bound: the API refuses some together.
        noun: what a POST acts on, as errors call it: Droplet.
    """

    id: str
    method: Literal["GET", "POST"]
    path: str
    answer: str
    scope: str
    filters: tuple[Filter, ...] = ()
    noun: str = ""

    @property
    def signature(self) -> str:
        """How EXPLAIN QUERY PLAN and error messages name the operation.

        >>> Operation("x", "GET", "/v2/actions/{action_id}", "action", "").signature
        'GET /v2/actions/{action_id}'
        """
        return f"{self.method} {self.path}"

    @property
    def item(self) -> str | None:
        """The parameter that names one object, if it is one that is asked for.

        >>> Operation("x", "GET", "/v2/actions/{action_id}", "action", "").item
        'action_id'
        """
        *_, (_, last, _, _) = Formatter().parse(self.path)
        return last
