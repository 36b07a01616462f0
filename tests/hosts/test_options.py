"""The options: one for each setting, and a word for those that are misspelt."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable

import pytest

from dovtab.api.settings import Settings, resolve
from dovtab.errors import SettingsError
from dovtab.hosts.options import FLAGS, OF_VALUES, USAGE, misplaced
from dovtab.hosts.shell.given import Given
from dovtab.simulator import Simulator

# What nobody sets by a word: they come with the process, or with the door.
OF_THE_PROCESS = {"getenv", "variables", "to_act"}
# Others would see it in the list of processes.
SECRET = {"token"}


def test_every_setting_has_an_option() -> None:
    settings = {field.name for field in dataclasses.fields(Settings)}
    by_flag = {name for flag in FLAGS.values() for name in flag}
    assert settings - OF_THE_PROCESS - SECRET == by_flag | set(OF_VALUES)
    assert not by_flag & set(OF_VALUES)


@pytest.mark.parametrize("setting", OF_VALUES)
def test_each_option_is_in_the_help_and_is_the_setting(setting: str) -> None:
    option = setting.replace("_", "-")
    assert f"--{option} " in USAGE
    values = {"log": "a.db", "api_url": "https://a.b", "quota_folder": "/q", "context": "c"}
    value = values.get(setting, "1")
    for args in ([option, value, "my.db"], [f"{option}={value}", "my.db"]):
        given = Given()
        assert given.take(args) == ["my.db"]
        assert given.settings == {setting: value}
        resolved = resolve(given.settings, lambda name: None)
        assert getattr(resolved, setting) == type(getattr(resolved, setting))(value)
    with pytest.raises(SettingsError, match=f"--{option} needs a value"):
        Given().take([option])


def test_what_the_help_says_of_defaults_is_true() -> None:
    given = Settings()
    assert f"--max-requests N ({given.max_requests} a statement)" in USAGE
    assert f"--max-wait-seconds N ({given.max_wait_seconds:g})" in USAGE
    assert f"--timeout-seconds N ({given.timeout_seconds:g} a request)" in USAGE
    assert f"--concurrency N ({given.concurrency})" in USAGE
    assert f"--cache-seconds N ({given.cache_seconds:g})" in USAGE


def test_the_help_is_one_screen() -> None:
    lines = USAGE.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["read-only=1"], "--read-only takes no value"),
        (["v=1"], "--v takes no value"),
        (["max-wait"], "'max-wait': did you mean --max-wait-seconds?"),
        (["max_requests=4"], "'max_requests': did you mean --max-requests?"),
        (["readonly"], "'readonly': did you mean --read-only?"),
        (["boxx"], "'boxx': did you mean -box?"),
        (["max"], "--max-actions or --max-requests or --max-wait-seconds?"),
        (["xyzzy"], "'xyzzy'; dovtab --help"),
        ([""], "''; dovtab --help"),
        (["hub=x"], "--hub FILE goes alone"),
    ],
)
def test_a_wrong_option_is_told_what_it_may_have_meant(args: list[str], said: str) -> None:
    given = Given()
    with pytest.raises(SettingsError) as caught:
        given.take(args, ["box", "csv"])
    assert said in str(caught.value)


def test_an_option_with_its_value_after_the_database_is_no_comment() -> None:
    assert (
        misplaced(["--log", "off", "my.db", "--max-actions=0", "SELECT 1"]) == "--max-actions"
    )
    assert misplaced(["--log=off", "my.db", "SELECT 1"]) is None
    assert misplaced(["my.db", "-- a=b", "-1=2"]) is None


@pytest.fixture
def run(
    simulator: Simulator, run: Callable[..., subprocess.CompletedProcess[str]]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    simulator.account.add_droplet(droplet_id=1)
    return run


def test_the_command_takes_them(
    run: Callable[..., subprocess.CompletedProcess[str]], simulator: Simulator
) -> None:
    for _ in range(401):
        simulator.account.add_action(1)
    count = "SELECT count(*) FROM droplet_actions(1)"
    for options in (("--max-requests=3",), ("--max-requests", "3", "-csv")):
        assert run(*options, ":memory:", count).stdout.strip() == "401"
    ran = run("--max-requests=2", ":memory:", count)
    assert "max_requests=2" in ran.stderr
    ran = run("-cvs", ":memory:", count)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == ("Error: there is no option 'cvs'; dovtab --help shows them\n")
