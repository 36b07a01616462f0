"""`dovtab --refresh FILE --all-contexts`: the history of each account in turn, in one file."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.hosts.command import main
from dovtab.simulator import Fault, Simulator
from several_accounts import ACCOUNTS, HAS, TOKENS, add_accounts, asked

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    add_accounts(simulator, tmp_path, monkeypatch)
    return str(tmp_path / "history.db")


def kept(path: str) -> dict[str, int]:
    with apsw.Connection(path) as db:
        found = dict(
            db.execute("SELECT account, count(*) FROM droplet_actions_history GROUP BY account")
        )
    db.close()
    return found


ROWS = {name: 3 * len(ids) for name, ids in HAS.items()}


def test_each_account_has_its_history_and_its_line(
    simulator: Simulator, path: str, capsys: Capture
) -> None:
    assert asked(simulator, lambda: main(["--all-contexts", "--refresh", path])) == {
        "prod": 1,
        "stage": 1,
        "two words": 1,
    }
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"{path}: prod: 21 new, 0 ended, 21 in all, 1 request",
        f"{path}: stage: 9 new, 0 ended, 9 in all, 1 request",
        f"{path}: two words: 6 new, 0 ended, 6 in all, 1 request",
    ]
    assert (said.err, kept(path)) == ("", ROWS)
    assert main(["--quiet", "--all-contexts", "--refresh", path]) == 0
    assert capsys.readouterr() == ("", "")


def test_one_that_fails_keeps_no_other_from_its_turn(
    simulator: Simulator, path: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN_PROD", "of-nobody")
    assert main(["--all-contexts", "--refresh", path]) == 2
    said = capsys.readouterr()
    assert [line.split(": ")[1] for line in said.out.splitlines()] == ["stage", "two words"]
    (line,) = said.err.splitlines()
    assert line.startswith(f"Error: {path}: prod: GET /v2/actions?page=1&per_page=200: 401 ")
    assert "of-nobody" not in line
    assert kept(path) == {name: ROWS[name] for name in ("stage", "two words")}
    monkeypatch.delenv("DIGITALOCEAN_TOKEN_PROD")
    assert main(["--all-contexts", "--refresh", path]) == 0
    assert kept(path) == ROWS


def test_the_last_one_that_fails_is_told_of_too(
    simulator: Simulator, path: str, capsys: Capture
) -> None:
    simulator.fault(Fault("status", status=403, skip=2))
    assert main(["--all-contexts", "--refresh", path]) == 2
    assert ": two words: GET" in capsys.readouterr().err


def test_the_environment_can_say_so(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("DOVTAB_ALL_CONTEXTS", "1")
    assert main(["--quiet", "--full", "--refresh", path]) == 0
    assert kept(path) == ROWS
    # In Python it is one account, and who wants all of them has a loop.
    assert dovtab.refresh(path, context="stage").account == "stage"


def refused(path: str) -> list[tuple[Callable[[], object], str]]:
    return [
        (
            lambda: main(["--context", "prod", "--all-contexts", "--refresh", path]),
            "--refresh is for one context or for all",
        ),
        (
            lambda: main(["--demo", "--all-contexts", "--refresh", path]),
            "--demo has an account",
        ),
    ]


@pytest.mark.parametrize("number", range(2))
def test_what_cannot_be_meant_is_one_line(
    simulator: Simulator, path: str, capsys: Capture, number: int
) -> None:
    run, message = refused(path)[number]
    assert run() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Error: {message}")
    assert simulator.requests == []


def test_a_refresh_from_python_is_of_one_account(simulator: Simulator, path: str) -> None:
    with pytest.raises(dovtab.SettingsError, match="call it once for each context"):
        dovtab.refresh(path, all_contexts=True)
    for name in ACCOUNTS:
        assert dovtab.refresh(path, context=name).rows == ROWS[name]
    assert {r.authorized_as for r in simulator.requests} == set(TOKENS.values())


def test_without_a_context_there_is_nothing_to_refresh(tmp_path: Path, capsys: Capture) -> None:
    assert main(["--all-contexts", "--refresh", str(tmp_path / "history.db")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "Error: there is no context: set a variable DIGITALOCEAN_TOKEN_<NAME>"
    )
    assert not (tmp_path / "history.db").exists()


def test_ctrl_c_ends_them_all(simulator: Simulator, path: str, capsys: Capture) -> None:
    """Who presses it does not want the next one, either."""
    seen: list[int] = []

    def press(page: int) -> None:
        seen.append(page)
        if len(seen) == 2:
            # Python raises it where the command waits, and not here in the server.
            signal.raise_signal(signal.SIGINT)

    simulator.before_page(press)
    assert main(["--all-contexts", "--refresh", path]) == 130
    said = capsys.readouterr()
    assert [line.split(": ")[1] for line in said.out.splitlines()] == ["prod"]
    (line,) = said.err.splitlines()
    assert line.startswith(f"Error: {path}: stage: ")
    assert "interrupted" in line
    assert kept(path)["prod"] == ROWS["prod"]
