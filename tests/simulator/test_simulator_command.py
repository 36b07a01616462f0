"""``python -m dovtab.simulator``, as a user or a script runs it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dovtab.simulator.__main__ import main

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "dovtab.simulator"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
HEADERS = {"authorization": "Bearer simulator"}

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start the command; it is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def get(url: str) -> httpx.Response:
    return httpx.get(url, headers=HEADERS, trust_env=False)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_url_first_and_ends_quietly(run, number) -> None:
    process = run("--droplets", "2", "--actions", "3")
    url = process.stdout.readline().strip()
    second, third = process.stdout.readline(), process.stdout.readline()

    assert len(get(f"{url}/v2/droplets/3164444/actions").json()["actions"]) == 3
    assert "simulator" in second
    assert f"DIGITALOCEAN_API_URL={url} DIGITALOCEAN_TOKEN=simulator" in third
    process.send_signal(number)
    rest, errors = process.communicate(timeout=5)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_an_account_may_be_empty(run) -> None:
    url = run("--droplets", "0").stdout.readline().strip()

    assert get(f"{url}/v2/droplets").json()["droplets"] == []
    assert get(f"{url}/v2/actions").json()["actions"] == []


def test_the_control_port_sees_and_breaks_what_the_api_does(run) -> None:
    process = run("--control-port", "0", "--droplets", "1")
    lines = [process.stdout.readline().strip() for _ in range(4)]
    url, control = lines[0], lines[3].removeprefix("Control: ").partition("/_sim")[0]
    fault = {"kind": "status", "status": 503}

    assert httpx.post(f"{control}/_sim/faults", json=fault, trust_env=False).status_code == 204
    assert [get(f"{url}/v2/actions").status_code for _ in range(2)] == [503, 200]
    logged = get(f"{control}/_sim/requests").json()
    assert [(entry["status"], entry["fault"]) for entry in logged] == [
        (503, "status"),
        (200, None),
    ]
    assert get(f"{control}/_sim/state").json()["droplets"][0]["name"] == "web-01"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "x"],
        ["--latency", "-1"],
        ["--latency", "nan"],
        ["--droplets", "-1"],
        ["--actions", "many"],
        ["--nonsense"],
    ],
)
def test_wrong_arguments_end_with_usage(capsys, arguments) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m dovtab.simulator" in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error_of_one_line(run) -> None:
    port = run("--droplets", "0").stdout.readline().strip().rpartition(":")[2]
    second = run("--droplets", "0", "--port", port)
    _, errors = second.communicate(timeout=5)

    assert second.returncode == 2
    assert "error: cannot listen: " in errors
    assert "Traceback" not in errors
