"""max_actions: a slip in a WHERE does not reach the whole fleet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import apsw
import pexpect
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.engine.statement import Statement
from dovtab.hosts.apsw.connection import attach
from dovtab.simulator import Fault, Rules, Simulator
from shared_clock import SharedClock

Connect = Callable[..., apsw.Connection]
COMMAND = [sys.executable, "-m", "dovtab"]
FLEET = 48
INSERT = "INSERT INTO droplet_actions(droplet_id, type) "
NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT ?) "
ON_SO_MANY = NUMBERS + INSERT + "SELECT x, 'snapshot' FROM n"
HOW_TO_RAISE = (
    r"raise the setting max_actions \(DOVTAB_MAX_ACTIONS, --max-actions N; 0: no limit\)"
)


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    return filled(simulator)


def filled(simulator: Simulator) -> Simulator:
    """Forty-eight Droplets; of tag web 1 to 4, of tag ai the GPU Droplets 101 and 102."""
    for id in range(1, FLEET + 1):
        tags = ("web",) if id <= 4 else ()
        simulator.account.add_droplet(id, f"web-{id:02}", tags=tags)
    for id in (101, 102):
        simulator.account.add_droplet(id, f"gpu-{id}", tags=("ai",), gpu=True)
    return simulator


def posts(simulator: Simulator) -> list[str]:
    return [r.path for r in simulator.requests if r.method == "POST"]


def gets(simulator: Simulator) -> list[dict[str, str]]:
    return [
        {name: value for name, value in r.query.items() if "page" not in name}
        for r in simulator.requests
        if (r.method, r.path) == ("GET", "/v2/droplets")
    ]


def test_a_transaction_over_the_limit_is_refused_whole(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(max_actions=25)
    db.execute("CREATE TABLE noted(x)")
    db.execute("BEGIN")
    db.execute("INSERT INTO noted VALUES (1)")
    db.execute(ON_SO_MANY, (FLEET,))
    db.execute(INSERT + "VALUES (1, 'reboot'), (2, 'reboot')")
    with pytest.raises(
        dovtab.TooManyActionsError,
        match=r"^not sent: 50 actions: snapshot 48, reboot 2 on 48 Droplets, more than"
        rf" max_actions=25: take fewer at a time, or {HOW_TO_RAISE}$",
    ):
        db.execute("COMMIT")
    assert fleet.requests == []
    outcomes = "SELECT outcome, error LIKE 'not sent: 50 actions%', count(*) FROM dovtab_posts"
    assert list(db.execute(outcomes + " GROUP BY 1, 2")) == [("refused", 1, 50)]
    assert db.execute("SELECT count(*) FROM noted").get == 0
    assert db.execute("SELECT count(*) FROM dovtab_plan").get == 0


def test_exactly_the_limit_goes(fleet: Simulator, connect: Connect) -> None:
    db = connect(max_actions=25)
    db.execute(ON_SO_MANY, (25,))
    assert len(posts(fleet)) == 25
    # Nobody has to look for anything to count them.
    assert gets(fleet) == []
    with pytest.raises(dovtab.TooManyActionsError, match="26 actions: snapshot 26 on 26"):
        db.execute(ON_SO_MANY, (26,))
    assert len(posts(fleet)) == 25


def test_many_actions_on_few_droplets_are_not_too_many(connect: Connect) -> None:
    """The limit is for how far a mistake reaches."""
    with Simulator(rules=Rules(durations={"rename": 0.0})) as simulator:
        filled(simulator)
        db = connect(max_actions=3, api_url=simulator.url)
        columns = "INSERT INTO droplet_actions(droplet_id, type, attributes) "
        renames = "SELECT x % 3 + 1, 'rename', '{\"name\": \"x\"}' FROM n"
        db.execute(NUMBERS + columns + renames, (30,))
        assert len(posts(simulator)) == 30


@pytest.mark.parametrize("listed", [True, False])
def test_what_has_a_tag_is_looked_up_and_counted(connect: Connect, listed: bool) -> None:
    with Simulator(rules=Rules(gpus_in_tag_list=listed)) as simulator:
        filled(simulator)
        simulator.account.add_droplet(103, "gpu-103", tags=("web",), gpu=True)
        by_tag = "INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'snapshot')"
        db = connect(max_actions=5, api_url=simulator.url)
        db.execute(by_tag)
        assert gets(simulator) == [{"tag_name": "web"}, {"type": "gpus"}]
        assert posts(simulator) == ["/v2/droplets/actions"]
        assert db.execute("SELECT count(*) FROM dovtab_posts").get == 5
        db = connect(max_actions=4, api_url=simulator.url)
        with pytest.raises(
            dovtab.TooManyActionsError,
            match="5 actions: snapshot 5 on 5 Droplets, more than max_actions=4",
        ):
            db.execute(by_tag)
        assert len(posts(simulator)) == 1


def test_what_has_a_tag_and_is_named_too_counts_once(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(max_actions=5)
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (3, 'enable_ipv6'), (9, 'enable_ipv6')")
    db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'snapshot')")
    # Of those that have the tag one is busy, which the answer does not say.
    with pytest.raises(dovtab.ActionsError, match="6 actions: 5 sent, 1 refused"):
        db.execute("COMMIT")
    refused = "SELECT droplet_id, type FROM dovtab_posts WHERE outcome = 'refused'"
    assert list(db.execute(refused)) == [(3, "snapshot")]
    assert len(posts(fleet)) == 3
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (10, 'enable_ipv6'), (11, 'enable_ipv6')")
    db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'snapshot')")
    with pytest.raises(
        dovtab.TooManyActionsError, match="6 actions: snapshot 4, enable_ipv6 2 on 6"
    ):
        db.execute("COMMIT")
    assert len(posts(fleet)) == 3


BY_TAG = [
    "INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'enable_ipv6')",
    "SELECT droplet_actions_post_by_tag('web', 'enable_ipv6')",
]


@pytest.mark.parametrize("sql", BY_TAG)
def test_what_cannot_be_counted_is_refused_unless_nobody_counts(
    fleet: Simulator, connect: Connect, sql: str
) -> None:
    fleet.account.add_token("no-tags", {"droplet:read", "droplet:update"})
    db = connect(max_actions=25, token="no-tags")
    with pytest.raises(
        dovtab.TooManyActionsError,
        match=r"^not sent: what has the tag cannot be counted, and max_actions=25 is the"
        r" limit: GET /v2/droplets\?tag_name=web.*403.*needs the scope droplet:read and"
        r" tag:read.*; without a limit \(max_actions=0\) it is not counted$",
    ):
        list(db.execute(sql))
    assert posts(fleet) == []
    before = len(fleet.requests)
    list(connect(max_actions=0, token="no-tags").execute(sql))
    assert [(r.method, r.path) for r in fleet.requests[before:]] == [
        ("POST", "/v2/droplets/actions")
    ]


@pytest.mark.parametrize("sql", BY_TAG)
def test_a_list_that_is_not_whole_is_not_counted_as_few(
    fleet: Simulator, connect: Connect, sql: str
) -> None:
    def one_row_short(answer: dict[str, list[object]]) -> object:
        return answer | {"droplets": answer["droplets"][:-1]}

    path = r"/v2/droplets\?tag_name"
    fleet.fault(Fault(kind="answer", path=path, times=None, mutate=one_row_short))
    with pytest.raises(dovtab.TooManyActionsError, match="cannot be counted"):
        list(connect(max_actions=25).execute(sql))
    assert posts(fleet) == []


CALLS = "SELECT droplet_actions_post(column1, 'reboot') FROM (VALUES (1), (2), (3), (4), (5))"


def test_a_statement_of_functions_is_stopped_at_the_droplet_that_is_too_many(
    fleet: Simulator, connect: Connect
) -> None:
    db = connect(max_actions=3)
    with pytest.raises(
        dovtab.TooManyActionsError,
        match=r"^stopped after 3 actions: reboot 3; it goes on to more Droplets than max_actions=3",
    ):
        list(db.execute(CALLS))
    assert len(posts(fleet)) == 3
    assert db.execute("SELECT count(*) FROM dovtab_posts").get == 3
    # Another statement is another question.
    list(db.execute("SELECT droplet_actions_post(6, 'reboot')"))
    list(db.execute("SELECT droplet_actions_post(column1, 'reboot') FROM (VALUES (7), (8))"))
    assert len(posts(fleet)) == 6


def test_functions_by_tag_count_too(fleet: Simulator, connect: Connect) -> None:
    db = connect(max_actions=5)
    tag = "droplet_actions_post_by_tag('web', 'enable_ipv6')"
    list(db.execute(f"SELECT {tag}, droplet_actions_post(9, 'reboot')"))
    assert len(posts(fleet)) == 2
    with pytest.raises(dovtab.TooManyActionsError, match="stopped after 2 actions: reboot 2;"):
        list(
            db.execute(
                "SELECT droplet_actions_post(10, 'reboot'), droplet_actions_post(11, 'reboot'),"
                f" {tag}"
            )
        )
    assert posts(fleet)[2:] == ["/v2/droplets/10/actions", "/v2/droplets/11/actions"]


class Somebody:
    """Sits at a terminal, and answers what he is asked."""

    def __init__(self, answer: bool, *, asks: bool = True) -> None:
        self.asks = asks
        self.questions: list[str] = []
        self._answer = answer

    def waiting(self, statement: Statement, quota_seconds: float) -> None:
        """He is patient."""

    def held_up(self, told: str) -> None:
        """And has heard that before."""

    def wait_over(self) -> None:
        """And calm."""

    def ended(self, outcomes: Counter[str]) -> None:
        """And not curious."""

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self._answer


@pytest.fixture
def watched(
    fleet: Simulator, shared_clock: SharedClock
) -> Iterator[Callable[..., apsw.Connection]]:
    """Opens connections that somebody sits at."""
    opened: list[apsw.Connection] = []

    def open_connection(observer: Somebody, **settings: object) -> apsw.Connection:
        given = {"token": fleet.token, "api_url": fleet.url, "cache_seconds": 0} | settings
        opened.append(apsw.Connection(":memory:"))
        attach(opened[-1], resolve(given, os.getenv), shared_clock, observer)
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close(True)


QUESTION = (
    "This starts 48 actions: snapshot 48, on web-01, web-02, web-03 and 45 more. Go on? [y/N] "
)


def test_whoever_says_yes_gets_it(fleet: Simulator, watched: Connect) -> None:
    somebody = Somebody(True)
    watched(somebody).execute(ON_SO_MANY, (FLEET,))
    assert somebody.questions == [QUESTION]
    assert len(posts(fleet)) == FLEET
    # By name they are asked for once, both kinds.
    assert gets(fleet) == [{"type": "droplets"}, {"type": "gpus"}]


def test_of_whoever_says_no_nothing_is_sent(fleet: Simulator, watched: Connect) -> None:
    somebody = Somebody(False)
    with pytest.raises(dovtab.TooManyActionsError, match=r"^not sent: you said no$"):
        watched(somebody).execute(ON_SO_MANY, (FLEET,))
    assert somebody.questions == [QUESTION]
    assert posts(fleet) == []


def test_whoever_cannot_be_asked_is_not(fleet: Simulator, watched: Connect) -> None:
    """A script's standard input has something else in it."""
    somebody = Somebody(True, asks=False)
    with pytest.raises(dovtab.TooManyActionsError):
        watched(somebody).execute(ON_SO_MANY, (FLEET,))
    assert somebody.questions == []
    assert posts(fleet) == []


def test_without_the_names_it_is_asked_by_number(fleet: Simulator, watched: Connect) -> None:
    fleet.fault(Fault(kind="status", status=403, path=r"/v2/droplets\?", times=None))
    somebody = Somebody(True)
    watched(somebody, max_actions=3).execute(ON_SO_MANY, (4,))
    asked = "This starts 4 actions: snapshot 4, on 1, 2, 3 and 1 more. Go on? [y/N] "
    assert somebody.questions == [asked]
    assert len(posts(fleet)) == 4


def test_a_statement_of_functions_is_asked_about_once(
    fleet: Simulator, watched: Connect
) -> None:
    somebody = Somebody(True)
    db = watched(somebody, max_actions=3)
    assert len(list(db.execute(CALLS))) == 5
    asked = "3 actions: reboot 3 so far, and it goes on to others. Go on? [y/N] "
    assert somebody.questions == [asked]
    assert len(posts(fleet)) == 5
    list(db.execute(CALLS.replace("(1), (2), (3), (4), (5)", "(11), (12), (13), (14)")))
    assert len(somebody.questions) == 2


def test_of_functions_a_no_ends_the_statement(fleet: Simulator, watched: Connect) -> None:
    somebody = Somebody(False)
    with pytest.raises(dovtab.TooManyActionsError):
        list(watched(somebody, max_actions=3).execute(CALLS))
    assert len(somebody.questions) == 1
    assert len(posts(fleet)) == 3


def environment(simulator: Simulator, **more: str) -> dict[str, str]:
    known = {"DIGITALOCEAN_API_URL": simulator.url, "DIGITALOCEAN_TOKEN": simulator.token}
    return os.environ | known | {"NO_COLOR": "1", "TERM": "dumb"} | more


FOUR = INSERT + "VALUES (1, 'reboot'), (2, 'reboot'), (3, 'reboot'), (4, 'reboot')"


@pytest.mark.parametrize(
    ("options", "variables", "goes"),
    [
        ((), {"DOVTAB_MAX_ACTIONS": "3"}, False),
        ((), {"DOVTAB_MAX_ACTIONS": "4"}, True),
        (("--max-actions", "3"), {}, False),
        (("--max-actions", "0"), {"DOVTAB_MAX_ACTIONS": "3"}, True),
    ],
)
def test_the_limit_is_a_setting_and_an_option(
    fleet: Simulator, options: tuple[str, ...], variables: dict[str, str], goes: bool
) -> None:
    ran = subprocess.run(
        [*COMMAND, *options, ":memory:", FOUR],
        env=environment(fleet, **variables),
        input="y\n",
        capture_output=True,
        encoding="utf-8",
    )
    assert len(posts(fleet)) == (4 if goes else 0)
    assert ran.returncode == (0 if goes else 3)
    assert ran.stdout == ""
    assert "Go on?" not in ran.stderr
    assert goes or "Error: not sent: 4 actions: reboot 4 on 4 Droplets" in ran.stderr


@pytest.fixture
def terminal(fleet: Simulator) -> Iterator[pexpect.spawn]:
    """The command on a terminal, about to act on one Droplet more than it may."""
    child = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], "--max-actions", "3", ":memory:", FOUR],
        env=environment(fleet),
        encoding="utf-8",
        timeout=20,
        # Whoever runs the tests in the background may have had the signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    yield child
    with suppress(pexpect.ExceptionPexpect):
        child.close(force=True)


def exit_status(child: pexpect.spawn) -> int | None:
    """Once it has come to its end."""
    child.expect(pexpect.EOF)
    child.wait()
    status: int | None = child.exitstatus
    return status


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "goes"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_the_command_asks(
    fleet: Simulator, terminal: pexpect.spawn, answer: str, goes: bool
) -> None:
    terminal.expect_exact(
        "This starts 4 actions: reboot 4, on web-01, web-02, web-03 and 1 more."
    )
    terminal.expect_exact(" Go on? [y/N] ")
    assert posts(fleet) == []
    terminal.sendline(answer)
    terminal.expect_exact("actions: 4 sent" if goes else "Error: not sent: you said no")
    assert exit_status(terminal) == (0 if goes else 3)
    assert len(posts(fleet)) == (4 if goes else 0)


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal")
def test_control_c_at_the_question_is_a_no(fleet: Simulator, terminal: pexpect.spawn) -> None:
    terminal.expect_exact(" Go on? [y/N] ")
    terminal.sendintr()
    assert exit_status(terminal) == 130
    assert posts(fleet) == []


def test_a_rehearsal_keeps_to_the_limit(fleet: Simulator, connect: Connect) -> None:
    """It shows what would happen."""
    db = connect(max_actions=3, dry_run=True)
    with pytest.raises(dovtab.TooManyActionsError, match="4 actions"):
        db.execute(FOUR)
    with pytest.raises(dovtab.TooManyActionsError, match="stopped after 3 actions"):
        list(db.execute(CALLS))
    assert posts(fleet) == []
