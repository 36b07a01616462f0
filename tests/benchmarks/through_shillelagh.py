"""shillelagh as a contestant: the least that makes a table of the same requests.

The Droplet, alone or with the action's id, can be asked for; ``get_cost`` says
so, without which SQLite would read the whole account first.

Source: https://shillelagh.readthedocs.io/en/latest/development.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shillelagh.adapters.base import Adapter
from shillelagh.adapters.registry import registry
from shillelagh.backends.apsw.db import connect
from shillelagh.fields import Field, Integer, Order, String
from shillelagh.filters import Equal, Filter

from benchmarks.loop import COLUMNS, Api, Row, to_text
from benchmarks.questions import Question

TABLE = "droplet_actions"
# More than SQLite's guess of how many Droplets an inventory has, a million.
WHOLE_ACCOUNT = 1e12


class DropletActions(Adapter):
    """The table.

    Args:
        url: the API's.
    """

    safe = True

    def __init__(self, url: str) -> None:
        super().__init__()
        self._api = Api(url)
        self._columns: dict[str, Field[Any, Any]] = {
            # What is not exact, SQLite looks at again: an id alone is not used.
            "id": Integer(filters=[Equal], order=Order.NONE, exact=False),
            "resource_id": Integer(filters=[Equal], order=Order.NONE, exact=True),
        }
        self._columns |= {name: String() for name in COLUMNS[2:]}

    @staticmethod
    def supports(uri: str, fast: bool = True, **kwargs: Any) -> bool:
        return uri == TABLE

    @staticmethod
    def parse_uri(uri: str) -> tuple[Any, ...]:
        return ()

    def get_columns(self) -> dict[str, Field[Any, Any]]:
        return self._columns

    def get_cost(self, filtered_columns: list[Any], order: list[Any]) -> float:
        bound = {name for name, _ in filtered_columns}
        return (1.0 if "id" in bound else 2.0) if "resource_id" in bound else WHOLE_ACCOUNT

    def get_data(
        self, bounds: dict[str, Filter], order: list[Any], **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        for action in self._actions(bounds.get("resource_id"), bounds.get("id")):
            row = {name: action[name] for name in COLUMNS}
            row["region"] = to_text(row["region"])
            row["rowid"] = row["id"]
            yield row

    def close(self) -> None:
        self._api.close()

    def _actions(self, droplet: Any, action: Any) -> Iterator[dict[str, Any]]:
        if droplet is None:
            return self._api.account()
        if action is None:
            return self._api.list(droplet.value)
        return iter([self._api.get(droplet.value, action.value)])


class Shillelagh:
    """The contestant.

    Args:
        url: the API's.
        inventory: the Droplets of the table ``inventory``.
    """

    name = "shillelagh"

    def __init__(self, url: str, inventory: tuple[int, ...] = ()) -> None:
        registry.clear()
        registry.add(TABLE, DropletActions)
        self._db = connect(":memory:", [TABLE], {TABLE: {"url": url}})
        self._cursor = self._db.cursor()
        self._cursor.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY)")
        for id in inventory:
            self._cursor.execute("INSERT INTO inventory VALUES (?)", (id,))

    def ask(self, question: Question) -> list[Row]:
        sql = question.others_sql or question.sql
        return list(self._cursor.execute(sql, question.bindings).fetchall())

    def close(self) -> None:
        self._db.close()
        # Left to the collector at the end of the process, SQLite's part of it crashes.
        self._db._connection.close(True)
