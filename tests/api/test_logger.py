"""What a library logs: a line each, and next to nothing when nobody listens."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.api.logger import REQUESTS
from dovtab.simulator import Fault, Simulator

Connect = Callable[..., apsw.Connection]
ONE = "SELECT count(*) FROM droplet_actions(1)"


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in (1, 2):
        simulator.account.add_droplet(droplet_id=id)
    return simulator


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Levels and lines, without what differs from run to run."""
    return [
        (
            record.levelname,
            re.sub(r"request id [-0-9a-f]+|\d+ ms|in \d+\.\d s", "_", record.getMessage()),
        )
        for record in caplog.records
        if record.name.startswith("dovtab")
    ]


def test_a_request_is_a_line_when_it_is_over(
    fleet: Simulator, db: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "dovtab"):
        list(db.execute(ONE))
        list(db.execute("SELECT * FROM droplet_actions(99)"))
        list(db.execute("SELECT * FROM droplets WHERE tag_name = 'no blanks\nhere'"))
    assert told(caplog)[:2] == [
        ("INFO", "GET /v2/droplets/1/actions?page=1&per_page=200: 200 in _, _"),
        ("INFO", "GET /v2/droplets/99/actions?page=1&per_page=200: 404 in _, _"),
    ]
    assert all("\n" not in line for _, line in told(caplog))
    assert {record.name for record in caplog.records} == {"dovtab.requests"}


def test_it_has_the_id_that_support_asks_for(
    fleet: Simulator, db: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "dovtab"):
        list(db.execute(ONE))
    (id,) = db.execute("SELECT request_id FROM dovtab_requests").fetchone() or ()
    assert caplog.messages[0].endswith(f", request id {id}")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(kind="status", status=503), "503 "),
        (Fault(kind="status", status=429, retry_after=7), "429 "),
        (Fault(kind="close"), "the connection was lost before the whole answer came"),
    ],
)
def test_a_retry_is_told_with_its_reason_and_its_seconds(
    fleet: Simulator,
    db: apsw.Connection,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    why: str,
) -> None:
    fleet.fault(fault)
    with caplog.at_level(logging.INFO, "dovtab"):
        list(db.execute(ONE))
    (level, first), second = told(caplog)
    assert level == "WARNING"
    assert first.startswith(f"GET /v2/droplets/1/actions?page=1&per_page=200: {why}")
    assert re.search(r"; attempt 1, again _$", first)
    assert "429" not in first or "again in 7.0 s" in caplog.messages[0]
    assert second == (
        "INFO",
        "GET /v2/droplets/1/actions?page=1&per_page=200: 200 in _, attempt 2, _",
    )


def test_a_lost_answer_and_what_was_found_are_told(
    fleet: Simulator, db: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.fault(Fault(kind="lost_after_effect", method="POST"))
    fleet.fault(Fault(kind="close", method="POST", path="droplets/2/"))
    with caplog.at_level(logging.WARNING, "dovtab"):
        list(db.execute("SELECT droplet_actions_post(1, 'enable_ipv6')"))
        with pytest.raises(dovtab.NetworkError) as caught:
            list(db.execute("SELECT droplet_actions_post(2, 'reboot')"))
    assert caught.value.outcome == "unknown"
    lines = [line for _, line in told(caplog)]
    assert [line.rpartition("; ")[2] for line in lines[::2]] == ["its answer is lost"] * 2
    assert lines[1].startswith("POST /v2/droplets/1/actions: inferred: action ")
    assert lines[3] == f"unknown: {caught.value}"


def test_who_does_not_listen_pays_for_no_line(
    fleet: Simulator, db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once for each request whether anybody does."""
    asked: list[int] = []
    monkeypatch.setattr(REQUESTS, "isEnabledFor", lambda level: bool(asked.append(level)))
    monkeypatch.setattr(REQUESTS, "info", pytest.fail)
    list(db.execute(ONE))
    list(db.execute("SELECT * FROM droplets"))
    assert asked == [logging.INFO] * len(fleet.requests)


PROGRAM = """
import dovtab
db = dovtab.connect()
list(db.execute("SELECT count(*) FROM droplet_actions(1)"))
try:
    list(db.execute("SELECT droplet_actions_post(1, 'reboot')"))
except dovtab.NetworkError as error:
    print(error.outcome)
"""


def test_where_logging_is_not_set_up_nothing_is_printed(fleet: Simulator) -> None:
    fleet.fault(Fault(kind="status", status=503, method="GET"))
    fleet.fault(Fault(kind="close", method="POST"))
    environment = os.environ | {
        "DIGITALOCEAN_TOKEN": fleet.token,
        "DIGITALOCEAN_API_URL": fleet.url,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("unknown\n", "")
