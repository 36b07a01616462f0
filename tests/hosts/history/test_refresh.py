"""A history has what a full read gives, and asks for little to have it."""

from __future__ import annotations

import os
import random
import threading
from typing import TYPE_CHECKING

import apsw
import pytest

import dovtab
from dovtab.api.settings import resolve
from dovtab.engine.journal import rfc3339
from dovtab.engine.reading import held
from dovtab.engine.statement import Statement
from dovtab.hosts import history
from dovtab.hosts.command import main
from dovtab.simulator import Fault, ManualClock, Rules, Simulator
from shared_clock import SharedClock

if TYPE_CHECKING:
    from conftest import History

DROPLET = 3164444


def fill(simulator: Simulator, count: int, foreign: int = 0) -> None:
    """So many actions, some of them an image's."""
    for n in range(count):
        simulator.account.add_action(DROPLET + n % 7)
        if foreign and n % (count // foreign) == 0:
            simulator.account.add_foreign_action("image", 7)


def page(number: int) -> str:
    return f"/v2/actions?page={number}&per_page=200"


def test_the_first_run_reads_everything(kept: History) -> None:
    fill(kept.simulator, 995, foreign=5)
    done = kept.refresh()
    assert (done.new, done.ended, done.rows, done.gone, done.requests) == (995, 0, 995, 0, 5)
    assert str(done) == "995 new, 0 ended, 995 in all, 5 requests"
    assert kept.rows() == kept.truth()
    assert kept.is_whole
    (others,) = kept.query("SELECT count(*) FROM dovtab_other_actions WHERE what = 'other'")
    assert others == (5,)


def test_an_action_of_nobody_knows_what_is_counted_and_is_no_row(kept: History) -> None:
    fill(kept.simulator, 3)
    kept.simulator.account.add_foreign_action(None)  # type: ignore[arg-type]
    assert kept.refresh().rows == 3
    assert kept.is_whole
    assert kept.requests(kept.refresh) == [page(1)]
    assert kept.query("SELECT what FROM dovtab_other_actions") == [("other",)]


def test_the_columns_are_those_of_the_table(kept: History, db: apsw.Connection) -> None:
    fill(kept.simulator, 3)
    kept.refresh()
    columns = kept.query("SELECT name, type FROM pragma_table_info('droplet_actions_history')")
    assert columns[0] == ("account", "TEXT")
    assert columns[1:] == list(
        db.execute("SELECT name, type FROM pragma_table_info('droplet_actions')")
    )
    (region,) = kept.query("SELECT DISTINCT region ->> 'slug' FROM droplet_actions_history")
    assert region == ("nyc3",)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 20_000])
def test_a_run_that_finds_nothing_new_takes_one_request(kept: History, count: int) -> None:
    fill(kept.simulator, count, foreign=min(count, 3))
    kept.refresh()
    assert kept.requests(kept.refresh) == [page(1)]
    assert kept.rows() == kept.truth()


def test_the_time_up_to_which_it_is_whole_is_when_a_run_began(
    kept: History, clock: ManualClock
) -> None:
    """What began while it was read may not be there."""
    fill(kept.simulator, 450)
    began = rfc3339(clock.time())
    kept.simulator.before_page(lambda number: clock.advance(100))
    kept.refresh()
    assert kept.query("SELECT refreshed_at FROM dovtab_history") == [(began,)]
    fill(kept.simulator, 450)
    with pytest.raises(dovtab.TooManyRequestsError):
        kept.refresh(max_requests=2)
    assert kept.query("SELECT refreshed_at, is_whole FROM dovtab_history") == [(began, 0)]


def test_thirty_new_ones_take_one_request(kept: History) -> None:
    fill(kept.simulator, 1000)
    kept.refresh()
    fill(kept.simulator, 30)
    done = kept.refresh()
    assert (done.new, done.rows, done.requests) == (30, 1030, 1)
    assert kept.rows() == kept.truth()


def test_many_new_ones_take_their_pages_and_no_more(kept: History) -> None:
    fill(kept.simulator, 1000)
    kept.refresh()
    fill(kept.simulator, 450)
    assert sorted(kept.requests(kept.refresh)) == [page(1), page(2), page(3)]
    assert kept.rows() == kept.truth()


def test_what_has_not_ended_is_asked_for_again(kept: History, clock: ManualClock) -> None:
    account = kept.simulator.account
    account.add_droplet(droplet_id=1)
    old = account.add_action(1, "snapshot", "in-progress", seconds=60)
    fill(kept.simulator, 450)
    assert kept.refresh().new == 451
    assert kept.requests(kept.refresh) == [page(1), f"/v2/actions/{old.id}"]
    clock.advance(61)
    done = kept.refresh()
    assert (done.new, done.ended, done.rows, done.requests) == (0, 1, 451, 2)
    assert kept.rows() == kept.truth()
    assert kept.requests(kept.refresh) == [page(1)]


def test_what_has_not_ended_and_is_on_the_first_page_takes_no_request(
    kept: History, clock: ManualClock
) -> None:
    account = kept.simulator.account
    account.add_droplet(droplet_id=1)
    account.add_action(1, "snapshot", "in-progress", seconds=60)
    kept.refresh()
    clock.advance(61)
    done = kept.refresh()
    assert (done.new, done.ended, done.requests) == (0, 1, 1)
    assert kept.rows() == kept.truth()


def test_several_that_have_not_ended_are_read_with_their_page(
    kept: History, clock: ManualClock
) -> None:
    account = kept.simulator.account
    for id in range(1, 6):
        account.add_droplet(droplet_id=id)
        account.add_action(id, "snapshot", "in-progress", seconds=60)
    fill(kept.simulator, 450)
    kept.refresh()
    clock.advance(61)
    assert kept.requests(kept.refresh) == [page(1), page(3)]
    assert kept.rows() == kept.truth()


def test_one_that_cannot_be_found_is_asked_for_next_time(
    kept: History, clock: ManualClock
) -> None:
    """A new one is not readable by its id for some seconds, though it is listed."""
    account = kept.simulator.account
    account.add_droplet(droplet_id=1)
    one = account.add_action(1, "snapshot", "in-progress", seconds=60)
    fill(kept.simulator, 450)
    kept.refresh()
    clock.advance(61)
    one.visible_from = clock.time() + 5
    done = kept.refresh()
    assert (done.ended, done.gone, done.requests) == (0, 0, 2)
    clock.advance(6)
    assert kept.refresh().ended == 1
    assert kept.rows() == kept.truth()


def test_pages_are_read_side_by_side(kept: History) -> None:
    """None of the others is answered before all of them have been asked for."""
    fill(kept.simulator, 1050)
    barrier = threading.Barrier(5)
    kept.simulator.before_page(lambda number: number == 1 or barrier.wait(timeout=10))
    kept.refresh()
    assert kept.rows() == kept.truth()


@pytest.mark.parametrize("order", ["asc", "shuffled"])
def test_the_order_of_the_list_does_not_matter(
    order: str, clock: ManualClock, shared_clock: SharedClock, kept: History
) -> None:
    with Simulator(Rules(order=order), clock=clock) as simulator:  # type: ignore[arg-type]
        kept.simulator = simulator
        fill(simulator, 950, foreign=3)
        assert len(kept.requests(kept.refresh)) == 5
        assert kept.requests(kept.refresh) == [page(1)]
        fill(simulator, 30)
        assert len(kept.requests(kept.refresh)) <= 6
        assert kept.rows() == kept.truth()
        fill(simulator, 600)
        with pytest.raises(dovtab.TooManyRequestsError):
            kept.refresh(max_requests=2, concurrency=1)
        kept.refresh()
        assert kept.rows() == kept.truth()


def test_the_list_may_grow_while_it_is_read(kept: History) -> None:
    fill(kept.simulator, 950)
    chance = random.Random(1)
    kept.simulator.before_page(
        lambda number: fill(kept.simulator, 1) if chance.random() < 0.5 else None
    )
    kept.refresh()
    kept.simulator.before_page(None)
    seen = {row[0] for row in kept.rows()}
    assert all(row[0] in seen for row in kept.truth()[:950])
    kept.refresh()
    assert kept.rows() == kept.truth()


def test_a_page_that_is_read_again_need_not_have_been_held(
    kept: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement may not come back to what it has no room for; a run holds nothing."""
    monkeypatch.setattr(held, "UNPACKED_ROWS", 0)
    monkeypatch.setattr(held, "PACKED_BYTES", 0)
    fill(kept.simulator, 950)
    kept.simulator.before_page(lambda number: number == 3 and fill(kept.simulator, 1))
    asked = kept.requests(lambda: kept.refresh(concurrency=1))
    assert asked.count(page(1)) == 2
    assert kept.rows() == kept.truth()


@pytest.mark.parametrize(
    ("gone", "order", "asked"),
    [
        (slice(0, 10), "desc", [1, 10]),
        (slice(-1, None), "desc", [1, 10, 5, 2, 1]),
        (slice(900, 903), "desc", [1, 10, 5, 7, 6]),
        # The search is of no use there: all is read.
        (slice(900, 903), "asc", [1, 10, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (slice(0, None), "desc", [1]),
    ],
)
def test_what_is_gone_stays_and_is_not_looked_for_again(
    kept: History, clock: ManualClock, gone: slice, order: str, asked: list[int]
) -> None:
    with Simulator(Rules(order=order), clock=clock) as simulator:  # type: ignore[arg-type]
        kept.simulator = simulator
        fill(simulator, 1950)
        kept.refresh()
        all_of_it = kept.rows()
        listed = simulator.account.history()
        assert isinstance(listed, list)
        count = len(listed[gone])
        del listed[gone]
        before = len(simulator.requests)
        done = kept.refresh(concurrency=1)
        assert (done.new, done.rows, done.gone, done.requests) == (0, 1950, count, len(asked))
        assert [int(r.query["page"]) for r in simulator.requests[before:]] == asked
        assert f"{count:,} gone from the account's list" in str(done)
        assert kept.rows() == all_of_it
        assert kept.requests(kept.refresh) == [page(1)]
        fill(simulator, 20)
        assert kept.refresh().requests == (2 if order == "asc" else 1)
        assert len(kept.rows()) == 1970


def test_what_is_new_and_what_is_gone_are_told_apart(kept: History) -> None:
    fill(kept.simulator, 950)
    kept.refresh()
    listed = kept.simulator.account.history()
    assert isinstance(listed, list)
    del listed[300:340]
    fill(kept.simulator, 10)
    done = kept.refresh()
    assert (done.new, done.gone, done.rows) == (10, 40, 960)
    assert kept.requests(kept.refresh) == [page(1)]


def test_what_was_gone_may_come_back(kept: History) -> None:
    fill(kept.simulator, 300)
    kept.refresh()
    listed = kept.simulator.account.history()
    assert isinstance(listed, list)
    newest = listed.pop()
    assert kept.refresh().gone == 1
    listed.append(newest)
    assert kept.refresh().new == 0
    assert kept.requests(kept.refresh) == [page(1)]
    assert kept.query("SELECT * FROM dovtab_other_actions") == []


def test_what_has_not_ended_and_is_gone_is_not_asked_for_again(kept: History) -> None:
    kept.simulator.account.add_action(1, "snapshot", "in-progress")
    fill(kept.simulator, 300)
    kept.refresh()
    listed = kept.simulator.account.history()
    assert isinstance(listed, list)
    del listed[0]
    assert kept.requests(kept.refresh) == [page(1), page(2)]
    assert kept.requests(kept.refresh) == [page(1)]


def test_rows_that_somebody_has_deleted_come_back(kept: History) -> None:
    fill(kept.simulator, 950)
    kept.refresh()
    kept.query("DELETE FROM droplet_actions_history WHERE id % 7 = 0")
    kept.refresh()
    assert kept.rows() == kept.truth()


def test_a_full_run_reads_and_repairs_all(kept: History) -> None:
    fill(kept.simulator, 950)
    kept.refresh()
    kept.query("UPDATE droplet_actions_history SET type = 'changed'")
    assert kept.refresh().requests == 1
    done = kept.refresh(full=True)
    assert (done.new, done.ended, done.requests) == (0, 0, 5)
    assert kept.rows() == kept.truth()


@pytest.mark.parametrize("shape", ["total_too_large", "total_too_small"])
def test_a_total_that_is_wrong_is_noticed(kept: History, shape: str) -> None:
    fill(kept.simulator, 450)
    more = 7 if shape == "total_too_large" else -250

    def lie(body: dict[str, dict[str, int]]) -> object:
        return body | {"meta": {"total": body["meta"]["total"] + more}}

    kept.simulator.fault(Fault("answer", path="page=", mutate=lie, times=None))
    if more > 0:
        with pytest.raises(dovtab.AnswerError, match="the list is not whole"):
            kept.refresh()
        assert not kept.is_whole
    else:
        kept.refresh()
    assert kept.rows() == kept.truth()
    kept.simulator.clear_faults()
    kept.refresh()
    assert kept.rows() == kept.truth()
    assert kept.is_whole


def test_a_limit_that_is_not_set_does_not_count(
    kept: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(kept.simulator, 1050)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", kept.simulator.token)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", kept.simulator.url)
    monkeypatch.setenv("DOVTAB_MAX_REQUESTS", "3")
    path = os.fspath(kept.path)
    with pytest.raises(dovtab.TooManyRequestsError, match="max_requests=3") as stopped:
        dovtab.refresh(path)
    assert stopped.value.__notes__ == ["600 of 1,050 actions are there, the next run goes on"]
    assert dovtab.refresh(path, max_requests=10).rows == 1050
    with pytest.raises(dovtab.TooManyRequestsError):
        dovtab.refresh(path, full=True, max_requests=2)
    monkeypatch.delenv("DOVTAB_MAX_REQUESTS")
    assert dovtab.refresh(path, full=True).requests == 6
    # The default is a query's, and not of a run.
    monkeypatch.setattr(history, "UNLIMITED", 4)
    with pytest.raises(dovtab.TooManyRequestsError, match="max_requests=4"):
        dovtab.refresh(path, full=True)
    assert dovtab.refresh(path, full=True, max_requests=500).requests == 6
    assert main(["--full", "--refresh", path]) == 6
    assert main(["--full", "--max-requests=5", "--refresh", path]) == 6
    assert main(["--full", "--max-requests", "6", "--refresh", path]) == 0
    assert "max_requests=4" in capsys.readouterr().err


class Watching:
    """Somebody to whom it is shown how far it is."""

    asks = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def waiting(self, statement: Statement, quota_seconds: float) -> None:
        assert statement.progress is not None
        self.told.append(statement.progress())

    def held_up(self, told: str) -> None: ...

    def wait_over(self) -> None: ...

    def confirm(self, question: str) -> bool:
        raise AssertionError(question)

    def ended(self, outcomes: object) -> None: ...


def test_it_shows_how_far_it_is(kept: History) -> None:
    fill(kept.simulator, 450)
    watching = Watching()
    settings = resolve(
        {"token": kept.simulator.token, "api_url": kept.simulator.url}, os.getenv
    )
    history.refresh(os.fspath(kept.path), settings, observer=watching)
    told = list(dict.fromkeys(watching.told))
    assert told[:2] == ["actions: 0 of 0", "actions: 200 of 450"]
