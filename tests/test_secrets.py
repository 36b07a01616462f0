"""The token is in no message, log, repr, plan or traceback."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import dovtab
from dovtab.api.clock import SystemClock
from dovtab.api.settings import resolve
from dovtab.hosts.command import main
from dovtab.hosts.shell.shell import Shell
from dovtab.simulator import Fault, Simulator
from dovtab.simulator.faults import KINDS
from raw_server import answer, raw_server

SECRET = "dop_v1_5ec4e7" + "0123456789abcdef" * 4


@pytest.fixture
def everything_said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Texts in which the secret would be found; the log is one of them."""
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield said
    said.append(caplog.text)
    for text in said:
        assert SECRET not in text
        assert SECRET[10:40] not in text


def whole(error: BaseException) -> str:
    """An error as the most talkative of tools shows it: every frame's variables."""
    # But for the test's own frame, which has the secret from itself.
    below = error.__traceback__.tb_next if error.__traceback__ else None
    shown = traceback.TracebackException(type(error), error, below, capture_locals=True)
    return "".join(shown.format())


@pytest.mark.parametrize("kind", [*sorted(KINDS), "wrong token"])
@pytest.mark.parametrize(
    "query", ["SELECT * FROM droplet_actions(1)", "SELECT droplet_actions_post(1, 'reboot')"]
)
def test_no_failure_shows_the_token(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    everything_said: list[str],
    kind: str,
    query: str,
) -> None:
    simulator.account.add_droplet(droplet_id=1)
    if kind != "wrong token":
        simulator.account.add_token(SECRET)
        mutate: Any = (lambda answer: answer) if kind == "answer" else None
        simulator.fault(Fault(kind=kind, times=None, seconds=0.1, mutate=mutate))
    db = connect(token=SECRET, timeout_seconds=0.05)
    try:
        list(db.execute(query))
    except (dovtab.DovtabError, apsw.Error) as error:
        everything_said += [whole(error), repr(error), str(error)]
    everything_said.append(str(list(db.execute("SELECT * FROM dovtab_requests"))))


def test_a_server_that_repeats_the_token_is_not_quoted(
    simulator: Simulator, connect: Callable[..., apsw.Connection], everything_said: list[str]
) -> None:
    simulator.account.add_token(SECRET, scopes=frozenset())
    echo = {"id": f"bad {SECRET}", "message": f"no {SECRET} here", "request_id": SECRET}
    simulator.fault(Fault(kind="answer", mutate=lambda answer: echo, times=None))
    db = connect(token=SECRET)
    with pytest.raises(dovtab.APIError, match=r"no \[token\] here") as caught:
        list(db.execute("SELECT * FROM droplet_actions(1)"))
    everything_said += [whole(caught.value), str(caught.value.id), str(caught.value.request_id)]


@pytest.mark.parametrize("bad", [f"{SECRET}\n{SECRET}", f"{SECRET} x", f"{SECRET}\u00e9", "\n"])
def test_a_token_that_is_none_is_refused_without_showing_it(
    connect: Callable[..., apsw.Connection],
    monkeypatch: pytest.MonkeyPatch,
    everything_said: list[str],
    bad: str,
) -> None:
    """HTTP libraries quote a header that they cannot send."""
    with pytest.raises(
        dovtab.SettingsError, match="the token from the token setting is not one"
    ) as caught:
        list(connect(token=bad).execute("SELECT * FROM droplet_actions(1)"))
    everything_said.append(whole(caught.value))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", bad)
    with pytest.raises(
        dovtab.SettingsError, match="the token from DIGITALOCEAN_TOKEN is not one"
    ) as caught:
        list(connect(token=None).execute("SELECT * FROM droplet_actions(1)"))
    everything_said.append(whole(caught.value))


def test_a_line_end_after_the_token_does_no_harm(
    simulator: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """Files and command substitutions leave one."""
    simulator.account.add_droplet(droplet_id=1)
    assert (
        list(connect(token="'simulator'\r\n").execute("SELECT * FROM droplet_actions(1)")) == []
    )


@pytest.mark.parametrize(
    "text",
    [
        f"access-token: {SECRET}\nauth-contexts: [1]",
        f"{SECRET}",
        f"access-token: '{SECRET}\n",
        f"\taccess-token: {SECRET}",
        f"access-token: {SECRET}\ncontext: other",
        f"auth-contexts:\n  team: '{SECRET} {SECRET}'\ncontext: team",
    ],
)
def test_a_wrong_config_file_is_an_error_without_the_token(
    connect: Callable[..., apsw.Connection],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    everything_said: list[str],
    text: str,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    with pytest.raises(dovtab.SettingsError) as caught:
        list(connect(token=None).execute("SELECT * FROM droplet_actions(1)"))
    assert "\n" not in str(caught.value)
    everything_said.append(whole(caught.value))


def test_settings_and_objects_do_not_show_it(
    connect: Callable[..., apsw.Connection], everything_said: list[str]
) -> None:
    settings = resolve({"token": SECRET}, os.getenv)
    everything_said += [repr(settings), str(settings), repr(vars(dovtab))]
    db = connect(token=SECRET)
    plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM droplet_actions(1)").get
    everything_said.append(str(plan))
    with pytest.raises(dovtab.SettingsError) as caught:
        dovtab.connect(token=SECRET, concurrency="many")
    everything_said.append(whole(caught.value))


@pytest.mark.parametrize("kind", ["status", "close", "malformed_json", "wrong token"])
def test_the_shell_with_exceptions_on_does_not_show_it(
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    everything_said: list[str],
    kind: str,
) -> None:
    """`.exceptions on` prints the variables of every frame."""
    if kind != "wrong token":
        simulator.account.add_token(SECRET)
        simulator.fault(Fault(kind=kind, times=None))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", SECRET)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    # Nobody pauses before another look.
    monkeypatch.setattr(SystemClock, "wait", lambda clock, event, seconds: event.is_set())
    out, err = io.StringIO(), io.StringIO()
    text = ".exceptions on\nSELECT droplet_actions_post(1, 'reboot');\n.show\n"
    shell = Shell(stdin=io.StringIO(text), stdout=out, stderr=err)
    # A script ends at a mistake, and this is none of some that were refused.
    with contextlib.closing(shell), contextlib.suppress(dovtab.DovtabError):
        shell.cmdloop()
    assert "Frame" in err.getvalue()
    everything_said += [out.getvalue(), err.getvalue()]


def whatever_is_logged(record: logging.LogRecord) -> str:
    """As the most talkative of handlers writes it: the arguments, too, and every variable."""
    told = [record.getMessage(), repr(record.args), repr(vars(record))]
    if record.exc_info and record.exc_info[1] is not None:
        told.append(whole(record.exc_info[1]))
    return "\n".join(told)


@pytest.mark.parametrize(
    "kind", ["status", "close", "lost_after_effect", "wrong token", "none"]
)
def test_no_logger_shows_it_at_any_level(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    caplog: pytest.LogCaptureFixture,
    everything_said: list[str],
    kind: str,
) -> None:
    """Nor do those of the HTTP library, and what a program logs when it has caught an error."""
    simulator.account.add_droplet(droplet_id=1)
    if kind != "wrong token":
        simulator.account.add_token(SECRET)
    if kind in KINDS:
        simulator.fault(Fault(kind=kind, times=3))
    db = connect(token=SECRET)
    for query in (
        "SELECT * FROM droplet_actions(1)",
        "SELECT droplet_actions_post(1, 'reboot')",
    ):
        try:
            list(db.execute(query))
        except dovtab.DovtabError:
            logging.getLogger("theirs").debug("it went wrong", exc_info=True)
    named = {record.name.partition(".")[0] for record in caplog.records}
    assert {"dovtab", "httpcore"} <= named
    everything_said += map(whatever_is_logged, caplog.records)


def test_a_server_that_repeats_the_token_in_a_header_is_not_logged(
    everything_said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP library logs the headers of answers."""
    repeats = answer(b"[]", f"x-request-id: {SECRET}".encode(), f"x-echo: {SECRET}".encode())
    with raw_server(repeats) as server:
        db = dovtab.connect(token=SECRET, api_url=server.url)
        with pytest.raises(dovtab.AnswerError):
            list(db.execute("SELECT * FROM droplet_actions(1)"))
        db.close()
    assert "x-echo" in caplog.text
    everything_said += map(whatever_is_logged, caplog.records)


def test_a_query_that_has_it_is_logged_without(
    simulator: Simulator,
    connect: Callable[..., apsw.Connection],
    everything_said: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.account.add_token(SECRET)
    db = connect(token=SECRET)
    list(db.execute("SELECT * FROM droplets WHERE tag_name = ?", (SECRET,)))
    assert any("tag_name=[token]" in message for message in caplog.messages)
    everything_said += map(whatever_is_logged, caplog.records)


def test_the_verbose_command_does_not_show_it(
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    everything_said: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    simulator.account.add_token(SECRET)
    simulator.fault(Fault(kind="close", times=2))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", SECRET)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    main(["-v", ":memory:", "SELECT * FROM droplet_actions(1)"])
    said = capsys.readouterr()
    assert said.err.count("GET /v2/droplets/1/actions") == 3
    everything_said += [said.out, said.err]
