"""What dovtab sends, held against the API's own description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest

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
