"""INSERT INTO droplet_actions: what is sent, when, in which order, and what is told."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import Connection, attach
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

Connect = Callable[..., apsw.Connection]
INSERT = "INSERT INTO droplet_actions(droplet_id, type, attributes) "


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    simulator.account.rules.durations["rename"] = 0.0
    for id in range(1, 21):
        simulator.account.add_droplet(droplet_id=id, tags=("web",) if id <= 3 else ())
    return simulator


@pytest.fixture
def db(fleet: Simulator, shared_clock: SharedClock) -> Iterator[apsw.Connection]:
    db = Connection(":memory:")
    given = {"token": fleet.token, "api_url": fleet.url, "cache_seconds": 0}
    attach(db, resolve(given, os.getenv), shared_clock)
    with_inventory(db)
    yield db
    db.close(True)


def with_inventory(db: apsw.Connection) -> None:
    db.execute("CREATE TABLE inventory(id INTEGER PRIMARY KEY, team)")
    db.executemany("INSERT INTO inventory VALUES (?, ?)", [(n, n % 2) for n in range(1, 21)])


def posts(simulator: Simulator) -> list[tuple[str, object]]:
    return [(r.path, r.json["type"]) for r in simulator.requests if r.method == "POST"]


def test_a_statement_is_its_own_transaction(fleet: Simulator, db: apsw.Connection) -> None:
    db.execute(
        INSERT + "VALUES (1, 'snapshot', '{\"name\": \"a\"}'), ('2', 'enable_ipv6', NULL)"
    )
    assert sorted(posts(fleet)) == [
        ("/v2/droplets/1/actions", "snapshot"),
        ("/v2/droplets/2/actions", "enable_ipv6"),
    ]
    rows = db.execute(
        "SELECT seq, droplet_id, tag_name, type, attributes, outcome, action_id, error,"
        " sent_at IS NOT NULL, request_id IS NOT NULL FROM dovtab_posts"
    )
    first, second = sorted(a.id for a in fleet.account.actions.values())
    by_droplet = {a.resource_id: a.id for a in fleet.account.actions.values()}
    assert {first, second} == set(by_droplet.values())
    assert list(rows) == [
        (1, 1, None, "snapshot", '{"name":"a"}', "sent", by_droplet[1], None, 1, 1),
        (2, 2, None, "enable_ipv6", None, "sent", by_droplet[2], None, 1, 1),
    ]


def test_a_transaction_is_sent_at_commit(fleet: Simulator, db: apsw.Connection) -> None:
    with db:
        db.execute(INSERT + "SELECT id, 'enable_ipv6', NULL FROM inventory WHERE team = 1")
        assert posts(fleet) == []
    assert len(posts(fleet)) == 10
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (2, 'enable_ipv6', NULL)")
    db.execute("ROLLBACK")
    assert len(posts(fleet)) == 10


def test_distinct_droplets_go_at_once_and_one_droplet_s_in_order(
    fleet: Simulator, db: apsw.Connection
) -> None:
    fleet.latency = 0.1
    values = ", ".join(
        f"({id}, 'rename', '{{\"name\": \"{name}\"}}')" for name in "abc" for id in (1, 2, 3)
    )
    db.execute(INSERT + f"VALUES {values}")
    for id in (1, 2, 3):
        mine = [r.json["name"] for r in fleet.requests if f"/{id}/" in r.path]
        assert mine == ["a", "b", "c"]
    assert max(r.at_once for r in fleet.requests) == 3


def test_by_tag_everything_before_comes_before(fleet: Simulator, db: apsw.Connection) -> None:
    with db:
        db.execute(INSERT + "VALUES (10, 'enable_ipv6', NULL), (11, 'enable_ipv6', NULL)")
        db.execute("INSERT INTO droplet_actions(tag_name, type) VALUES ('web', 'enable_ipv6')")
        db.execute(INSERT + "VALUES (12, 'enable_ipv6', NULL)")
    paths = [path for path, _ in posts(fleet)]
    assert paths[2] == "/v2/droplets/actions"
    assert paths[3] == "/v2/droplets/12/actions"
    rows = db.execute(
        "SELECT seq, droplet_id, tag_name, outcome FROM dovtab_posts WHERE seq = 3"
    )
    assert sorted(rows) == [(3, id, "web", "sent") for id in (1, 2, 3)]


WRONG = [
    ("(droplet_id, type) VALUES (1, 'explode')", "type must be one of"),
    ("(droplet_id, type) VALUES (0, 'reboot')", "droplet_id must be a whole number from 1"),
    ("(droplet_id, type) VALUES ('x', 'reboot')", "droplet_id must be a whole number from 1"),
    ("(type) VALUES ('reboot')", "needs a droplet_id or a tag_name"),
    (
        "(droplet_id, tag_name, type) VALUES (1, 'web', 'shutdown')",
        "needs a droplet_id or a tag_name, and not both",
    ),
    ("(tag_name, type) VALUES ('web', 'reboot')", "cannot go by tag"),
    ("(tag_name, type) VALUES ('', 'shutdown')", "tag_name must be"),
    ("(droplet_id, type, attributes) VALUES (1, 'resize', '{}')", "needs the attribute 'size'"),
    ("(droplet_id, type, attributes) VALUES (1, 'reboot', '[1]')", "must be a JSON object"),
    ("(resource_id, type) VALUES (1, 'reboot')", "resource_id is the API's to say"),
    ("(droplet_id, type, status) VALUES (1, 'reboot', 'x')", "status is the API's to say"),
    ("(rowid, droplet_id, type) VALUES (5, 1, 'reboot')", "rowid is the API's to say"),
    (" VALUES (1, 1, 1, 1, 1, 1, 1, 1, 'reboot')", "is the API's to say"),
]


@pytest.mark.parametrize(("rest", "message"), WRONG)
def test_a_wrong_row_is_refused_before_anything_is_sent(
    fleet: Simulator, db: apsw.Connection, rest: str, message: str
) -> None:
    with pytest.raises(dovtab.ArgumentError, match=message) as caught:
        db.execute("INSERT INTO droplet_actions" + rest)
    assert isinstance(caught.value, apsw.ConstraintError)
    assert posts(fleet) == []
    assert db.execute("SELECT count(*) FROM dovtab_posts").get == 0


@pytest.mark.parametrize(
    ("conflict", "sent"),
    [("", []), ("OR ABORT", []), ("OR ROLLBACK", []), ("OR FAIL", [1]), ("OR IGNORE", [1, 3])],
)
def test_conflict_clauses_mean_what_sqlite_says(
    fleet: Simulator, db: apsw.Connection, conflict: str, sent: list[int]
) -> None:
    statement = INSERT.replace("INTO", f"{conflict} INTO")
    rows = "VALUES (1, 'enable_ipv6', NULL), (2, 'wrong', NULL), (3, 'enable_ipv6', NULL)"
    try:
        db.execute(statement + rows)
    except dovtab.ArgumentError:
        assert conflict != "OR IGNORE"
    assert sorted(path for path, _ in posts(fleet)) == [
        f"/v2/droplets/{n}/actions" for n in sent
    ]


def test_some_that_fail_do_not_keep_others_and_all_are_told(
    fleet: Simulator, db: apsw.Connection
) -> None:
    db.execute("CREATE TABLE note(text)")
    fleet.fault(Fault(kind="status", status=422, path="/7/", times=None))
    fleet.fault(Fault(kind="close", method="POST", path="/9/", times=None))

    def act() -> None:
        with db:
            db.execute("INSERT INTO note VALUES ('rolled back')")
            db.execute(INSERT + "SELECT id, 'enable_ipv6', NULL FROM inventory WHERE id <> 7")
            db.execute(INSERT + "VALUES (7, 'enable_ipv6', NULL), (7, 'reboot', NULL)")

    with pytest.raises(
        dovtab.ActionsError,
        match=r"^21 actions: 18 sent, 2 refused, 1 unknown; what was sent stays sent, and"
        r" dovtab_posts has all of them: POST .*; POST ",
    ) as caught:
        act()
    assert (caught.value.sent, caught.value.refused, caught.value.unknown) == (18, 2, 1)
    assert db.execute("SELECT count(*) FROM note").get == 0
    found = dict(db.execute("SELECT outcome, count(*) FROM dovtab_posts GROUP BY 1"))
    assert found == {"sent": 18, "refused": 2, "unknown": 1}
    later = db.execute(
        "SELECT error FROM dovtab_posts WHERE droplet_id = 7 ORDER BY seq DESC LIMIT 1"
    )
    assert later.get == "not sent: an action before it on this Droplet failed"


def test_a_single_one_that_fails_says_why_in_its_own_words(
    fleet: Simulator, db: apsw.Connection
) -> None:
    with pytest.raises(dovtab.ActionsError, match=r"^POST /v2/droplets/99/actions: 404"):
        db.execute(INSERT + "VALUES (99, 'reboot', NULL)")


def test_nothing_is_sent_twice_when_a_commit_is_tried_again(
    fleet: Simulator, db: apsw.Connection
) -> None:
    fleet.fault(Fault(kind="status", status=422, path="/2/", times=1))
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (1, 'enable_ipv6', NULL), (2, 'enable_ipv6', NULL)")
    with pytest.raises(dovtab.ActionsError):
        db.execute("COMMIT")
    assert not db.in_transaction
    db.execute(INSERT + "VALUES (2, 'enable_ipv6', NULL)")
    assert len(posts(fleet)) == 3


def test_a_switch_for_functions_and_insert(fleet: Simulator, connect: Connect) -> None:
    db = connect(allow_actions=False)
    with pytest.raises(dovtab.NotAllowedError, match="starting actions is off"):
        db.execute(INSERT + "VALUES (1, 'reboot', NULL)")
    db = connect(dry_run=True)
    db.execute(INSERT + "VALUES (1, 'snapshot', '{\"name\": \"a\"}')")
    with pytest.raises(dovtab.ArgumentError):
        db.execute(INSERT + "VALUES (1, 'snapshot', '{\"names\": \"a\"}')")
    assert list(
        db.execute("SELECT droplet_id, attributes, outcome, sent_at FROM dovtab_posts")
    ) == [(1, '{"name":"a"}', "dry-run", None)]
    assert posts(fleet) == []


def test_max_requests_counts_what_will_be_sent(fleet: Simulator, connect: Connect) -> None:
    db = connect(max_requests=3)
    with pytest.raises(dovtab.TooManyRequestsError):
        db.execute(INSERT + "SELECT value, 'enable_ipv6', NULL FROM json_each('[1, 2, 3, 4]')")
    assert posts(fleet) == []
    db.execute(INSERT + "SELECT value, 'enable_ipv6', NULL FROM json_each('[1, 2, 3]')")
    assert len(posts(fleet)) == 3


TRIGGERED = "BEGIN INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'power_off'); END"
CALL = "droplet_actions_post(1, 'power_off')"

# What is in the file, and what its reader does.
HOSTILE = [
    (f"CREATE TRIGGER a AFTER INSERT ON t {TRIGGERED}", "INSERT INTO t VALUES (1)"),
    (f"CREATE TRIGGER a BEFORE UPDATE ON t {TRIGGERED}", "UPDATE t SET x = 2"),
    (f"CREATE TRIGGER a AFTER DELETE ON t {TRIGGERED}", "DELETE FROM t"),
    (
        f"CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER a INSTEAD OF INSERT ON v {TRIGGERED}",
        "INSERT INTO v VALUES (1)",
    ),
    (
        f"CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT {CALL}; END",
        "INSERT INTO t VALUES (1)",
    ),
    (f"CREATE VIEW v AS SELECT {CALL}", "SELECT * FROM v"),
    (f"CREATE TABLE c(x CHECK ({CALL} IS NOT NULL))", "INSERT INTO c VALUES (1)"),
    (f"CREATE TABLE d(x, y DEFAULT ({CALL}))", "INSERT INTO d(x) VALUES (1)"),
    (f"CREATE TABLE g(x, y AS ({CALL}))", "INSERT INTO g(x) VALUES (1); SELECT * FROM g"),
    (f"CREATE INDEX i ON t({CALL})", "INSERT INTO t VALUES (1)"),
    (
        "CREATE VIRTUAL TABLE diary USING droplet_actions()",
        "INSERT INTO diary(droplet_id, type) VALUES (1, 'power_off')",
    ),
]


@pytest.mark.parametrize("door", ["connect", "attached", "register"])
@pytest.mark.parametrize(("inside", "sql"), HOSTILE)
def test_nothing_in_a_stranger_s_file_can_act(
    fleet: Simulator, tmp_path: Path, inside: str, sql: str, door: str
) -> None:
    """Views, triggers, CHECK, DEFAULT, and a table of ours under another name.

    What SQLite has read of a file before our functions are there, it must read again.
    """
    file = tmp_path / "hostile.db"
    if "VIRTUAL" in inside:
        maker = dovtab.connect(str(file), token="none")
    else:
        # Whoever makes the file has a function of that name, and it is not ours.
        maker = apsw.Connection(str(file))
        maker.create_scalar_function(
            "droplet_actions_post", lambda *a: 1, -1, deterministic=True
        )
    maker.execute("CREATE TABLE t(x); INSERT INTO t VALUES (0)")
    maker.execute(inside)
    maker.close()
    given = {"token": fleet.token, "api_url": fleet.url}
    if door == "register":
        db = apsw.Connection(str(file))
        assert db.execute("SELECT count(*) FROM sqlite_schema").get
        dovtab.register(db, **given)
    else:
        db = dovtab.connect(":memory:" if door == "attached" else str(file), **given)
    with contextlib.suppress(apsw.Error, dovtab.NotAllowedError):
        if door == "attached":
            db.execute("ATTACH ? AS stranger", (str(file),))
        list(db.execute(sql))
    assert posts(fleet) == []
    # The owner himself still may, if SQLite can read the schema at all.
    if door == "attached" and not inside.startswith(("CREATE TABLE", "CREATE INDEX")):
        assert db.execute("SELECT count(*) FROM dovtab_posts").get == 0
        db.execute(INSERT + "VALUES (1, 'enable_ipv6', NULL)")
        assert len(posts(fleet)) == 1
    db.close()


def test_a_stranger_s_file_opened_as_the_database_cannot_act_either(
    fleet: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "hostile.db"
    plain = apsw.Connection(str(file))
    plain.execute(
        "CREATE TABLE t(x); CREATE TRIGGER a AFTER INSERT ON t BEGIN"
        " INSERT INTO droplet_actions(droplet_id, type) VALUES (new.x, 'power_off'); END"
    )
    plain.close()
    db = dovtab.connect(str(file), token=fleet.token, api_url=fleet.url)
    with pytest.raises(dovtab.NotAllowedError, match="neither by a trigger"):
        db.execute("INSERT INTO t VALUES (1)")
    # Also if the statement itself inserts what it may, or was begun with a comment.
    with pytest.raises(dovtab.NotAllowedError, match="neither by a trigger"):
        db.execute("-- droplet_actions\nINSERT INTO t SELECT 1")
    assert posts(fleet) == []
    db.execute(INSERT + "VALUES (1, 'enable_ipv6', NULL)")
    assert len(posts(fleet)) == 1
    db.close()


def test_a_second_account_s_table_acts_on_that_account(
    fleet: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth-contexts:\n  prod: token-of-prod\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    fleet.account.add_token("token-of-prod", label="prod")
    db = connect()
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    db.execute(INSERT + "VALUES (1, 'enable_ipv6', NULL)")
    db.execute("INSERT INTO prod(droplet_id, type) VALUES (2, 'enable_ipv6')")
    # In one transaction their order could not be kept.
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (3, 'enable_ipv6', NULL)")
    with pytest.raises(dovtab.NotAllowedError, match="in a transaction through one table"):
        db.execute("INSERT INTO prod(droplet_id, type) VALUES (4, 'enable_ipv6')")
    db.execute("ROLLBACK")
    assert {(r.path, r.authorized_as) for r in fleet.requests} == {
        ("/v2/droplets/1/actions", "simulator"),
        ("/v2/droplets/2/actions", "prod"),
    }


def test_a_batch_is_waited_for_as_long_as_its_slowest(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock, shared_clock: SharedClock
) -> None:
    fleet.account.rules.durations["snapshot"] = 300.0
    db.execute(INSERT + "SELECT id, 'snapshot', NULL FROM inventory")
    fleet.latency = 0.005
    began = clock.time()
    waited = "SELECT droplet_actions_wait(droplet_id, action_id) ->> 'status' FROM dovtab_posts"
    assert [status for (status,) in db.execute(waited)] == ["completed"] * 20
    assert 300 <= clock.time() - began <= 300 + 20
    polls = Counter(r.path for r in fleet.requests if r.method == "GET")
    assert max(polls.values()) < 45
    assert max(r.at_once for r in fleet.requests if r.method == "GET") > 4
    before = len(fleet.requests)
    assert len(list(db.execute(waited))) == 20
    assert len(fleet.requests) == before


def test_a_thousand_inserts_with_faults_lose_nothing_and_double_nothing(
    clock: ManualClock, shared_clock: SharedClock
) -> None:
    """Answers lost after the effect, errors before it, refusals of the rate limit."""
    count = 1000
    rules = Rules(minute_limit=None, hour_limit=None)
    with Simulator(rules=rules, clock=clock, seed=7) as simulator:
        for id in range(1, count + 1):
            simulator.account.add_droplet(droplet_id=id)
        for kind, status in (("lost_after_effect", 0), ("status", 503), ("status", 429)):
            simulator.fault(
                Fault(
                    kind=kind,
                    status=status or 500,
                    method="POST",
                    probability=0.05,
                    times=None,
                    retry_after=1 if status == 429 else None,
                )
            )
        db = apsw.Connection(":memory:")
        given = {"token": simulator.token, "api_url": simulator.url}
        given |= {"max_requests": 10_000, "max_wait_seconds": 86_400, "max_actions": 0}
        attach(db, resolve(given, os.getenv), shared_clock)
        with pytest.raises(dovtab.ActionsError) as caught:
            db.execute(
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1000)"
                " INSERT INTO droplet_actions(droplet_id, type) SELECT x, 'enable_ipv6' FROM n"
            )
        made: dict[int | None, list[int]] = {}
        for action in simulator.account.actions.values():
            made.setdefault(action.resource_id, []).append(action.id)
        rows = list(db.execute("SELECT droplet_id, outcome, action_id FROM dovtab_posts"))
        assert [droplet for droplet, _, _ in rows] == list(range(1, count + 1))
        outcomes = Counter(outcome for _, outcome, _ in rows)
        assert outcomes["sent"] > 800
        assert outcomes["unknown"] > 20
        error = caught.value
        assert outcomes["inferred"] > 20
        assert (error.sent, error.inferred, error.refused, error.unknown) == (
            outcomes["sent"],
            outcomes["inferred"],
            outcomes["refused"],
            outcomes["unknown"],
        )
        for droplet, outcome, action_id in rows:
            if outcome in ("sent", "inferred"):
                assert made.pop(droplet) == [action_id]
            else:
                assert droplet not in made
        assert made == {}
        # The simulator's own record: one POST each that took effect, refusals beside.
        effects = Counter(
            json.dumps(r.path)
            for r in simulator.requests
            if r.method == "POST" and r.status in (201, None)
        )
        assert max(effects.values()) == 1
        db.close(True)


def test_an_interrupted_commit_sends_nothing_more(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """What is under way is told of as unknown until its answer comes."""
    fleet.latency = 0.3
    stop = threading.Timer(0.1, db.interrupt)
    values = ", ".join(
        f"({id}, 'rename', '{{\"name\": \"{name}\"}}')" for name in "ab" for id in range(1, 5)
    )
    stop.start()
    with pytest.raises(apsw.InterruptError, match="what was sent stays sent, see dovtab_posts"):
        db.execute(INSERT + f"VALUES {values}")
    stop.join()
    while any(t.name == "dovtab request" for t in threading.enumerate()):
        time.sleep(0.01)
    assert len(posts(fleet)) == 4
    outcomes = dict(db.execute("SELECT outcome, count(*) FROM dovtab_posts GROUP BY 1"))
    assert outcomes == {"sent": 4, "refused": 4}
    error = db.execute("SELECT DISTINCT error FROM dovtab_posts WHERE outcome = 'refused'").get
    assert error == "interrupted before it was sent"


def test_a_statement_that_writes_is_not_run_in_the_midst_of_one_that_acts(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """Whose rows are undone could not be told."""
    db.execute("CREATE TABLE t(x)")
    db.execute("INSERT INTO t VALUES (1), (2)")
    first = db.execute("UPDATE t SET x = 3 RETURNING 1")
    next(first)
    with pytest.raises(dovtab.NotAllowedError, match="let the other statement that writes"):
        db.execute(INSERT + "VALUES (3, 'enable_ipv6', NULL), (4, 'wrong', NULL)")
    first.close()
    assert posts(fleet) == []

    def nested(id: int) -> int:
        db.execute(INSERT + "VALUES (?, 'enable_ipv6', NULL)", (id + 10,)).fetchall()
        return id

    db.create_scalar_function("nested", nested, 1)
    db.execute("BEGIN")
    with pytest.raises(dovtab.NotAllowedError, match="let the other statement that writes"):
        db.execute(INSERT + "SELECT nested(column1), 'reboot', NULL FROM (VALUES (5), (6))")
    db.execute("COMMIT")
    assert posts(fleet) == []


def test_returning_is_refused_with_what_to_read_instead(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """Read half-way, it would be sent when the cursor is dropped, and nobody would hear."""
    with pytest.raises(
        dovtab.NotAllowedError, match=r"has no RETURNING: .*; dovtab_posts has it"
    ):
        list(db.execute(INSERT + "VALUES (1, 'enable_ipv6', NULL) returning id"))
    db.execute(
        INSERT + "VALUES (1, 'snapshot', '{\"name\": \"before RETURNING\"}') -- RETURNING"
    )
    assert [json.loads(r.body)["name"] for r in fleet.requests] == ["before RETURNING"]


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("returning", ["", " RETURNING 1"])
def test_a_function_that_writes_is_not_what_makes_a_statement_stand(
    fleet: Simulator, db: apsw.Connection, *, fails: bool, returning: str
) -> None:
    db.execute("CREATE TABLE log(x)")

    def noted(id: int) -> int:
        list(db.execute("INSERT INTO log VALUES (?)" + returning, (id,)))
        if fails and id == 2:
            raise ZeroDivisionError
        return id

    db.create_scalar_function("noted", noted, 1)
    db.execute("BEGIN")
    with contextlib.suppress(ZeroDivisionError):
        db.execute(INSERT + "SELECT noted(column1), 'enable_ipv6', NULL FROM (VALUES (1), (2))")
    if returning and not fails:
        with pytest.raises(dovtab.NotAllowedError, match="nothing was sent"):
            db.execute("COMMIT")
        assert posts(fleet) == []
        told = db.execute("SELECT outcome, count(*) FROM dovtab_posts GROUP BY 1")
        assert list(told) == [("refused", 2)]
        return
    with contextlib.suppress(dovtab.NotAllowedError):
        db.execute("COMMIT")
    assert len(posts(fleet)) == (0 if fails else 2)
    assert db.execute("SELECT count(*) FROM log").get == (0 if fails else 2)


def test_with_one_thread_left_it_only_takes_longer(
    fleet: Simulator, db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = threading.Thread.start, []

    def few(thread: threading.Thread) -> None:
        if thread.name == "dovtab request":
            started.append(thread)
            if len(started) > 1:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", few)
    db.execute(INSERT + "SELECT id, 'enable_ipv6', NULL FROM inventory WHERE id < 6")
    assert len(posts(fleet)) == 5


def test_a_wait_is_for_that_action_and_no_other(fleet: Simulator, db: apsw.Connection) -> None:
    db.execute(INSERT + "VALUES (1, 'snapshot', NULL)")

    def another(answer: object) -> object:
        return {"action": {"id": 7, "status": "completed", "type": "snapshot"}}

    fleet.fault(Fault(kind="answer", method="GET", mutate=another))
    waited = "SELECT droplet_actions_wait(droplet_id, action_id) FROM dovtab_posts"
    with pytest.raises(dovtab.AnswerError, match="the answer does not hold that action"):
        list(db.execute(waited))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            # A refusal is everybody's, and so the next question's, too.
            Fault(kind="status", status=429, retry_after=100, method="GET", times=None),
            "the quota is used up",
        ),
        (Fault(kind="status", status=503, method="GET", times=3), "it goes on"),
    ],
)
def test_a_wait_ends_in_time(
    fleet: Simulator, db: apsw.Connection, clock: ManualClock, fault: Fault, message: str
) -> None:
    db.execute(INSERT + "VALUES (1, 'snapshot', NULL)")
    fleet.fault(fault)
    began = clock.time()
    waited = "SELECT droplet_actions_wait(droplet_id, action_id, 20) FROM dovtab_posts"
    with pytest.raises(dovtab.WaitError, match=rf"not ended after 20 s.*{message}"):
        list(db.execute(waited))
    assert 20 <= clock.time() - began < 22


def test_a_wait_that_cannot_be_answered_ends_soon(
    fleet: Simulator, db: apsw.Connection
) -> None:
    db.execute(INSERT + "VALUES (1, 'snapshot', NULL)")
    fleet.fault(Fault(kind="status", status=503, method="GET", times=None))
    with pytest.raises(dovtab.APIError, match="503"):
        list(db.execute("SELECT droplet_actions_wait(droplet_id, action_id) FROM dovtab_posts"))
    assert sum(r.method == "GET" for r in fleet.requests) == 4


@pytest.mark.parametrize("release", ["RELEASE a", "/* now */ release -- it\n a"])
def test_a_release_that_fails_says_that_the_transaction_is_open(
    fleet: Simulator, db: apsw.Connection, release: str
) -> None:
    db.execute("SAVEPOINT a")
    db.execute(INSERT + "VALUES (99, 'reboot', NULL)")
    with pytest.raises(
        dovtab.ActionsError, match=r"404.*; the transaction is still open: end it"
    ):
        db.execute(release)
    assert db.in_transaction
    db.execute("ROLLBACK")
    db.execute("BEGIN")
    db.execute(INSERT + "VALUES (99, 'reboot', NULL)")
    with pytest.raises(dovtab.ActionsError) as caught:
        db.execute("COMMIT")
    assert "still open" not in str(caught.value)
    assert not db.in_transaction


@pytest.mark.parametrize(
    "where", ["", "WHERE droplet_id = 1", "WHERE id = 3", "WHERE page = 1"]
)
def test_an_update_says_why_it_is_refused(
    fleet: Simulator, db: apsw.Connection, where: str
) -> None:
    """SQLite looks at every column for it, the page and its size among them."""
    fleet.account.add_action(1, id=3)
    with pytest.raises(dovtab.NotAllowedError, match="cannot be changed: INSERT starts a new"):
        db.execute(f"UPDATE droplet_actions SET type = 'x' {where}")


def test_after_a_tag_that_was_refused_what_depends_on_it_is_not_sent(
    fleet: Simulator, connect: Callable[..., apsw.Connection]
) -> None:
    """What has the tag is known: the others go."""
    fleet.account.add_droplet(droplet_id=50, tags=("db",))
    db = connect(max_actions=25)
    fleet.fault(Fault(kind="status", status=422, method="POST", path="tag_name=db"))
    with pytest.raises(dovtab.ActionsError, match="4 actions: 1 sent, 3 refused"):
        db.execute(
            "INSERT INTO droplet_actions(droplet_id, tag_name, type) VALUES"
            " (NULL, 'db', 'power_off'), (50, NULL, 'snapshot'),"
            " (1, NULL, 'enable_ipv6'), (NULL, 'db', 'enable_ipv6')"
        )
    sent = [(r.path, r.status) for r in fleet.requests if r.method == "POST"]
    assert sent == [("/v2/droplets/actions", 422), ("/v2/droplets/1/actions", 201)]


def test_rows_are_no_requests_that_were_made(connect: Callable[..., apsw.Connection]) -> None:
    db = connect(max_requests=2)
    with pytest.raises(
        dovtab.TooManyRequestsError, match="made by this statement: 0, and 2 actions asked for,"
    ):
        db.execute(
            INSERT + "VALUES (1, 'reboot', NULL), (2, 'reboot', NULL), (3, 'reboot', NULL)"
        )


def test_what_a_file_calls_is_refused_also_if_the_file_was_read_before(
    fleet: Simulator, tmp_path: Path
) -> None:
    """SQLite refuses it when it reads the schema: so it has to read it again."""
    file = tmp_path / "hostile.db"
    maker = apsw.Connection(str(file))
    maker.create_scalar_function("droplet_actions_wait", lambda *a: 1, -1, deterministic=True)
    maker.execute("CREATE TABLE c(x CHECK (droplet_actions_wait(1, 1) IS NOT NULL))")
    maker.close()
    db = apsw.Connection(str(file))
    assert db.execute("SELECT count(*) FROM sqlite_schema").get == 1
    dovtab.register(db, token=fleet.token, api_url=fleet.url)
    with pytest.raises(apsw.Error, match="unsafe use of droplet_actions_wait"):
        db.execute("INSERT INTO c VALUES (1)")
    assert fleet.requests == []
    db.close()


def test_a_rollback_inside_an_insert_lets_nothing_of_it_be_sent(
    fleet: Simulator, db: apsw.Connection
) -> None:
    """What SQLite runs on with is in no transaction, and its rows would be in none, either."""

    def rolls_back(n: int) -> int:
        if n == 2:
            db.execute("ROLLBACK")
        return n

    db.create_scalar_function("rolls_back", rolls_back, 1)
    db.execute("BEGIN")
    with pytest.raises((dovtab.NotAllowedError, apsw.Error)):
        db.execute(
            INSERT + "SELECT rolls_back(value), 'enable_ipv6', NULL FROM json_each('[1, 2, 3]')"
        )
    assert list(db.execute("SELECT * FROM dovtab_plan")) == []
    assert posts(fleet) == []
    db.execute(INSERT + "VALUES (1, 'enable_ipv6', NULL)")
    assert len(posts(fleet)) == 1
