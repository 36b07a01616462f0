"""An error is the same one in another process."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from dovtab import errors
from dovtab.errors import ActionsError, APIError, DovtabError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DovtabError)
]
NEEDED: dict[type, dict[str, Any]] = {
    APIError: {"status": 404, "id": "not_found", "request_id": "7b3"},
    ActionsError: {"sent": 1, "inferred": 0, "refused": 2, "unknown": 3},
}


def made(kind: type[DovtabError]) -> DovtabError:
    needed = next((NEEDED[base] for base in kind.__mro__ if base in NEEDED), {})
    error = kind("it failed", **needed)
    error.add_note("and this is known of it")
    return error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moved", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_an_error_keeps_what_it_knows(kind: type[DovtabError], moved: Any) -> None:
    error = made(kind)
    other = moved(error)
    assert type(other) is kind
    assert str(other) == "it failed"
    assert vars(other) == vars(error)
    assert other.outcome == error.outcome


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_accounts_it_names_one(kind: type[DovtabError]) -> None:
    error = made(kind)
    other = error.about("prod")
    assert (str(other), vars(other)) == ("account 'prod': it failed", vars(error))
    assert type(other) is kind
    assert str(error) == "it failed"
