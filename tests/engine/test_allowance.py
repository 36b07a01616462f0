"""What a statement says that has used up its requests: how many it takes, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import apsw
import pytest

import dovtab
from dovtab.engine.allowance import refusal
from dovtab.simulator import Simulator

Connect = Callable[..., apsw.Connection]


@pytest.fixture
def fleet(simulator: Simulator) -> Simulator:
    for id in range(1, 31):
        simulator.account.add_droplet(droplet_id=id)
    for _ in range(2000):
        simulator.account.add_action(1)
    return simulator


def said(db: apsw.Connection, sql: str) -> str:
    with pytest.raises(dovtab.TooManyRequestsError) as caught:
        list(db.execute(sql))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_of_a_list_it_is_known_after_its_first_page(fleet: Simulator, connect: Connect) -> None:
    error = said(connect(max_requests=3), "SELECT count(*) FROM droplet_actions(1)")
    assert error == (
        "requests made by this statement: 3 and it needs more than max_requests=3: about 10"
        " (a minute of the quota). Allow them with max_requests=11 (DOVTAB_MAX_REQUESTS,"
        " dovtab --max-requests 11), or narrow it (WHERE droplet_id = ...)"
    )
    assert len(fleet.requests) == 3


def test_of_a_set_it_is_known_from_the_beginning(
    fleet: Simulator, connect: Connect, one_by_one: None
) -> None:
    ids = ", ".join(map(str, range(2, 31)))
    sql = f"SELECT count(*) FROM droplet_actions WHERE droplet_id IN ({ids})"
    assert "max_requests=5: about 29 (a minute" in said(connect(max_requests=5), sql)
    # The first of these has a list of ten pages: more than one each has come to that.
    both = sql.replace("(2,", "(1, 2,")
    assert "max_requests=5: about 39 (a minute" in said(connect(max_requests=5), both)


def test_of_a_join_it_is_what_was_foreseen(
    fleet: Simulator, connect: Connect, one_by_one: None
) -> None:
    sql = (
        "WITH RECURSIVE i(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM i WHERE id < 30)"
        " SELECT count(*) FROM i JOIN droplet_actions a ON a.droplet_id = i.id"
    )
    error = said(connect(max_requests=5), sql)
    number = re.search(r"max_requests=5: about (\d+) ", error)
    assert number is not None
    assert 6 < int(number[1]) <= 29


def test_what_it_says_is_enough(fleet: Simulator, connect: Connect) -> None:
    sql = "SELECT count(*) FROM droplet_actions(1)"
    number = re.search(r"--max-requests (\d+)", said(connect(max_requests=3), sql))
    assert number is not None
    assert connect(max_requests=int(number[1])).execute(sql).get == 2000


def test_where_nothing_is_known_it_does_not_say_a_number(
    fleet: Simulator, connect: Connect
) -> None:
    error = said(
        connect(max_requests=1),
        "SELECT (SELECT count(*) FROM droplet_actions(2)), (SELECT count(*) FROM droplet_actions(3))",
    )
    assert "max_requests=1; how many is not known. Allow more with max_requests=N" in error


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM droplet_actions(1) WHERE type <> 'x' LIMIT 201",
        "SELECT EXISTS (SELECT 1 FROM droplet_actions(1) WHERE status = 'completed')",
        "SELECT count(*) FROM (SELECT type FROM droplet_actions(1) WHERE type <> 'x' LIMIT 300)",
    ],
)
def test_what_would_stop_in_time_is_not_refused_before(
    fleet: Simulator, connect: Connect, sql: str
) -> None:
    """After page 1 its list is known to be too long; whether all of it is wanted is not."""
    assert list(connect(max_requests=2, concurrency=1).execute(sql))


def test_a_program_that_stops_reading_is_not_refused_before(
    fleet: Simulator, connect: Connect
) -> None:
    rows = connect(max_requests=2, concurrency=1).execute("SELECT id FROM droplet_actions(1)")
    assert len([next(rows) for _ in range(300)]) == 300
    rows.close()


def test_what_was_started_is_told() -> None:
    assert refusal((3, 2, 0), 3, 3, "droplet_id").startswith(
        "requests made by this statement: 3, 2 of which started actions, and it needs more than"
    )
    told = refusal((0, 0, 2), 0, 2, "droplet_id")
    assert told.startswith(
        "requests made by this statement: 0, and 2 actions asked for, and it"
    )
