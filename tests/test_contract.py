"""What dovtab sends, held against the API's own description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest

from dovtab.resources import TABLES, Column, Operation, Table
from dovtab.simulator import Simulator
from hosts.apsw.test_functions import BODIES, BY_TAG

STRICT = (
    Path(__file__).parents[2]
    / "shared/openapi/digitalocean-droplet-actions.strict.openapi.json"
)


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    if not STRICT.exists():
        pytest.skip(f"the API's description is not here: {STRICT.name}")
    loaded: dict[str, Any] = json.loads(STRICT.read_text())
    return loaded


def validate(description: dict[str, Any], path: str, body: Any) -> None:
    from openapi_schema_validator import OAS30Validator

    operation = description["paths"][path]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    errors = list(OAS30Validator({**description, **schema}).iter_errors(body))
    assert not errors, f"{body}: {errors[0].message}"


@pytest.mark.parametrize(("type", "extra"), [*BODIES, ("snapshot", {})])
def test_every_body_is_what_the_api_describes(
    description: dict[str, Any],
    simulator: Simulator,
    db: apsw.Connection,
    type: str,
    extra: dict[str, Any],
) -> None:
    with pytest.raises(Exception, match="404"):
        list(db.execute("SELECT droplet_actions_post(1, ?, ?)", (type, json.dumps(extra))))
    validate(description, "/v2/droplets/{droplet_id}/actions", simulator.requests[0].json)


@pytest.mark.parametrize(("type", "extra"), [*BY_TAG, ("snapshot", {})])
def test_every_body_by_tag_is_what_the_api_describes(
    description: dict[str, Any],
    simulator: Simulator,
    db: apsw.Connection,
    type: str,
    extra: dict[str, Any],
) -> None:
    query = "SELECT droplet_actions_post_by_tag('web', ?, ?)"
    assert db.execute(query, (type, json.dumps(extra))).get == "[]"
    validate(description, "/v2/droplets/actions", simulator.requests[0].json)


def resolved(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to, and all of its properties in one place."""
    while "$ref" in schema:
        found: Any = description
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    parts = [resolved(description, part) for part in schema.get("allOf", [])]
    properties = [part.get("properties", {}) for part in (*parts, schema)]
    merged = {name: its for found in properties for name, its in found.items()}
    return {**{k: v for part in parts for k, v in part.items()}, **schema, "properties": merged}


READS = [
    (table, operation)
    for table in TABLES
    for operation in (
        *(table.reads.get, table.reads.list),
        *(table.reads.account_get, table.reads.account_list),
    )
    if operation is not None
]


@pytest.mark.parametrize(("table", "operation"), READS, ids=[o.signature for _, o in READS])
def test_what_is_read_is_what_the_api_describes(
    description: dict[str, Any], table: Table, operation: Operation
) -> None:
    """The address, the scope, what may be asked, and each column's place and type."""
    described = description["paths"][operation.path]["get"]
    assert [described["security"][0]["bearer_auth"]] == [[operation.scope]]
    shared = description["paths"][operation.path].get("parameters", [])
    parameters = [resolved(description, p) for p in (*shared, *described["parameters"])]
    names = {parameter["name"] for parameter in parameters}
    if operation.item is None:
        assert {"page", "per_page"} <= names
    for query, _ in operation.queries({f.column: "x" for f in operation.filters[:1]}):
        assert query.keys() <= names
        for name, value in query.items():
            allowed = [p["schema"].get("enum") for p in parameters if p["name"] == name]
            assert allowed[0] is None or value in allowed[0]
    answer = resolved(description, described["responses"]["200"])
    schema = resolved(description, answer["content"]["application/json"]["schema"])
    found = resolved(description, schema["properties"][operation.answer])
    described_object = resolved(description, found.get("items", found))
    for column in table.visible:
        check_column(description, column, described_object)


def check_column(description: dict[str, Any], column: Column, schema: dict[str, Any]) -> None:
    for step in column.path:
        member, _, kind = step.rstrip("]").partition("[")
        schema = resolved(description, schema["properties"][member])
        if kind:
            schema = resolved(description, schema["items"])
            assert kind in schema["properties"]["type"]["enum"]
    kinds = {"INTEGER": "boolean" if column.boolean else "integer", "TEXT": "string"}
    wanted = ("array", "object") if column.json else (kinds[column.type],)
    assert schema["type"] in wanted, column.name
