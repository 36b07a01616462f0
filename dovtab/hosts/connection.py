"""Everything dovtab adds to a connection of apsw.

What stands behind it is imported and made when the first table or function is
used, so that a shell that is asked for something else starts at once.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from functools import cache, cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, cast

import apsw

from dovtab.api.settings import Settings
from dovtab.errors import DovtabError
from dovtab.hosts.functions import create_functions
from dovtab.hosts.own_tables import OwnTables
from dovtab.hosts.statements import Statements
from dovtab.resources import RESOURCES, Resource

if TYPE_CHECKING:
    from dovtab.api.clock import Clock
    from dovtab.engine.account import Account
    from dovtab.engine.waits import Waits
    from dovtab.hosts.progress import Progress
    from dovtab.hosts.second_run import SecondRun

JOURNAL, POSTS = "dovtab_requests", "dovtab_posts"


class Connection(apsw.Connection):
    """apsw's, but for one thing: what a COMMIT raises gets out of ``with connection:``.

    apsw rolls back what is rolled back already, and raises what that says.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            return super().__exit__(kind, error, trace)
        except apsw.Error as other:
            ours = other.__context__
            if ours is error or not isinstance(ours, DovtabError):
                raise
        raise ours


def attach(
    connection: apsw.Connection,
    settings: Settings,
    clock: Clock | None = None,
    progress: Progress | None = None,
    acted: Callable[[Counter[str]], None] | None = None,
) -> None:
    """Register the tables and functions.

    Args:
        progress: shows how far a statement is.
        acted: called after statements that started actions, with how many of
            them had which outcome.

    Nothing registered refers to the connection: it would keep itself alive
    through apsw's own references, where the collector cannot see the circle.
    """
    if not isinstance(connection, apsw.Connection):
        kind = f"{type(connection).__module__}.{type(connection).__name__}"
        raise TypeError(f"dovtab needs an apsw.Connection, not a {kind}")
    behind = _Behind(connection, settings, clock, progress, acted)
    for resource in RESOURCES:
        _create_module(connection, resource.name, behind.table(resource), writable=True)
        create_functions(
            connection,
            resource,
            lambda: behind.account,
            behind.waits(resource),
            behind.statements.calling,
        )
    _create_module(connection, JOURNAL, behind.record(JOURNAL), writable=False)
    _create_module(connection, POSTS, behind.record(POSTS), writable=False)


class _Behind:
    """What the tables and functions of a connection share."""

    def __init__(
        self,
        connection: apsw.Connection,
        settings: Settings,
        clock: Clock | None,
        progress: Progress | None,
        acted: Callable[[Counter[str]], None] | None,
    ) -> None:
        self._connection = weakref.ref(connection)
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._acted = acted
        self.statements = Statements(connection, self._ended)
        self.own_tables = OwnTables()

    @cached_property
    def account(self) -> Account:
        from dovtab.engine.account import Account

        rested = self._progress.clear if self._progress else lambda: None
        return Account(self._settings, self._is_interrupted, self._clock, rested)

    @cached_property
    def _look_ahead(self) -> SecondRun | None:
        from dovtab.hosts.second_run import SecondRun

        if not self._settings.look_ahead:
            return None
        return SecondRun(self._connection, self.statements, self.own_tables)

    def table(self, resource: Resource) -> _Later:
        def make() -> _Connects:
            from dovtab.hosts.apsw_module import Module

            return Module(
                resource, self.account, self.statements, self.own_tables, self._look_ahead
            )

        return _Later(make)

    def waits(self, resource: Resource) -> Callable[[], Waits]:
        @cache
        def make() -> Waits:
            from dovtab.engine.waits import Waits

            return Waits(resource, self.account)

        return make

    def record(self, name: str) -> _Later:
        def make() -> _Connects:
            from dovtab.engine.journal import REQUEST_COLUMNS
            from dovtab.engine.posts import POST_COLUMNS
            from dovtab.hosts.record_module import RecordModule

            if name == POSTS:
                return RecordModule(name, POST_COLUMNS, self.account.posts.rows)
            return RecordModule(name, REQUEST_COLUMNS, self.account.journal.requests)

        return _Later(make)

    def _ended(self) -> None:
        if self._progress is not None:
            self._progress.end()
        # No account was used, and so made, by a statement that asks for nothing.
        if self._acted is not None and "account" in self.__dict__:
            news = self.account.posts.news()
            if news:
                self._acted(news)

    def _is_interrupted(self) -> bool:
        if self._progress is not None:
            self._progress.show(self.statements.current, self.account.quota_seconds)
        connection = self._connection()
        return connection is not None and connection.is_interrupted


class _Connects(Protocol):
    """As much of a module as is used here."""

    @property
    def Connect(self) -> Callable[..., object]: ...


class _Later:
    """A module that is made when it is first connected to."""

    def __init__(self, make: Callable[[], _Connects]) -> None:
        self._make = make

    @cached_property
    def _module(self) -> _Connects:
        return self._make()

    def Connect(self, *arguments: object) -> object:
        return self._module.Connect(*arguments)

    Create = Connect


def _create_module(
    connection: apsw.Connection, name: str, module: _Later, *, writable: bool
) -> None:
    connection.create_module(
        name,
        # apsw's protocols list every optional member as if it were required.
        cast("apsw.VTModule", module),
        use_bestindex_object=True,
        iVersion=2,  # SQLite tells of savepoints.
        eponymous=writable,
        eponymous_only=not writable,
        read_only=not writable,
    )
