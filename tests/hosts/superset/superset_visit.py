"""What somebody does in Superset, by its REST API, and what has to come of it.

What is wrong is told, and the visit goes on; but if something cannot be done at all, it ends.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from dovtab.resources import DROPLET_ACTIONS, DROPLETS
from dovtab.simulator import Simulator, inventory

DROPLET = 3164444
POST = f"SELECT droplet_actions_post({DROPLET}, 'reboot')"
INSERT = (
    f"INSERT INTO digitalocean.droplet_actions(droplet_id, type) VALUES ({DROPLET}, 'reboot')"
)
HELP = Path(__file__).parents[3] / "dovtab" / "help"
OURS = (HELP / "superset.md").read_text(encoding="utf-8")
(JOIN,) = re.findall(r"^```sql\n(.*?);\n```$", OURS, re.M | re.S)
JSON = """
SELECT json_object('dollars', sum(size ->> 'price_monthly')) AS told
FROM droplets WHERE tags LIKE '%"web"%'"""
DAY = 86400.0
OFF = "starting actions is off"


class Visit:
    """One visitor; `wrong` has what was not as it should be."""

    def __init__(self, url: str, simulator: Simulator, uri: str) -> None:
        self.wrong: list[str] = []
        self._http = httpx.Client(base_url=url, timeout=120, trust_env=False)
        self._simulator = simulator
        self._uri = uri
        self._database = 0

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def log_in(self, name: str, password: str) -> None:
        """As one who may do anything."""
        given = {"username": name, "password": password, "provider": "db", "refresh": False}
        token = self._ask("POST", "security/login", given)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def everything(self) -> None:
        """One step after the other."""
        self.database()
        self.lists()
        self.charts()
        self.inventory_chart()
        self.sql_lab()
        self.acting()

    def database(self) -> None:
        """It is offered, and made; a URL with a token is not."""
        with self._step("offers dovtab, and makes the database", requests=0):
            offered = self._ask("GET", "database/available/")["databases"]
            mine = next((one for one in offered if one["engine"] == "dovtab"), {})
            self._same("drivers", mine.get("available_drivers"), ["apsw"])
            self._same(
                "upload", mine.get("engine_information", {}).get("supports_file_upload"), False
            )
            self._same(
                "URL in the help", mine.get("sqlalchemy_uri_placeholder", "?") in OURS, True
            )
            for uri, status in (
                (f"{self._uri}&token=x", 422),
                (f"{self._uri}&api_url=http://127.0.0.1", 422),
                # Whoever may make a database makes no file of it.
                (self._uri.replace("inventory.db", "missing.db"), 400),
            ):
                made = {"database_name": "no", "sqlalchemy_uri": uri}
                refused = self._http.post("/api/v1/database/", json=made)
                self._same(uri, refused.status_code, status)
            self._ask(
                "POST", "database/", {"database_name": "no file", "sqlalchemy_uri": "dovtab://"}
            )
            given = {"database_name": "fleet", "sqlalchemy_uri": self._uri}
            self._database = self._ask("POST", "database/", given)["id"]

    def lists(self) -> None:
        """What the pages of SQL Lab and of a new dataset list."""
        with self._step("lists schemas, tables, columns", requests=0):
            path = f"database/{self._database}"
            schemas = self._ask("GET", f"{path}/schemas/")["result"]
            self._same("schemas", sorted(schemas), ["digitalocean", "main"])
            for schema, names in (
                ("digitalocean", ["droplet_actions", "droplets"]),
                ("main", ["inventory"]),
            ):
                tables = self._ask("GET", f"{path}/tables/?q=(schema_name:{schema})")
                self._same(schema, sorted(t["value"] for t in tables["result"]), names)
            for table in (DROPLET_ACTIONS, DROPLETS):
                asked = f"{path}/table_metadata/?name={table.name}&schema=digitalocean"
                columns = self._ask("GET", asked)["columns"]
                self._same(
                    table.name,
                    [(c["name"], c["type"], c["comment"]) for c in columns],
                    [(c.name, c.type, c.description) for c in table.visible],
                )

    def charts(self) -> None:
        """Actions a day, in a range whose ends are in the midst of days."""
        with self._step("makes a dataset", requests=0):
            dataset = self._dataset("digitalocean", "droplet_actions")
            made = self._ask("GET", f"dataset/{dataset}")["result"]
            self._same("time", made["main_dttm_col"], "started_at")
            times = {c["column_name"] for c in made["columns"] if c["is_dttm"]}
            self._same("times", times, {"started_at", "completed_at"})
            described = {c["column_name"]: c["description"] for c in made["columns"]}
            means = {c.name: c.description for c in DROPLET_ACTIONS.visible}
            self._same("descriptions", described, means)
        first, last = self._busy_days()
        started = self._started()
        for grain, length in (("P1D", 10), ("PT1H", 13)):
            with self._step(f"draws a chart, {grain}", requests=1):
                found = self._chart(dataset, "started_at", grain, f"{first} : {last}")
                expected = Counter(t[:length] for t in started if first <= t < last)
                told = {_text(row["started_at"])[:length]: row["count"] for row in found}
                self._same("actions", told, dict(expected))
        with self._step("draws a chart without a grain", requests=1):
            found = self._chart(dataset, "started_at", None, f"{first} : {last}")
            told = Counter({_text(row["started_at"]): row["count"] for row in found})
            self._same("actions", told, Counter(t for t in started if first <= t < last))

    def inventory_chart(self) -> None:
        """Times of the user's own, which have a space and no Z."""
        with self._step("draws a chart of the inventory", requests=0):
            dataset = self._dataset("main", "inventory")
            span = "2026-01-10T06:00:00 : 2026-01-10T12:00:00"
            found = self._chart(dataset, "bought_at", "PT1H", span)
            expected = Counter(
                f"2026-01-10T{hour:02}"
                for id, _, _ in inventory(self._simulator.account)
                if 6 <= (hour := id % 10 * 3) < 12
            )
            told = {_text(row["bought_at"])[:13]: row["count"] for row in found}
            self._same("bought", told, dict(expected))

    def sql_lab(self) -> None:
        """A preview, a join, and what is SQLite's own."""
        with self._step("previews a table", requests=1):
            rows = self._sql("SELECT * FROM digitalocean.droplet_actions", limit=50)
            self._same("rows", len(rows), 50)
        account = self._simulator.account
        teams = {id: team for id, _, team in inventory(account)}
        with self._step("joins the inventory", requests=len(teams)):
            times = Counter(
                teams[action.resource_id]
                for action in account.history()
                if action.type == "reboot" and action.resource_id in teams
            )
            expected = [{"team": team, "reboots": times[team]} for team in sorted(times)]
            self._same("reboots", self._sql(JOIN), expected)
        with self._step("asks with ->> and json_object()", requests=2):
            (row,) = self._sql(JSON)
            self._same("dollars", json.loads(row["told"])["dollars"] > 0, True)

    def acting(self) -> None:
        """Refused, whatever Superset itself allows."""
        with self._step("acts with DML off", requests=0):
            self._refused(POST, OFF)
            self._refused(INSERT, "DML")
            self._refused(f"WITH x AS (SELECT 1) {INSERT}", "DML")
            self._refused("DELETE FROM inventory", "DML")
            # Superset takes it for no change.
            self._refused("REPLACE INTO inventory(droplet_id) VALUES (1)", "readonly")
            self._refused("ATTACH 'other.db' AS other", "not authorized")
        with self._step("acts with DML on", requests=0):
            self._ask("PUT", f"database/{self._database}", {"allow_dml": True})
            self._refused(POST, OFF)
            self._refused(INSERT, OFF)
            self._refused(f"REPLACE {INSERT.removeprefix('INSERT')}", OFF)
            self._refused("ATTACH 'other.db' AS other", "not authorized")
            self._sql(f"UPDATE inventory SET team = 'mine' WHERE droplet_id = {DROPLET}")
            (row,) = self._sql("SELECT count(*) AS n FROM inventory WHERE team = 'mine'")
            self._same("its owner's", row["n"], 1)
        posts = [r for r in self._simulator.requests if r.method != "GET"]
        self._same("requests that are no GET", posts, [])

    def _dataset(self, schema: str, table: str) -> int:
        given = {"database": self._database, "schema": schema, "table_name": table}
        made: int = self._ask("POST", "dataset/", given)["id"]
        return made

    def _busy_days(self) -> tuple[str, str]:
        """The midst of two days on which something is done before it, at it and after it."""
        midnight = self._simulator.clock.time() // DAY * DAY
        for ago, hour in itertools.product((20, 15), (5, 10, 20)):
            at = midnight - ago * DAY + hour * 3600
            self._simulator.account.add_action(DROPLET, "reboot", "completed", at, at + 10)
        first, last = (_text((midnight - ago * DAY + 10 * 3600) * 1000) for ago in (20, 15))
        return first, last

    def _started(self) -> list[str]:
        account = self._simulator.account
        return sorted(a.started_at for a in account.history() if a.resource_type == "droplet")

    def _chart(self, dataset: int, time: str, grain: str | None, span: str) -> Any:
        axis = {"columnType": "BASE_AXIS", "expressionType": "SQL"}
        axis |= {"sqlExpression": time, "label": time} | ({"timeGrain": grain} if grain else {})
        query = {
            "columns": [axis],
            "metrics": ["count"],
            "filters": [{"col": time, "op": "TEMPORAL_RANGE", "val": span.replace("Z", "")}],
            "row_limit": 1000,
        }
        given = {"datasource": {"id": dataset, "type": "table"}, "force": True}
        given |= {"queries": [query], "result_format": "json", "result_type": "full"}
        return self._ask("POST", "chart/data", given)["result"][0]["data"]

    _number = itertools.count(1)

    def _execute(self, sql: str, limit: int = 1000) -> httpx.Response:
        given = {"database_id": self._database, "sql": sql, "queryLimit": limit}
        given |= {"client_id": f"visit{next(self._number)}", "schema": "main"}
        return self._http.post("/api/v1/sqllab/execute/", json=given)

    def _sql(self, sql: str, limit: int = 1000) -> Any:
        answer = self._execute(sql, limit)
        if answer.status_code != 200:
            raise RuntimeError(f"{sql}: {answer.status_code} {answer.text[:1000]}")
        return answer.json()["data"]

    def _refused(self, sql: str, why: str) -> None:
        answer = self._execute(sql)
        told = answer.text if answer.status_code != 200 else "it was done"
        if why not in told:
            self._is_wrong(f"{sql}: {told[:1000]}, and not: {why}")

    def _ask(self, method: str, path: str, given: Any = None) -> Any:
        answer = self._http.request(method, f"/api/v1/{path}", json=given)
        if answer.status_code not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json()

    def _same(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self._is_wrong(f"{what}: {found}, and not {expected}")

    def _is_wrong(self, what: str) -> None:
        print(f"WRONG: {what}", flush=True)
        self.wrong.append(what)

    @contextmanager
    def _step(self, name: str, requests: int) -> Iterator[None]:
        before = len(self._simulator.requests)
        begun = time.monotonic()
        yield
        made = len(self._simulator.requests) - before
        self._same(f"{name}: requests", made, requests)
        print(f"{made:4} requests, {time.monotonic() - begun:4.1f} s: {name}", flush=True)


def _text(milliseconds: float | str) -> str:
    if isinstance(milliseconds, str):
        return milliseconds
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
