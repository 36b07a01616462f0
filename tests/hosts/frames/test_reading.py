"""Many accounts are read as one, each where its token is, once, and with the fewest requests."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from datetime import UTC, datetime
from typing import Any

import dask
import pandas as pd
import pytest
from eight_accounts import NAMES, REVOKED, SIZES, Fleet, droplets, pages, process

from dovtab.errors import (
    AnswerError,
    APIError,
    ArgumentError,
    SettingsError,
    TooManyRequestsError,
)
from dovtab.hosts.dask import places, read_actions, read_droplets, reading
from dovtab.resources import DROPLET_ACTIONS, DROPLETS
from dovtab.simulator import Fault

ALL = sum(SIZES.values())


def found(frame: Any) -> dict[str, list[int]]:
    """The ids that are there, by account, each as often as it is there."""
    rows = frame.compute() if hasattr(frame, "compute") else frame
    by_account = rows.groupby("account", observed=False)["id"]
    return {name: sorted(ids) for name, ids in by_account}


def expected(fleet: Fleet, *names: str) -> dict[str, list[int]]:
    return {name: sorted(fleet.ids(name)) if name in names else [] for name in NAMES}


def test_every_row_of_every_account_is_there_once_for_as_many_requests_as_pages(
    fleet: Fleet,
) -> None:
    actions = read_actions(NAMES)
    assert actions.npartitions == len(NAMES)
    assert found(actions) == expected(fleet, *NAMES)
    assert fleet.counts() == {name: pages(name) for name in NAMES}


def test_what_is_computed_later_asks_nothing(fleet: Fleet) -> None:
    actions = read_actions(NAMES)
    assert len(actions) == ALL
    before = fleet.counts()
    by_type = actions.groupby("type", observed=True)["id"].count().compute()
    assert by_type.to_dict() == {"reboot": ALL // 2, "snapshot": ALL // 2}
    assert fleet.counts() == before


def test_a_token_is_used_by_one_process_and_never_refused(fleet: Fleet) -> None:
    """Two reads at once are both where the token is, one after the other."""
    first, second = read_actions(NAMES), read_droplets(NAMES)
    assert (len(first), len(second)) == (ALL, 6 * 7)
    processes = fleet.processes()
    assert [len(those) for those in processes.values()] == [1] * len(NAMES)
    assert len(set.union(*processes.values())) == 2
    assert {r.status for those in fleet.asked().values() for r in those} == {200}


def test_the_columns_have_types_and_keep_them_where_there_are_no_rows(fleet: Fleet) -> None:
    actions, there = read_actions(NAMES), read_droplets(NAMES)
    assert list(actions.columns) == ["account", *(c.name for c in DROPLET_ACTIONS.visible)]
    assert list(there.columns) == ["account", *(c.name for c in DROPLETS.visible)]
    types = actions.dtypes
    assert str(types["started_at"]) == str(types["completed_at"]) == "datetime64[us, UTC]"
    assert [str(types[name]) for name in ("id", "resource_id")] == ["Int64"] * 2
    for name in ("account", "type", "status", "region", "region_slug"):
        assert types[name] == "category"
    assert str(there.dtypes["locked"]) == "boolean"
    for frame in (actions, there):
        for part in frame.partitions:
            its = part.compute()
            assert its.dtypes.astype(str).tolist() == frame.dtypes.astype(str).tolist()
    assert len(actions.partitions[1]) == 0


def test_a_type_that_nobody_knew_is_a_category_in_all(fleet: Fleet) -> None:
    def renamed(answer: Any) -> Any:
        answer["actions"][0]["type"] = "levitate"
        return answer

    fleet.simulator.fault(Fault("answer", path="[?&]page=2", mutate=renamed, times=None))
    actions = read_actions(NAMES)
    counts = actions.groupby(["account", "type"], observed=True).size().compute()
    assert counts[:, "levitate"].to_dict() == {n: 1 for n in NAMES if n not in NAMES[:2]} | {
        NAMES[0]: 1
    }
    whole = actions.compute()
    assert isinstance(whole["type"].dtype, pd.CategoricalDtype)
    assert "levitate" in whole["type"].cat.categories
    known = actions.assign(type=actions["type"].cat.as_known())
    assert known["type"].value_counts().compute()["levitate"] == 7
    assert whole["type"].isna().sum() == 0


def test_parts_are_by_droplet_and_cost_nothing(fleet: Fleet) -> None:
    actions = read_actions(NAMES, slices=3)
    assert actions.npartitions == 3 * len(NAMES)
    parts = dask.compute(*(part["resource_id"] for part in actions.partitions))
    owners = [set(part) for part in parts]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 6 * 7
    assert found(actions) == expected(fleet, *NAMES)
    assert fleet.counts() == {name: pages(name) for name in NAMES}


def test_droplets_that_are_named_are_asked_for_alone(fleet: Fleet) -> None:
    wanted = {NAMES[0]: [droplets(NAMES[0])[2]], NAMES[3]: pd.Series([droplets(NAMES[3])[0]])}
    rows = read_actions(list(wanted), droplets=wanted).compute()
    assert set(rows["resource_id"]) == {droplets(NAMES[0])[2], droplets(NAMES[3])[0]}
    paths = {(name, r.path) for name, those in fleet.asked().items() for r in those}
    assert paths == {
        (name, f"/v2/droplets/{int(ids[0])}/actions") for name, ids in wanted.items()
    }


def test_many_droplets_take_the_account_s_list_as_on_one_machine(fleet: Fleet) -> None:
    name = NAMES[4]
    rows = read_actions(name, droplets=droplets(name)).compute()
    assert len(rows) == SIZES[name]
    assert {r.path for r in fleet.asked()[name]} <= {"/v2/actions", "/v2/droplets"} | {
        f"/v2/droplets/{id}/actions" for id in droplets(name)
    }
    assert fleet.counts()[name] <= len(droplets(name))


def test_since_reads_no_further(fleet: Fleet) -> None:
    since = datetime(2026, 8, 1, tzinfo=UTC)
    rows = read_actions(NAMES, since=since).compute()
    assert rows["started_at"].min() >= since
    assert found(read_actions(NAMES, since="2026-08-01")) == found(rows)
    assert fleet.counts()[NAMES[0]] < 2 * pages(NAMES[0])


def test_since_is_a_moment_of_whoever_calls(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that reads again, later or with another clock, reads the same."""
    called_at = datetime(2026, 8, 2, tzinfo=UTC)
    monkeypatch.setattr(reading, "time", called_at.timestamp)
    rows = read_actions(NAMES, since="-1 day").compute()
    assert found(rows) == found(read_actions(NAMES, since="2026-08-01"))


def test_an_account_that_fails_is_an_error_that_names_it(fleet: Fleet) -> None:
    actions = read_actions([*NAMES, REVOKED])
    with pytest.raises(APIError, match=f"^account '{REVOKED}': .*401") as caught:
        actions.compute()
    assert caught.value.status == 401
    with pytest.raises(APIError, match=REVOKED):
        len(actions)


def test_or_a_row_and_all_others_are_read(fleet: Fleet) -> None:
    rows, failed = read_actions([*NAMES, REVOKED], failures=True)
    assert rows.npartitions == failed.npartitions == len(NAMES) + 1
    (failure,) = failed.compute().to_dict("records")
    assert (failure["account"], failure["error"], failure["status"]) == (
        REVOKED,
        "APIError",
        401,
    )
    assert failure["message"].startswith(f"account '{REVOKED}': ")
    assert failure["request_id"]
    assert found(rows) == expected(fleet, *NAMES) | {REVOKED: []}
    assert failed.dtypes.astype(str).tolist() == failed.compute().dtypes.astype(str).tolist()


def test_a_context_without_a_token_is_a_failed_account(alone: Fleet) -> None:
    rows, failed = read_actions([NAMES[2], "nobody"], failures=True)
    assert len(rows) == SIZES[NAMES[2]]
    assert failed.compute()["message"].str.contains("context 'nobody' has no token").all()


@pytest.mark.parametrize("failures", [False, True])
def test_what_is_tried_again_reads_again_and_doubles_nothing(
    fleet: Fleet, failures: bool
) -> None:
    fleet.simulator.fault(Fault("malformed_json", path="[?&]page=3", times=2))
    answer = read_actions(NAMES, retries=2, failures=failures)
    rows = answer[0] if failures else answer
    assert found(rows) == expected(fleet, *NAMES)
    assert not failures or len(answer[1]) == 0
    assert fleet.counts()[NAMES[0]] > pages(NAMES[0])


def test_it_is_not_tried_again_more_often(fleet: Fleet) -> None:
    fleet.simulator.fault(Fault("malformed_json", path="[?&]page=3", times=2))
    with pytest.raises(AnswerError, match="account 'team-a'"):
        read_actions(NAMES, retries=1).compute()


def test_a_worker_that_is_killed_in_the_middle_and_an_account_that_fails_lose_nothing(
    fleet: Fleet,
) -> None:
    arrived, killed = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        """Only one account has a third page; whoever asks for it waits for its death."""
        if number == 3 and not arrived.is_set():
            arrived.set()
            assert killed.wait(60)

    fleet.simulator.before_page(hold)
    rows, failed = read_actions([*NAMES, REVOKED], failures=True)
    assert arrived.wait(60)
    (victim,) = fleet.processes()[NAMES[0]]
    os.kill(int(victim), signal.SIGKILL)
    fleet.client.wait_for_workers(2)
    killed.set()

    assert found(rows) == expected(fleet, *NAMES) | {REVOKED: []}
    assert failed.compute()["account"].tolist() == [REVOKED]
    answered = {r.status for name in NAMES for r in fleet.asked()[name]}
    assert answered <= {200, None}
    for name in NAMES:
        in_turn = [process(request) for request in fleet.asked()[name]]
        changes = sum(a != b for a, b in itertools.pairwise(in_turn))
        # The one that died, then its successor; never both.
        assert changes == len(set(in_turn)) - 1 <= 1
    assert victim in fleet.processes()[NAMES[0]]
    assert len(fleet.processes()[NAMES[0]]) == 2


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_without_a_client_it_is_the_same(alone: Fleet, scheduler: str) -> None:
    with dask.config.set(scheduler=scheduler):
        actions = read_actions(NAMES, slices=2)
        assert found(actions) == expected(alone, *NAMES)
        assert alone.counts() == {name: pages(name) for name in NAMES}
        assert len(read_droplets(NAMES)) == 6 * 7


def test_it_cannot_act_whatever_the_environment_says(fleet: Fleet) -> None:
    from dovtab.hosts.dask.asked import Asked, settings_of

    asked = Asked("droplet_actions", NAMES[0])
    assert fleet.environment["DOVTAB_ALLOW_ACTIONS"] == "1"
    settings = fleet.client.submit(
        lambda: settings_of(asked).allow_actions, resources={NAMES[0]: 1}
    )
    assert settings.result() is False


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"contexts": []}, "there is none"),
        ({"contexts": ["team-a", "TEAM_A"]}, "an account twice"),
        ({"contexts": ["team-a", "team-a"]}, "an account twice"),
        ({"contexts": [7]}, "names of contexts"),
        ({"slices": 0}, "slices must be 1 or more"),
        ({"since": "7 days"}, "in the future"),
        ({"since": datetime(2026, 1, 1)}, "knows its zone"),
        ({"droplets": {"team-b": [1]}}, "each of the contexts"),
        ({"droplets": [1.5]}, "whole numbers"),
        ({"droplets": 7}, "whole numbers"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_asked(
    fleet: Fleet, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        read_actions(**{"contexts": ["team-a"]} | wrong)
    assert not fleet.counts()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"token": "secret"}, "token cannot be given here"),
        ({"allow_actions": True}, "cannot act"),
        ({"max_reqests": 5}, "max_requests"),
        ({"concurrency": 0}, "concurrency must be"),
    ],
)
def test_a_setting_that_has_no_place_here_is_refused(
    fleet: Fleet, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        read_actions("team-a", **settings)
    assert "secret" not in str(caught.value)


def test_settings_reach_the_workers(fleet: Fleet) -> None:
    with pytest.raises(TooManyRequestsError, match=r"account 'team-a': .*max_requests=2"):
        read_actions("team-a", max_requests=2).compute()


def test_an_account_that_no_worker_has_is_told_of(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that nobody may run would wait for ever."""
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(SettingsError, match="no worker has the resource 'elsewhere'"):
        read_actions(["team-a", "elsewhere"])
    assert not fleet.counts()
