"""Where the token comes from, and doctl's rules for its contexts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovtab.api.credentials import find_token
from dovtab.api.doctl import config_path
from dovtab.api.token import Token
from dovtab.errors import SettingsError

FILE = """\
access-token: of-default
auth-contexts:
  team: of-team
  Prod: of-prod
  default: true
context: {context}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who uses doctl, with ``team`` as the current context."""
    file = tmp_path / "doctl" / "config.yaml"
    file.parent.mkdir()
    file.write_text(FILE.format(context="team"))
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def is_from(found: Token, secret: str, source: str) -> bool:
    return found == Token(secret, "anywhere") and found.source == source


BOTH = {"DIGITALOCEAN_TOKEN": "first", "DIGITALOCEAN_ACCESS_TOKEN": "second"}
TEAM = ("of-team", "doctl's context 'team'")
PROD = ("of-prod", "doctl's context 'prod'")
DEFAULT = ("of-default", "doctl's context 'default'")


@pytest.mark.parametrize(
    ("variables", "context", "expected"),
    [
        ({}, None, TEAM),
        (BOTH, None, ("first", "DIGITALOCEAN_TOKEN")),
        (
            {"DIGITALOCEAN_ACCESS_TOKEN": "second"},
            None,
            ("second", "DIGITALOCEAN_ACCESS_TOKEN"),
        ),
        ({"DIGITALOCEAN_TOKEN": ""}, None, TEAM),
        (BOTH, "prod", PROD),
        (BOTH, "PROD", PROD),
        (BOTH, "default", DEFAULT),
        ({"DIGITALOCEAN_CONTEXT": "prod"}, None, PROD),
        ({"DIGITALOCEAN_CONTEXT": "prod", **BOTH}, None, PROD),
        ({"DIGITALOCEAN_CONTEXT": "default", **BOTH}, None, ("first", "DIGITALOCEAN_TOKEN")),
        ({"DIGITALOCEAN_CONTEXT": "default"}, None, DEFAULT),
        ({"DIGITALOCEAN_CONTEXT": "prod"}, "team", TEAM),
    ],
)
def test_the_first_that_is_found_is_taken(
    environment: dict[str, str],
    variables: dict[str, str],
    context: str | None,
    expected: tuple[str, str],
) -> None:
    assert is_from(find_token({**environment, **variables}.get, context=context), *expected)


def test_the_setting_comes_before_everything(environment: dict[str, str]) -> None:
    token = Token("given", "the token setting")
    assert find_token({**environment, **BOTH}.get, token=token) is token


def test_no_token_says_where_one_may_come_from(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        find_token({"HOME": str(tmp_path)}.get)
    for word in (
        "DIGITALOCEAN_TOKEN",
        "DIGITALOCEAN_ACCESS_TOKEN",
        "doctl auth init",
        "token=",
    ):
        assert word in str(caught.value)


def test_an_unknown_context_names_those_that_there_are(environment: dict[str, str]) -> None:
    with pytest.raises(
        SettingsError, match=r"context 'qa' has no token: .*: default, prod, team\)"
    ):
        find_token(environment.get, context="qa")


def test_a_context_without_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError,
        match=r"context 'qa' has no token: DIGITALOCEAN_TOKEN_QA is not set, and there is no .*: none",
    ):
        find_token({"HOME": str(tmp_path)}.get, context="qa")


@pytest.mark.parametrize("text", ["", "{}", "output: json"])
def test_a_config_file_without_a_token_is_like_none(
    environment: dict[str, str], text: str
) -> None:
    config_path(environment.get).write_text(text)
    with pytest.raises(SettingsError, match="no API token"):
        find_token(environment.get)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "is not a mapping"),
        ("auth-contexts: [1]", "is not a mapping"),
        ("a: [", "is not YAML (line 1)"),
        ("a: 1\nb: {", "is not YAML (line 2)"),
        ("a: !!python/object:os.system {}\nb: [", "is not YAML (line 2)"),
        ("a: " + "[" * 5000, "is not YAML"),
    ],
)
def test_a_config_file_that_is_none_is_an_error(
    environment: dict[str, str], text: str, message: str
) -> None:
    config_path(environment.get).write_text(text)
    with pytest.raises(SettingsError) as caught:
        find_token(environment.get)
    assert message in str(caught.value)


def test_a_config_file_in_another_encoding_is_an_error(environment: dict[str, str]) -> None:
    config_path(environment.get).write_bytes(b"access-token: \xff\xfe")
    with pytest.raises(SettingsError, match="is not YAML"):
        find_token(environment.get)


@pytest.mark.parametrize(
    ("platform", "environment", "path"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config/doctl/config.yaml"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/doctl/config.yaml"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/doctl/config.yaml"),
        ("win32", {"HOME": "/h", "APPDATA": "/a"}, "/a/doctl/config.yaml"),
        ("linux", {"HOME": "/h", "DIGITALOCEAN_CONFIG": "/c.yaml"}, "/c.yaml"),
    ],
)
def test_the_file_is_where_doctl_keeps_it(
    platform: str, environment: dict[str, str], path: str
) -> None:
    assert config_path(environment.get, platform) == Path(path)
