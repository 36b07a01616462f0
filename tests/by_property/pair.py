"""The same script on our tables and on ordinary ones, which hold what should be sent.

What was sent, what dovtab_posts has, what the log has and what the account has must be the
same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from by_property.scripts import DROPLETS
from dovtab.resources import ACTION_TYPES
from dovtab.simulator import ManualClock, Rules, Simulator
from dovtab.simulator.clock import Clock

TABLES = {"droplet_actions": "simulator", "prod": "prod"}
# Of each label that it has in the account.
TOKENS = {"simulator": "simulator", "prod": "token-of-prod"}
CONTEXTS = f"auth-contexts:\n  prod: {TOKENS['prod']}\n"

PROD = "CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)"
# What is refused: a trigger that acts.
ACTING = """
    CREATE TEMP TRIGGER acting AFTER INSERT ON main.own WHEN new.word = 'act'
    BEGIN INSERT INTO droplet_actions(droplet_id, type) VALUES (new.n, 'snapshot'); END
"""


class Side(Protocol):
    """One of the two connections: `by_property.half.Half`, here or elsewhere."""

    error: str
    interrupted: bool
    tries: int

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement to its end."""

    def run(self, sql: str) -> bool:
        """Run one statement of a script; whether it went well."""

    def close(self) -> None:
        """Close all of it."""


@contextmanager
def account(clock: Clock | None = None) -> Iterator[Simulator]:
    """One where actions are done at once, and may be done again."""
    rules = Rules(
        durations=dict.fromkeys(ACTION_TYPES, 0.0), hour_limit=None, minute_limit=None
    )
    with Simulator(clock=clock or ManualClock(), rules=rules) as running:
        running.account.add_token(TOKENS["prod"], label="prod")
        for id in DROPLETS:
            running.account.add_droplet(droplet_id=id)
        yield running


class Pair:
    """Two connections.

    Args:
        ours: with our tables.
        model: it gets ordinary tables of the same names.
        sees_at_once: whether an interrupt is seen at the row that it comes with. SQLite
            looks between rows, and not at the last; what it interrupts in a transaction
            it rolls back whole.
    """

    def __init__(
        self, simulator: Simulator, ours: Side, model: Side, *, sees_at_once: bool = False
    ) -> None:
        self.ours = ours
        self.model = model
        self._simulator = simulator
        self._sees_at_once = sees_at_once
        self._seen = len(simulator.requests)
        self._settled = dict.fromkeys(TABLES, 0)
        ours.rows(PROD)
        ours.rows(ACTING)
        for name in TABLES:
            model.rows(
                f"CREATE TABLE {name}(droplet_id, type CHECK (tries() AND type <> 'wrong'))"
            )

    def play(self, script: Sequence[str]) -> None:
        """Run a script, COMMIT what it leaves open, and check all that came of it."""
        for sql in script:
            self.run(sql)
            if not self.model.in_transaction:
                self.check()
        self.run("COMMIT")
        self.check()

    def run(self, sql: str) -> None:
        """Run one statement on both."""
        done = self.ours.run(sql)
        if self.is_refused(sql):
            assert not done, sql
            if self._sees_at_once and "stop(5)" in sql and "interrupted" in self.ours.error:
                self.model_rolls_back()
        else:
            assert self.model_runs(sql) == done, (sql, self.ours.error)
        assert self.ours.in_transaction == self.model.in_transaction, sql
        if not self.model.in_transaction:
            self._settled = {name: self.count(name) for name in TABLES}

    def model_runs(self, sql: str) -> bool:
        """The same on the ordinary tables; an interrupt, also a late one, lets nothing be sent."""
        model = self.model
        if model.in_transaction or "stop(5)" not in sql:
            done = model.run(sql)
            if self._sees_at_once and model.interrupted and " INTO own " not in sql:
                self.model_rolls_back()
                return False
            return done
        model.rows("SAVEPOINT whole")
        done = model.run(sql)
        interrupted = model.interrupted
        if model.in_transaction:
            if interrupted:
                model.rows("ROLLBACK TO whole")
            model.rows("RELEASE whole")
        return done and not interrupted

    def model_rolls_back(self) -> None:
        """Undo the transaction, if one is open."""
        if self.model.in_transaction:
            self.model.rows("ROLLBACK")

    def is_refused(self, sql: str) -> bool:
        """What an ordinary table would take: two tables in one transaction, a trigger that acts."""
        if "'act'" in sql:
            return True
        target = "prod" if " INTO prod(" in sql else "droplet_actions"
        if f" INTO {target}(" not in sql:
            return False
        (other,) = TABLES.keys() - {target}
        return self.count(other) > self._settled[other] and self.inserts_a_row(sql, target)

    def inserts_a_row(self, sql: str, target: str) -> bool:
        """Whether it comes so far as to insert one."""
        before, model = self.count(target), self.model
        model.rows("SAVEPOINT probe")
        # No trigger counts them: for one, SQLite would first make all of the rows.
        tries = model.tries
        try:
            # Nothing is to be rolled back but the probe.
            model.run(sql.replace(" OR ROLLBACK", "").replace("stop(", "("))
            tries = model.tries - tries
        finally:
            if model.in_transaction:
                model.rows("ROLLBACK TO probe")
                model.rows("RELEASE probe")
        assert self.count(target) == before
        return tries > 0

    def count(self, table: str) -> int:
        """How many rows the model has."""
        ((count,),) = self.model.rows(f"SELECT count(*) FROM {table}")
        return int(count)

    def check(self) -> None:
        """All that was asked for is sent, by the right account, and written down alike."""
        ours, log = (
            self.ours,
            "SELECT droplet_id, type, outcome, action_id, {} FROM dovtab_{}",
        )
        wanted = {
            (label, *row)
            for name, label in TABLES.items()
            for row in self.model.rows(
                f"SELECT rowid, droplet_id, type FROM {name} ORDER BY rowid"
            )
        }
        requests = [r for r in self._simulator.requests[self._seen :] if r.method == "POST"]
        sent = sorted(
            (r.authorized_as, int(r.path.split("/")[3]), r.json["type"]) for r in requests
        )
        assert sent == sorted((label, droplet, type) for label, _, droplet, type in wanted)
        # What was interrupted in time is told in dovtab_posts, and never was in the log.
        started = log.format("request_id", "posts") + " WHERE sent_at IS NOT NULL"
        posts = sorted(ours.rows(started))
        assert posts == sorted(ours.rows(log.format("request_id", "log")))
        account = self._simulator.account
        made = {
            id: (a.resource_id, a.type)
            for id, a in account.actions.items()
            if (account.started_by_request(id) or 0) > self._seen
        }
        assert {p[3]: p[:2] for p in posts} == made
        assert {outcome for _, _, outcome, _, _ in posts} <= {"sent"}

    def close(self) -> None:
        """Close both."""
        self.ours.close()
        self.model.close()
