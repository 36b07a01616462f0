"""Reading what a history lacks: the pages that a survey asks for, and what had not ended.

The one rule: a row is handed on as soon as it has come, once it is known whose it is; so
whatever ends the reading, what was read is not read again. Pages are read as a query
reads them, with the same quota, patience and record, but never from the cache.

Source: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Actions
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from dovtab.api.exchange import Request
from dovtab.api.pages import PER_PAGE_MAX, Page
from dovtab.engine.account import Account
from dovtab.engine.history.gone import GoneSearch
from dovtab.engine.history.survey import Survey, pages_of
from dovtab.engine.reading.fetch import Fetch
from dovtab.engine.reading.held import Held
from dovtab.engine.reading.pager import page_request, read_list
from dovtab.engine.statement import Statement
from dovtab.errors import SettingsError, TooManyRequestsError
from dovtab.resources import Row, Table


@dataclass(frozen=True, slots=True)
class Known:
    """What a history has of an account.

    Attributes:
        listed: the ids that were in the account's list, those of other resources too.
        open: of them, the actions that had not ended.
        latest: of them, some actions that came last, with the values that never change.
        source: where they came from: the URL, and the token's fingerprint.
    """

    listed: frozenset[int] = frozenset()
    open: frozenset[int] = frozenset()
    latest: Mapping[int, Row] = field(default_factory=dict)
    source: str | None = None


class Reading:
    """One run over an account's list.

    Args:
        statement: on whose behalf its requests are made.
        name: what the history calls the account.
        keep: takes rows that are new or may have changed.
        full: read all again.

    Attributes:
        survey: how far it is.
    """

    def __init__(
        self,
        table: Table,
        account: Account,
        statement: Statement,
        name: str,
        known: Known,
        keep: Callable[[list[Row]], None],
        *,
        full: bool = False,
    ) -> None:
        assert table.reads.account_list is not None
        self.survey = Survey(known.listed, full=full)
        self.name = name
        self._statement = statement
        self._statement.progress = self._progress
        self._table = table
        self._account = account
        self._known = known
        self._keep = keep
        self._full = full
        self._is_checked = False
        self._asked_again: set[int] = set()
        self._fetch = Fetch(table, account)
        self._list = Request(table.reads.account_list)

    @property
    def source(self) -> str:
        """Where it reads."""
        shared = self._account.shared()
        return f"{shared.client.api_url} {shared.client.token.fingerprint()}"

    def run(self) -> None:
        """Read until nothing is missing, and what was in progress has been asked for again.

        Raises:
            SettingsError: it is not the account that the history has under this name.
            TooManyRequestsError: it would take more than ``max_requests``.
            DovtabError: whatever keeps an answer away, or makes the list not whole.
        """
        try:
            self._read_list()
            self._ask_again()
        except TooManyRequestsError:
            allowed = self._account.settings.max_requests
            raise TooManyRequestsError(
                f"it takes more than max_requests={allowed} (DOVTAB_MAX_REQUESTS, --max-requests)"
            ) from None
        finally:
            self._statement.end()

    def _read_list(self) -> None:
        survey = self.survey
        self._read_what_lacks()
        if survey.has_gone:
            self._look_for_gone()
            self._read_what_lacks()
        if survey.is_whole:
            return
        # The answers do not fit together: whole, from its beginning, or an error.
        ((_, first),) = self._get([page_request(self._list, 1, PER_PAGE_MAX)])
        assert first is not None
        for _, rows in read_list(self._list, self._get, first):
            survey.read_again(rows)
            self._take(rows)
        survey.ended()

    def _read_what_lacks(self) -> None:
        while numbers := self.survey.next_pages():
            self._read_pages(numbers)

    def _look_for_gone(self) -> None:
        survey = self.survey
        search = GoneSearch(survey.listed, survey.total)
        while (number := search.next_page) is not None:
            ((_, page),) = self._get([page_request(self._list, number, PER_PAGE_MAX)])
            assert page is not None
            search.take(number, page)
        survey.forget(search.found)
        if search.gave_up:
            survey.distrust()

    def _read_pages(self, numbers: range) -> None:
        asked = (page_request(self._list, number, PER_PAGE_MAX) for number in numbers)
        with closing(self._get(asked, count=len(numbers))) as pages:
            for number, (_, page) in zip(numbers, pages, strict=False):
                assert page is not None
                self.survey.take(number, page)
                if not self._is_checked:
                    self._check_whose(page.rows)
                    self._is_checked = True
                self._take(page.rows)
                if self.survey.is_whole or self.survey.has_gone:
                    return

    def _ask_again(self) -> None:
        """What had not ended and was on no page of this run."""
        listed = self._known.listed | self.survey.found
        numbers = pages_of(self._left_open(), listed)
        for _, page in self._get(page_request(self._list, n, PER_PAGE_MAX) for n in numbers):
            assert page is not None
            self._asked_again.update(id for id, *_ in page.rows if isinstance(id, int))
            self._take(page.rows)
        for _, one in self._get(map(self._one, sorted(self._left_open()))):
            # One that is not found is listed all the same: it is asked for next time.
            if one is not None:
                self._take(one.rows)

    def _left_open(self) -> set[int]:
        survey = self.survey
        return set(self._known.open - survey.found - survey.gone - self._asked_again)

    def _check_whose(self, rows: list[Row]) -> None:
        """Another token may be a new one of the same account; of another it must not be.

        What it has must be there too, and be the same. DigitalOcean gives an id once, but
        simulators number alike. Their times do not count: each demonstration has its own.
        """
        known = self._known
        if not known.listed or known.source == self.source:
            return
        rows = [row for row in rows if row[0] in (known.latest or known.listed)]
        if not rows:
            ((_, page),) = self._get([self._one(max(known.latest or known.listed))])
            rows = page.rows if page else []
        if not rows or (known.latest and any(self._differs(row) for row in rows)):
            raise SettingsError(
                f"these are not the actions of the account that this file has as"
                f" '{self.name}': give this one another name (--context NAME, account=), or"
                " another file"
            )

    def _differs(self, row: Row) -> bool:
        its = tuple(row[self._table.places[name]] for name in self._table.reads.constant)
        return its != self._known.latest[int(row[0] or 0)]

    def _one(self, id: int) -> Request:
        assert self._table.reads.account_get is not None
        return Request(self._table.reads.account_get, {self._table.reads.item[0]: id})

    def _get(
        self, requests: Iterable[Request], *, count: int = 0, fresh: bool = True
    ) -> Generator[tuple[Request, Page[Row] | None], None, None]:
        for answer in self._fetch.each(requests, self._statement, count=count, fresh=True):
            # Nothing of it is read a second time.
            self._statement.held = Held()
            yield answer

    def _take(self, rows: list[Row]) -> None:
        known = self._known
        self._keep(
            [r for r in rows if self._full or r[0] not in known.listed or r[0] in known.open]
        )

    def _progress(self) -> str:
        survey = self.survey
        return f"actions: {survey.seen:,} of {max(survey.total, survey.seen):,}"
