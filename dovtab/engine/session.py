"""All that a door may ask of the engine, and all that the engine asks of a door.

A door is a way in from a program that speaks SQLite. It registers what the
manifest lists, tells which statements begin and end, and passes on what SQLite
calls: xConnect, xBestIndex, xFilter, xUpdate, the transaction's events, functions.
It translates values and error codes. It decides nothing: who may act, which
account a table may name, whose statement is calling, what is asked of the API, is
decided behind this seam, once.

What takes long to import is imported when the first table or function is used, so
that a program that is asked for something else starts at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dovtab.api.clock import Clock, SystemClock
from dovtab.api.settings import Settings
from dovtab.engine.context_named import context_named
from dovtab.engine.manifest import RECORDS, Function, Manifest, manifest, over_all
from dovtab.engine.statement import Statement
from dovtab.engine.statements import Statements
from dovtab.errors import ArgumentError
from dovtab.resources import TABLES, Table

if TYPE_CHECKING:
    from dovtab.engine.account import Account
    from dovtab.engine.acting.posts import Post
    from dovtab.engine.acting.wait import Waits
    from dovtab.engine.all_accounts import AllAccounts
    from dovtab.engine.quota_waits import ToldWaits
    from dovtab.engine.reading.values import SqlValue
    from dovtab.engine.table import RecordTable, VirtualTable


class Host(Protocol):
    """A door, as the engine sees it."""

    def is_interrupted(self) -> bool:
        """Whether what is running should stop; asked again and again while it waits."""

    def total_changes(self) -> int | None:
        """sqlite3_total_changes.

        None: the connection is gone, or the door passes on every xRollbackTo, so that
        nobody has to ask.
        """

    def run_ahead(self, copy: Statement) -> str:
        """Run the text of this speculative copy beside its statement, unless it could be noticed.

        It has begun with this object and no other, so that our tables know it. A
        door that cannot do that does nothing; whatever goes wrong is forgotten. Gives
        why it could not be run; "": it could.
        """


class Observer(Protocol):
    """Somebody who shows people what is going on."""

    def waiting(self, statement: Statement, quota_seconds: float) -> None:
        """A statement waits; ``quota_seconds`` of it for the rate limit, or 0."""

    def held_up(self, told: str) -> None:
        """A statement waits for the rate limit, and for long; said once of each."""

    def wait_over(self) -> None:
        """And now it does not."""

    @property
    def asks(self) -> bool:
        """Whether there is somebody who can be asked."""

    def confirm(self, question: str) -> bool:
        """Ask him; whether he has said yes."""

    def ended(self, outcomes: Counter[str]) -> None:
        """No statement runs any more; so many actions have had these outcomes since."""


class Session:
    """One connection of a program to the engine.

    Args:
        clock: the machine's, or one that is turned by hand.
        tables: what there is.

    Attributes:
        statements: told by the door what begins and ends.
    """

    def __init__(
        self,
        settings: Settings,
        host: Host,
        clock: Clock | None = None,
        observer: Observer | None = None,
        tables: Sequence[Table] = TABLES,
    ) -> None:
        self.statements = Statements(self._all_ended)
        self._settings = settings
        self._host = host
        self._clock = clock
        self._observer = observer
        self._tables = {table.name: table for table in tables}
        self._contexts: dict[str, Account] = {}
        self._waits: dict[tuple[str, str | None], Waits] = {}

    @cached_property
    def manifest(self) -> Manifest:
        """What the door has to register."""
        tables = tuple(self._tables.values())
        return manifest(tables, all_contexts=self._settings.all_contexts)

    @cached_property
    def account(self) -> Account:
        """The connection's own."""
        from dovtab.engine.account import Account

        observer = self._observer
        wait_over = observer.wait_over if observer else lambda: None
        account = Account(self._settings, self._is_interrupted, self._clock, wait_over)
        account.confirm = observer.confirm if observer and observer.asks else None
        return account

    @cached_property
    def _told_waits(self) -> ToldWaits:
        from dovtab.engine.quota_waits import ToldWaits

        return ToldWaits(self._observer.held_up) if self._observer else ToldWaits()

    @property
    def queued(self) -> int:
        """How many actions the open transaction has asked for."""
        return len(self._queued())

    @property
    def log(self) -> Path | None:
        """The file of the log of actions, if there is one."""
        return None if self._settings.log is None else Path(self._settings.log).expanduser()

    def unfinished(self) -> str | None:
        """What to tell of actions whose process is gone and left no outcome; once."""
        if self._settings.log is None:
            return None
        from dovtab.engine.acting.unfinished import tell_once

        return tell_once(self._settings.log, (self._clock or SystemClock()).time())

    def connect(
        self, module: str, database: str, table: str, arguments: Sequence[SqlValue]
    ) -> VirtualTable | AllAccounts | RecordTable:
        """xConnect and xCreate.

        Args:
            database, table: what the user calls it.
            arguments: what CREATE VIRTUAL TABLE has in brackets.

        Raises:
            SettingsError: the arguments are not allowed, or not there.
        """
        from dovtab.engine.acting.transaction import Transaction
        from dovtab.engine.records import record_table
        from dovtab.engine.table import VirtualTable

        if module in RECORDS:
            tables, contexts = tuple(self._tables.values()), self._contexts
            return record_table(
                module,
                tables,
                self.account,
                self._queued,
                contexts.values,
                lambda: self.manifest.modules,
            )
        run_ahead = self._host.run_ahead if self._settings.look_ahead else None
        if module not in self._tables:
            return self._all_accounts(module, run_ahead)
        resource = self._tables[module]
        account = self._account(context_named(module, database, arguments))
        transaction = None
        if resource.acts is not None:
            transaction = Transaction(
                resource,
                resource.acts,
                account,
                self.statements,
                self._host.total_changes,
                name=table,
                is_users=database == "temp" or table.lower() == resource.name,
            )
        return VirtualTable(resource, account, self.statements, run_ahead, transaction, table)

    def _all_accounts(
        self, module: str, run_ahead: Callable[[Statement], str] | None
    ) -> AllAccounts:
        from dovtab.api.contexts import all_contexts
        from dovtab.engine.all_accounts import AllAccounts, only_read
        from dovtab.engine.table import VirtualTable

        found = next(t for t in self._tables.values() if over_all(t) == module)
        table, settings = only_read(found), self._settings

        def of(context: str | None) -> VirtualTable:
            return VirtualTable(
                table, self._account(context), self.statements, run_ahead, None, module
            )

        def contexts() -> list[str]:
            return all_contexts(settings.getenv, settings.variables)

        return AllAccounts(module, table, of, contexts)

    def call(self, function: Function, arguments: Sequence[SqlValue]) -> SqlValue:
        """A function of the manifest.

        Raises:
            ArgumentError: the arguments are not what it takes.
            DovtabError: see `dovtab.engine.acting.act`.
        """
        from dovtab.engine.acting import act

        # SQLite's own message for a wrong count does not say what is right.
        least, most = function.arguments
        if not least <= len(arguments) <= most:
            raise ArgumentError(f"it is called as {function.usage}")
        table, verb = function.of
        acts = table.acts
        assert acts is not None
        if verb in ("wait", "outcome"):
            statement = self.statements.current

            def waits(parent: int, action_id: int) -> Waits:
                context = self.account.posts.context(table, parent, action_id)
                return self._waits_for(table, context)

            wait = act.wait if verb == "wait" else act.outcome
            return wait(table, self.account, statement, waits, *arguments)
        if verb == "reconcile":
            return act.reconcile(table, [self.account, *self._contexts.values()])
        statement = self.statements.calling(f"{table.name}_post")
        if verb == "post":
            return act.post(table, acts, self.account, statement, *arguments)
        assert acts.by_tag is not None
        return act.post_by_tag(table, acts, acts.by_tag, self.account, statement, *arguments)

    def _queued(self) -> Sequence[Post]:
        inserts = self.statements.inserts
        return inserts.posts if inserts is not None else ()

    def _account(self, context: str | None) -> Account:
        if context is None:
            return self.account
        context = context.lower()
        if context not in self._contexts:
            self._contexts[context] = self.account.in_context(context)
        return self._contexts[context]

    def _waits_for(self, table: Table, context: str | None) -> Waits:
        """What is waited for in the account that started an action; ours, if nobody here did."""
        from dovtab.engine.acting.wait import Waits

        key = table.name, context
        if key not in self._waits:
            self._waits[key] = Waits(table, self._account(context))
        return self._waits[key]

    def _all_ended(self) -> None:
        # No account was used, and so made, by a statement that asks for nothing.
        used = "account" in self.__dict__
        if used:
            self._told_waits.forget()
        if self._observer is not None:
            self._observer.ended(self.account.posts.unreported() if used else Counter())

    def _is_interrupted(self) -> bool:
        waits = [a.waits for a in (self.account, *self._contexts.values())]
        seconds = self._told_waits.look(waits, lambda: self.statements.current)
        if self._observer is not None:
            self._observer.waiting(self.statements.current, seconds)
        return self._host.is_interrupted()
