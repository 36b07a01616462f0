"""Random scripts that act, against ordinary tables that hold what should be sent.

Inside the INSERTs run queries of all kinds: FTS5, R-Tree, pragmas, table functions,
functions that query, leave cursors half read, fail, or interrupt. What was sent, what
dovtab_posts has, what the log has and what the account has must be the same.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import apsw.ext
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dovtab
from dovtab.api.settings import resolve
from dovtab.hosts.apsw.connection import attach
from dovtab.resources import ACTION_TYPES
from dovtab.simulator import ManualClock, Rules, Simulator
from shared_clock import SharedClock

TABLES = {"droplet_actions": "simulator", "prod": "prod"}
DROPLETS = range(1, 10)
ORDINARY = """
    CREATE TABLE own(n, word);
    CREATE TEMP TABLE noted(n);
    CREATE TABLE watched(n, t);
    CREATE TRIGGER noting AFTER INSERT ON own BEGIN INSERT INTO watched VALUES (new.n, 'note'); END;
    CREATE VIRTUAL TABLE hosts USING fts5(name);
    INSERT INTO hosts(rowid, name) VALUES (1, 'web one'), (2, 'db'), (3, 'web two'), (5, 'web five');
    CREATE VIRTUAL TABLE boxes USING rtree(id, low, high);
    INSERT INTO boxes VALUES (2, 0, 1), (4, 1, 2), (6, 5, 9);
"""


# What is refused: a trigger that acts.
ACTING = """
    CREATE TEMP TRIGGER acting AFTER INSERT ON main.own WHEN new.word = 'act'
    BEGIN INSERT INTO droplet_actions(droplet_id, type) VALUES (new.n, 'snapshot'); END
"""


class Half:
    """One of the two connections, with the functions that scripts use."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db
        self.cursors: list[apsw.Cursor] = []
        self.interrupted = False
        self.error = ""
        db.execute(ORDINARY)
        functions: dict[str, Callable[[int], int]] = {
            "did": self.queries,
            "half": self.leaves_half_read,
            "broken": lambda n: n + 0 // (n - 5),
            "stop": self.interrupts,
            "writes": self.writes,
        }
        for name, function in functions.items():
            db.create_scalar_function(name, function, 1)
        apsw.ext.make_virtual_module(db, "numbers", self.numbers)

    def queries(self, n: int) -> int:
        return n + 0 * len(
            list(self.db.execute("SELECT name FROM hosts WHERE hosts MATCH 'web'"))
        )

    def leaves_half_read(self, n: int) -> int:
        cursor = self.db.cursor()
        next(cursor.execute("SELECT rowid FROM hosts"))
        self.cursors.append(cursor)
        return n

    def interrupts(self, n: int) -> int:
        if n == 5:
            self.interrupted = True
            self.db.interrupt()
        return n

    def writes(self, n: int) -> int:
        self.db.execute("INSERT INTO temp.noted VALUES (?)", (n,))
        return n

    def numbers(self, start: int = 1, stop: int = 3) -> Iterator[dict[str, int]]:
        for n in range(start, stop + 1):
            list(self.db.execute("SELECT count(*) FROM boxes"))
            yield {"value": n}

    numbers.columns = ("value",)
    numbers.column_access = apsw.ext.VTColumnAccess.By_Name

    def run(self, sql: str) -> bool:
        self.interrupted = False
        try:
            list(self.db.execute(sql))
        except (apsw.Error, dovtab.DovtabError, ZeroDivisionError) as error:
            self.error = str(error)
            return False
        finally:
            if self.interrupted:
                # An interrupt lasts as long as anything is half read.
                self.close_cursors()
        return True

    def close_cursors(self) -> None:
        while self.cursors:
            self.cursors.pop().close(True)

    def close(self) -> None:
        self.close_cursors()
        self.db.close(True)


class Pair:
    """The same script on our tables and on ordinary ones."""

    def __init__(self, simulator: Simulator, log: Path) -> None:
        self.simulator = simulator
        self.seen = len(simulator.requests)
        db = apsw.Connection(":memory:")
        given = {
            "token": "simulator",
            "api_url": simulator.url,
            "max_actions": 0,
            "max_requests": 10_000,
            "max_wait_seconds": 86_400,
            "log": str(log),
        }
        attach(db, resolve(given, os.getenv), SharedClock(simulator.clock))
        db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
        self.ours = Half(db)
        db.execute(ACTING)
        self.model = Half(apsw.Connection(":memory:"))
        for name in TABLES:
            self.model.db.execute(
                f"CREATE TABLE {name}(droplet_id, type CHECK (type <> 'wrong'))"
            )
        self.tries = 0
        self.model.db.create_scalar_function("tries", self.note_a_try, 0)
        self.settled = dict.fromkeys(TABLES, 0)

    def run(self, sql: str) -> None:
        done = self.ours.run(sql)
        refused = self.is_refused(sql)
        if refused:
            assert not done, sql
        else:
            assert self.model_runs(sql) == done, (sql, self.ours.error)
        assert self.ours.db.in_transaction == self.model.db.in_transaction, sql
        if not self.model.db.in_transaction:
            self.settled = {name: self.count(name) for name in TABLES}

    def model_runs(self, sql: str) -> bool:
        """The same on the ordinary tables; an interrupt, also a late one, lets nothing be sent."""
        db = self.model.db
        if db.in_transaction or "stop(5)" not in sql:
            return self.model.run(sql)
        db.execute("SAVEPOINT whole")
        done = self.model.run(sql)
        if db.in_transaction:
            if self.model.interrupted:
                db.execute("ROLLBACK TO whole")
            db.execute("RELEASE whole")
        return done and not self.model.interrupted

    def is_refused(self, sql: str) -> bool:
        """What an ordinary table would take: two tables in one transaction, a trigger that acts."""
        if "'act'" in sql:
            return True
        target = "prod" if " INTO prod(" in sql else "droplet_actions"
        if f" INTO {target}(" not in sql:
            return False
        (other,) = TABLES.keys() - {target}
        return self.count(other) > self.settled[other] and self.inserts_a_row(sql, target)

    def inserts_a_row(self, sql: str, target: str) -> bool:
        """Whether it comes so far as to insert one."""
        before = self.count(target)
        db = self.model.db
        db.execute("SAVEPOINT probe")
        self.tries = 0
        db.execute(
            f"CREATE TEMP TRIGGER probe BEFORE INSERT ON main.{target} BEGIN SELECT tries(); END"
        )
        try:
            # Nothing is to be rolled back but the probe.
            self.model.run(sql.replace(" OR ROLLBACK", "").replace("stop(", "("))
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK TO probe; RELEASE probe")
        assert self.count(target) == before
        return self.tries > 0

    def note_a_try(self) -> None:
        self.tries += 1

    def count(self, table: str) -> int:
        return int(self.model.db.execute(f"SELECT count(*) FROM {table}").get)

    def check(self) -> None:
        """All that was asked for is sent, by the right account, and written down alike."""
        ours, log = (
            self.ours.db,
            "SELECT droplet_id, type, outcome, action_id, {} FROM dovtab_{}",
        )
        wanted = {
            (label, *row)
            for name, label in TABLES.items()
            for row in self.model.db.execute(
                f"SELECT rowid, droplet_id, type FROM {name} ORDER BY rowid"
            )
        }
        requests = [r for r in self.simulator.requests[self.seen :] if r.method == "POST"]
        sent = sorted(
            (r.authorized_as, int(r.path.split("/")[3]), r.json["type"]) for r in requests
        )
        assert sent == sorted((label, droplet, type) for label, _, droplet, type in wanted)
        # What was interrupted in time is told in dovtab_posts, and never was in the log.
        started = log.format("request_id", "posts") + " WHERE sent_at IS NOT NULL"
        posts = sorted(ours.execute(started))
        assert posts == sorted(ours.execute(log.format("request_id", "log")))
        actions = self.simulator.account.actions
        made = {
            id: (a.resource_id, a.type)
            for id, a in actions.items()
            if (self.simulator.account.started_by_request(id) or 0) > self.seen
        }
        assert {p[3]: p[:2] for p in posts} == made
        assert {outcome for _, _, outcome, _, _ in posts} <= {"sent"}

    def close(self) -> None:
        self.ours.close()
        self.model.close()


targets = st.integers(1, 9)
wrapped = st.builds(
    "{}({})".format,
    st.sampled_from(["", "", "did", "half", "broken", "stop", "writes"]),
    targets,
)
types = st.sampled_from(
    ["'snapshot'", "'snapshot'", "'snapshot'", "'password_reset'", "'wrong'"]
)
values = st.lists(st.builds("({}, {})".format, wrapped, types), min_size=1, max_size=4)
sources = st.one_of(
    values.map(lambda rows: f"VALUES {', '.join(rows)}"),
    values.map(lambda rows: f"SELECT * FROM (VALUES {', '.join(rows)})"),
    st.builds("SELECT rowid, {} FROM hosts WHERE hosts MATCH 'web'".format, types),
    st.builds(
        "SELECT did(rowid), 'snapshot' FROM hosts WHERE hosts MATCH {}".format,
        st.sampled_from(["'web'", "'db'"]),
    ),
    st.builds("SELECT id, {} FROM boxes WHERE low <= {}".format, types, st.integers(0, 5)),
    st.builds("SELECT cid + 1, {} FROM pragma_table_info('own')".format, types),
    st.builds(
        "SELECT {}(value), 'snapshot' FROM numbers(1, {})".format,
        st.sampled_from(["", "half", "broken"]),
        st.integers(0, 6),
    ),
    st.builds("SELECT half(value), {} FROM json_each('[4, 5, 6]')".format, types),
    st.builds("SELECT n, 'snapshot' FROM own WHERE n < {}".format, targets),
    st.builds("SELECT h.rowid, {} FROM hosts h JOIN boxes b ON b.id > h.rowid".format, types),
)
inserts = st.builds(
    "INSERT{} INTO {}(droplet_id, type) {}".format,
    st.sampled_from(["", "", "", " OR IGNORE", " OR FAIL", " OR ABORT", " OR ROLLBACK"]),
    st.sampled_from(["droplet_actions", "droplet_actions", "prod"]),
    sources,
)
others = st.one_of(
    st.builds("INSERT INTO own VALUES ({}, 'x'), (3, 'y')".format, wrapped),
    st.builds("INSERT INTO own VALUES ({}, 'act')".format, targets),
    st.sampled_from(
        ["DELETE FROM own", "UPDATE own SET n = broken(n)", "SELECT count(*) FROM hosts"]
    ),
)
names = st.sampled_from(["a", "b"])
control = st.one_of(
    st.sampled_from(["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"]),
    names.map("SAVEPOINT {}".format),
    names.map("ROLLBACK TO {}".format),
    names.map("RELEASE {}".format),
)
kinds = st.sampled_from([inserts, inserts, inserts, inserts, others, control])
steps = kinds.flatmap(lambda kind: kind)


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator runs on."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Actions are done at once, and may be done again."""
    rules = Rules(
        durations=dict.fromkeys(ACTION_TYPES, 0.0), hour_limit=None, minute_limit=None
    )
    with Simulator(clock=ManualClock(), rules=rules) as running:
        running.account.add_token("token-of-prod", label="prod")
        for id in DROPLETS:
            running.account.add_droplet(droplet_id=id)
        # One HTTP client of each account for all scripts, or the ports run out.
        keepers = [
            dovtab.connect(token=token, api_url=running.url)
            for token in ("simulator", "token-of-prod")
        ]
        for keeper in keepers:
            assert keeper.execute("SELECT count(*) FROM droplet_actions(1)").get == 0
        yield running
        for keeper in keepers:
            keeper.close()


scripts = st.lists(steps, min_size=2, max_size=12)


@given(script=scripts | scripts.map(lambda script: ["BEGIN", *script]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_sent_is_what_ordinary_tables_hold(
    simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: list[Any],
) -> None:
    contexts = tmp_path / "config.yaml"
    contexts.write_text("auth-contexts:\n  prod: token-of-prod\n", encoding="utf-8")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(contexts))
    # In memory, if there is such a place: thousands of bookings wait for the disk elsewhere.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else tmp_path))
    pair = Pair(simulator, folder / "actions.db")
    try:
        for sql in script:
            pair.run(sql)
            if not pair.model.db.in_transaction:
                pair.check()
        pair.run("COMMIT")
        pair.check()
    finally:
        pair.close()
        shutil.rmtree(folder)
