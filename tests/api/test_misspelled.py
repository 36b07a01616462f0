"""A misspelled setting is refused, whether a keyword or a variable, with the one that was meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dovtab
from dovtab.api.settings import VARIABLES, resolve
from dovtab.errors import SettingsError

OURS = sorted(name for name in VARIABLES.values() if name.startswith("DOVTAB_"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("max_request", "max_requests"),
        ("tokn", "token"),
        ("timeout", "timeout_seconds"),
        ("maxActions", "max_actions"),
    ],
)
def test_a_keyword_that_is_near_to_one_names_it(name: str, meant: str) -> None:
    given: dict[str, Any] = {name: 1}
    with pytest.raises(SettingsError) as caught:
        dovtab.connect(**given)
    assert str(caught.value).startswith(
        f"there is no setting '{name}'; did you mean '{meant}'? there are: token, context, "
    )


def test_a_keyword_that_is_near_to_none_gets_the_list() -> None:
    with pytest.raises(SettingsError, match="there is no setting 'zzz'; there are: token, co"):
        dovtab.connect(zzz=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("DOVTAB_ALLOW_ACTION", "DOVTAB_ALLOW_ACTIONS"),
        ("DOVTAB_DRYRUN", "DOVTAB_DRY_RUN"),
        ("DOVTAB_MAX_REQUEST", "DOVTAB_MAX_REQUESTS"),
        ("DOVTAB_READ_ONLY", "DOVTAB_ALLOW_ACTIONS=0"),
    ],
)
def test_a_variable_that_is_near_to_one_is_refused(variable: str, meant: str) -> None:
    """Whoever sets DOVTAB_ALLOW_ACTION=0 believes that nothing can act."""
    environment = {variable: "0"}
    with pytest.raises(SettingsError) as caught:
        resolve({}, environment.get, environment.keys)
    assert str(caught.value) == f"there is no variable {variable}; did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    [
        # What dovtab itself, its tests and its documentation use.
        "DOVTAB_PYTHON",
        "DOVTAB_HOSTS",
        "DOVTAB_SUPERSET",
        "DOVTAB_SQLITES",
        "DOVTAB_FUZZ_SEEDS",
        # What others may call theirs.
        "DOVTAB_TOKEN",
        "DOVTAB_CONTEXT",
        "DOVTAB_HOME",
        "DOVTAB_VERSION",
        "DOVTAB_LOG_LEVEL",
        "DOVTAB_CACHE",
        "DOVTAB_PORT",
        "DOVTAB_DB",
        "DOVTAB_",
        "DOVTAB",
        "MY_DOVTAB_LOGS",
    ],
)
def test_a_variable_of_somebody_else_s_is_left_alone(name: str) -> None:
    environment = {name: "1"}
    assert resolve({}, environment.get, environment.keys).max_requests == 500


def test_an_empty_variable_is_not_set() -> None:
    environment = {"DOVTAB_DRYRUN": ""}
    assert not resolve({}, environment.get, environment.keys).dry_run


@given(st.sampled_from(OURS), st.data())
def test_one_letter_less_or_two_changed_about_is_always_noticed(
    name: str, data: st.DataObject
) -> None:
    """But for the shortest names, which are like too many words."""
    at = data.draw(st.integers(len("DOVTAB_"), len(name) - 2))
    less, swapped = (
        name[:at] + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    )
    for wrong in {less, swapped} - set(OURS):
        environment = {wrong: "1"}
        if len(name) > len("DOVTAB_LOG"):
            with pytest.raises(SettingsError, match=f"did you mean {name}"):
                resolve({}, environment.get, environment.keys)


def test_every_one_of_ours_is_known() -> None:
    environment = dict.fromkeys(OURS, "1") | {"DOVTAB_QUOTA_FOLDER": "/q"}
    assert resolve({}, environment.get, environment.keys).quota_folder == "/q"
