"""Settings: keyword, environment, default; and a clear word for whatever is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dovtab
from dovtab.api.settings import Settings, resolve
from dovtab.errors import SettingsError


def given(**settings: Any) -> Settings:
    return resolve(settings, lambda _: None)


def in_environment(**variables: str) -> Settings:
    return resolve({}, variables.get)


def test_the_defaults_are_those_of_the_readme() -> None:
    assert given() == Settings(
        token=None,
        context=None,
        api_url="https://api.digitalocean.com",
        allow_actions=True,
        dry_run=False,
        max_actions=25,
        log="~/.local/state/dovtab/actions.db",
        concurrency=16,
        cache_seconds=5.0,
        max_requests=500,
        max_wait_seconds=120.0,
        quota_folder="~/.local/state/dovtab/quota",
        timeout_seconds=30.0,
    )


def test_no_log_has_to_be_asked_for() -> None:
    """None means not given, but for the log: a keyword that says None says off."""
    environment = {"DOVTAB_LOG": "/var/log/actions.db"}
    assert resolve({"log": None}, environment.get).log is None
    assert resolve({"log": "mine.db"}, environment.get).log == "mine.db"
    with pytest.raises(SettingsError, match="log must be a file, or off"):
        resolve({"log": 3}, environment.get)


def test_the_log_is_kept_where_the_state_of_programs_is() -> None:
    """A relative path there is to be ignored, the specification says."""
    assert in_environment(XDG_STATE_HOME="/state").log == "/state/dovtab/actions.db"
    assert in_environment(XDG_STATE_HOME="state").log == "~/.local/state/dovtab/actions.db"


def test_the_quota_is_shared_in_a_folder_of_this_boot_if_there_is_one() -> None:
    xdg = {"XDG_RUNTIME_DIR": "/run/user/7", "XDG_STATE_HOME": "/state"}
    assert in_environment(**xdg).quota_folder == "/run/user/7/dovtab/quota"
    xdg["XDG_RUNTIME_DIR"] = "relative"
    assert in_environment(**xdg).quota_folder == "/state/dovtab/quota"
    assert in_environment(**xdg, DOVTAB_QUOTA_FOLDER="/q").quota_folder == "/q"
    assert in_environment(**xdg, DOVTAB_QUOTA_FOLDER="off").quota_folder is None
    assert given(quota_folder=None).quota_folder is None
    assert given(quota_folder=Path("~/q")).quota_folder == "~/q"


@pytest.mark.parametrize("folder", ["100", 100, "folder", "", "/a\0b"])
def test_a_folder_of_the_quota_is_a_whole_path(folder: object) -> None:
    with pytest.raises(
        dovtab.SettingsError, match=r"quota_folder must be a whole path .* or off"
    ):
        given(quota_folder=folder)


def test_a_keyword_beats_the_environment() -> None:
    environment = {"DOVTAB_CONCURRENCY": "3", "DOVTAB_DRY_RUN": "on"}
    settings = resolve({"concurrency": 4, "dry_run": None}, environment.get)
    assert (settings.concurrency, settings.dry_run) == (4, True)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("DIGITALOCEAN_API_URL", "http://127.0.0.1:8080/", "api_url", "http://127.0.0.1:8080"),
        ("DIGITALOCEAN_API_URL", "http://[::1]:80", "api_url", "http://[::1]:80"),
        ("DIGITALOCEAN_API_URL", "http://localhost", "api_url", "http://localhost"),
        (
            "DIGITALOCEAN_API_URL",
            "https://proxy.example/do/",
            "api_url",
            "https://proxy.example/do",
        ),
        ("DOVTAB_ALLOW_ACTIONS", "0", "allow_actions", False),
        ("DOVTAB_ALLOW_ACTIONS", "False", "allow_actions", False),
        ("DOVTAB_DRY_RUN", "yes", "dry_run", True),
        ("DOVTAB_MAX_ACTIONS", "0", "max_actions", 0),
        ("DOVTAB_LOG", "/var/log/actions.db", "log", "/var/log/actions.db"),
        ("DOVTAB_LOG", "off", "log", None),
        ("DOVTAB_CONCURRENCY", "64", "concurrency", 64),
        ("DOVTAB_CACHE_SECONDS", "0", "cache_seconds", 0.0),
        ("DOVTAB_MAX_REQUESTS", "1", "max_requests", 1),
        ("DOVTAB_MAX_WAIT_SECONDS", "1.5", "max_wait_seconds", 1.5),
        ("DOVTAB_TIMEOUT_SECONDS", "0.5", "timeout_seconds", 0.5),
    ],
)
def test_the_environment_sets_what_the_keywords_do(
    variable: str, text: str, name: str, value: object
) -> None:
    assert getattr(in_environment(**{variable: text}), name) == value
    assert getattr(given(**{name: text}), name) == value


HTTPS = "must be an https:// URL, such as https://api.digitalocean.com"
WHOLE = "must be a whole number from 1 to 64, not "


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("api_url", "ftp://example.com", HTTPS),
        ("api_url", "api.digitalocean.com", HTTPS),
        ("api_url", "https://", HTTPS),
        ("api_url", "https://host:port", HTTPS),
        ("api_url", "https://[::1", HTTPS),
        ("api_url", 5, HTTPS),
        (
            "api_url",
            "http://example.com",
            "must be https://: http:// is for a loopback address only",
        ),
        ("api_url", "http://127.0.0.1.example.com", "must be https://"),
        ("api_url", "http://10.0.0.1", "must be https://"),
        (
            "api_url",
            "https://me:secret@example.com",
            "must have no user name, no '?' and no '#'",
        ),
        ("api_url", "https://example.com/?a=1", "must have no user name"),
        ("api_url", "https://api.digitalocean.com/v2", "must be without the /v2 at its end"),
        ("api_url", "https://example.com/proxy/v2/", "must be without the /v2 at its end"),
        ("concurrency", 0, WHOLE + "0"),
        ("concurrency", 65, WHOLE + "65"),
        ("concurrency", 1.5, WHOLE + "1.5"),
        ("concurrency", "many", WHOLE + "'many'"),
        ("concurrency", True, WHOLE + "True"),
        ("cache_seconds", -1, "must be a number from 0 to 86400, not -1"),
        ("cache_seconds", float("nan"), "must be a number from 0 to 86400, not nan"),
        ("max_requests", 0, "must be a whole number from 1 to 1000000, not 0"),
        ("max_wait_seconds", "1 h", "must be a number from 0 to 86400, not '1 h'"),
        ("timeout_seconds", 0, "must be a number from 0.001 to 3600, not 0"),
        (
            "allow_actions",
            "maybe",
            "must be 1 or 0 (true, yes, on; false, no, off), not 'maybe'",
        ),
        ("dry_run", 2, "must be 1 or 0 (true, yes, on; false, no, off), not 2"),
        ("context", "", "must be the name of a context"),
        ("context", 5, "must be the name of a context"),
        ("token", 5, "must be a text"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(dovtab.SettingsError) as caught:
        given(**{name: value})
    assert f"{name} {message}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_wrong_value_in_the_environment_names_the_variable() -> None:
    with pytest.raises(dovtab.SettingsError, match=r"^DOVTAB_MAX_REQUESTS must be"):
        in_environment(DOVTAB_MAX_REQUESTS="lots")


def test_a_token_and_a_context_are_one_too_many() -> None:
    with pytest.raises(dovtab.SettingsError, match="a token or a context, not both"):
        given(token="x", context="team")
