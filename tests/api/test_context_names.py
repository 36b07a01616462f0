"""Contexts are doctl's and those of variables; the variable goes first."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.contexts import all_contexts, context_names, environment_names, variable_of
from dovtab.api.credentials import find_token
from dovtab.api.token import Token
from dovtab.errors import SettingsError

FILE = "access-token: of-default\nauth-contexts:\n  team: of-team\n  prod-eu: of-prod\ncontext: team\n"
PROD, SECRET = "DIGITALOCEAN_TOKEN_PROD_EU", "dop-5ec4e7"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of somebody with three contexts of doctl's, of which ``team`` is the current one."""
    file = tmp_path / "config.yaml"
    file.write_text(FILE)
    return {"DIGITALOCEAN_CONFIG": str(file)}


@pytest.mark.parametrize(
    ("context", "variable"),
    [
        ("prod", "DIGITALOCEAN_TOKEN_PROD"),
        ("Prod", "DIGITALOCEAN_TOKEN_PROD"),
        ("prod-eu", PROD),
        ("prod.eu", PROD),
        ("prod_eu", PROD),
        ("two words", "DIGITALOCEAN_TOKEN_TWO_WORDS"),
        ("me@example.com", "DIGITALOCEAN_TOKEN_ME_EXAMPLE_COM"),
        ("7", "DIGITALOCEAN_TOKEN_7"),
        # What is no letter or digit in a variable's name.
        ("straße²", "DIGITALOCEAN_TOKEN_STRA_E_"),
    ],
)
def test_a_context_has_a_variable(context: str, variable: str) -> None:
    assert variable_of(context) == variable


@given(context=st.text(min_size=1))
def test_every_context_s_variable_is_one_that_an_environment_can_have(context: str) -> None:
    variable = variable_of(context)
    assert set(variable) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    # Whoever finds the variable finds a context by it.
    (name,) = context_names({"HOME": "/nowhere", variable: "x"}.get, lambda: [variable])
    assert variable_of(name) == variable


@pytest.mark.parametrize("context", ["prod-eu", "PROD-EU", "prod_eu"])
@pytest.mark.parametrize("named_by", ["the setting", "the environment", "doctl's file"])
def test_the_variable_goes_before_doctl_s_file(
    environment: dict[str, str], context: str, named_by: str
) -> None:
    environment[PROD] = SECRET
    if named_by == "the environment":
        environment |= {"DIGITALOCEAN_CONTEXT": context, "DIGITALOCEAN_TOKEN": "another"}
    if named_by == "doctl's file":
        path = Path(environment["DIGITALOCEAN_CONFIG"])
        path.write_text(FILE.replace("context: team", f"context: {context}"))
    found = find_token(environment.get, context=context if named_by == "the setting" else None)
    assert (found, found.source) == (Token(SECRET, ""), PROD)


def test_an_empty_variable_is_none(environment: dict[str, str]) -> None:
    environment[PROD] = ""
    assert find_token(environment.get, context="prod-eu") == Token("of-prod", "")
    assert context_names(environment.get, environment.keys) == ["default", "prod-eu", "team"]


def test_a_variable_takes_no_file(environment: dict[str, str]) -> None:
    """A file that is broken, or of another user, is in nobody's way."""
    Path(environment["DIGITALOCEAN_CONFIG"]).write_text("[")
    environment[PROD] = SECRET
    assert find_token(environment.get, context="prod-eu") == Token(SECRET, "")
    with pytest.raises(SettingsError, match="is not YAML"):
        find_token(environment.get, context="team")


def test_the_contexts_are_those_of_both_places_each_once(environment: dict[str, str]) -> None:
    environment |= {PROD: SECRET, "DIGITALOCEAN_TOKEN_QA": SECRET, "DIGITALOCEAN_TOKEN": SECRET}
    # These are no context's.
    environment |= {"DIGITALOCEAN_TOKEN_": SECRET, "DIGITALOCEAN_TOKEN_small": SECRET}
    names = ["default", "prod-eu", "qa", "team"]
    assert all_contexts(environment.get, environment.keys) == names
    # Each can be named.
    for name in names:
        assert find_token(environment.get, environment.keys, context=name)


def test_one_variable_is_not_taken_for_two_contexts(environment: dict[str, str]) -> None:
    """Or one of them would act on the other's account."""
    path = Path(environment["DIGITALOCEAN_CONFIG"])
    path.write_text(FILE.replace("team: of-team", "prod.eu: of-other"))
    names = ["default", "prod-eu", "prod.eu"]
    assert context_names(environment.get, environment.keys) == names
    environment[PROD] = SECRET
    with pytest.raises(SettingsError, match=f"{PROD} would be the token of two contexts"):
        context_names(environment.get, environment.keys)


def test_an_unknown_context_names_both_places_and_what_there_is(
    environment: dict[str, str],
) -> None:
    environment |= {"DIGITALOCEAN_TOKEN_STAGE": SECRET}
    with pytest.raises(SettingsError) as caught:
        find_token(environment.get, environment.keys, context="Q-A")
    assert str(caught.value) == (
        "context 'q-a' has no token: DIGITALOCEAN_TOKEN_Q_A is not set, and"
        f" {environment['DIGITALOCEAN_CONFIG']} does not have it"
        " (contexts: default, prod-eu, stage, team)"
    )


def test_where_no_token_is_the_contexts_are_named(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "DIGITALOCEAN_TOKEN_STAGE": SECRET}
    with pytest.raises(
        SettingsError, match=r"or name a context \(there are: stage\)"
    ) as caught:
        find_token(environment.get, environment.keys)
    assert SECRET not in str(caught.value)
    assert find_token(environment.get, environment.keys, context="stage").source.endswith(
        "STAGE"
    )


def test_without_any_it_says_how_to_have_one(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "DIGITALOCEAN_TOKEN": SECRET}
    assert context_names(environment.get, environment.keys) == []
    with pytest.raises(SettingsError, match="there is no context: set a variable"):
        all_contexts(environment.get, environment.keys)


def test_what_lists_the_environment_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback with the variables of its frames shows functions, too."""
    monkeypatch.setenv(PROD, SECRET)
    assert PROD in environment_names()
    assert SECRET not in repr(environment_names)
