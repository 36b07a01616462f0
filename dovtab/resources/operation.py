"""A request that the API knows.

Named tuples, here and in `acts`: every start of the command makes these classes, and
dataclasses take four times as long to make.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple


class Filter(NamedTuple):
    """A column whose ``=`` narrows a list on the API's side.

    Attributes:
        parameter: its name in the query string, if not the column's.
        scope: what a token needs besides.
        tells: of a filter with which the API takes no part of a list: the column
            in which a row lists its values, a JSON array.
    """

    column: str
    parameter: str = ""
    scope: str = ""
    tells: str = ""


class Operation(NamedTuple):
    """A request of the API.

    Attributes:
        path: with its parameters in braces.
        answer: the member of the JSON object that holds what was asked for.
        scope: what a token needs.
        filters: what may narrow a list. One of them goes with a request, the
            first that is bound: the API refuses some together.
        noun: what a POST acts on, as errors call it: Droplet.
        parts: queries that give all of a list together; of what a filter that goes
            with none of them narrows, the others' may be left out.
    """

    id: str
    method: Literal["GET", "POST"]
    path: str
    answer: str
    scope: str
    filters: tuple[Filter, ...] = ()
    noun: str = ""
    parts: tuple[Mapping[str, str | int], ...] = ({},)

    def queries(
        self, narrowed: Mapping[str, str]
    ) -> list[tuple[dict[str, str | int], tuple[str, str] | None]]:
        """All that has to be asked for a list.

        Args:
            narrowed: the values of filters, by column.

        Returns:
            Of each request its query, and a column and a value that it has to list of
            what comes, if the API does not see to that.

        >>> tag = Filter("tag_name", tells="tags")
        >>> parts = {"type": "droplets"}, {"type": "gpus"}
        >>> lists = Operation("x", "GET", "/v2/droplets", "droplets", "", (tag,), parts=parts)
        >>> lists.queries({"tag_name": "web"})
        [({'tag_name': 'web'}, None), ({'type': 'gpus'}, ('tags', 'web'))]
        """
        bound = [f for f in self.filters if f.column in narrowed]
        given: dict[str, str | int]
        given = {f.parameter or f.column: narrowed[f.column] for f in bound}
        for alone in (f for f in bound if f.tells):
            left_out = alone.tells, narrowed[alone.column]
            return [(given, None), *((dict(part), left_out) for part in self.parts[1:])]
        return [({**part, **given}, None) for part in self.parts]

    def scopes(self, query: Collection[str]) -> str:
        """What a token needs for a request with these parameters, in words."""
        filters = (f.scope for f in self.filters if (f.parameter or f.column) in query)
        return " and ".join(filter(None, (self.scope, *filters)))

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
        return self.path.rpartition("{")[2][:-1] if self.path.endswith("}") else None
