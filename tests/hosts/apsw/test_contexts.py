"""A second account beside the first, under the name of one of doctl's contexts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import dovtab
from dovtab.simulator import Simulator

Connect = Callable[..., apsw.Connection]


@pytest.fixture(autouse=True)
def doctl(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth-contexts:\n  prod: token-of-prod\n  'two words': token-of-two\n")
    monkeypatch.setenv("DIGITALOCEAN_CONFIG", str(file))
    simulator.account.add_droplet(droplet_id=1)
    simulator.account.add_action(1)
    simulator.account.add_token("token-of-prod", label="prod")
    simulator.account.add_token("token-of-two", label="two")


@pytest.mark.parametrize(
    ("argument", "label"),
    [
        ("context=prod", "prod"),
        ("context = 'prod'", "prod"),
        ('context="PROD"', "prod"),
        ("context='two words'", "two"),
        ("", "simulator"),
    ],
)
def test_a_created_table_uses_the_token_of_its_context(
    simulator: Simulator, connect: Connect, argument: str, label: str
) -> None:
    db = connect()
    db.execute(f"CREATE VIRTUAL TABLE temp.other USING droplet_actions({argument})")
    assert db.execute("SELECT count(*) FROM other WHERE droplet_id = 1").get == 1
    assert db.execute("SELECT count(*) FROM droplet_actions(1)").get == 1
    assert [r.authorized_as for r in simulator.requests] == [label, "simulator"]
    assert db.execute("SELECT count(*) FROM dovtab_requests").get == 2


def test_capitals_make_no_other_account(simulator: Simulator, connect: Connect) -> None:
    db = connect()
    for name in ("prod", "PROD"):
        db.execute(f"CREATE VIRTUAL TABLE temp.of_{name} USING droplet_actions(context={name})")
        assert db.execute(f"SELECT count(*) FROM of_{name} WHERE droplet_id = 1").get == 1
        db.execute(f"DROP TABLE of_{name}")
    used = "SELECT account, used FROM dovtab_quota WHERE window = 'minute' AND used > 0"
    assert list(db.execute(used)) == [("prod", 2)]


def test_two_accounts_meet_in_one_query(simulator: Simulator, connect: Connect) -> None:
    db = connect()
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    joined = "SELECT count(*) FROM droplet_actions(1) a JOIN prod b ON b.droplet_id = 1 AND b.id = a.id"
    assert db.execute(joined).get == 1


def test_a_file_does_not_choose_the_context(simulator: Simulator, tmp_path: Path) -> None:
    """Somebody else's file could have a trigger that reads with it."""
    db = dovtab.connect(str(tmp_path / "stranger.db"), api_url=simulator.url)
    with pytest.raises(dovtab.SettingsError, match="in the temp database only"):
        db.execute("CREATE VIRTUAL TABLE prod USING droplet_actions(context=prod)")
    db.execute("CREATE VIRTUAL TABLE plain USING droplet_actions")
    db.execute("PRAGMA writable_schema = on")
    db.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'actions', 'actions(context=prod)')"
    )
    db.close()
    db = dovtab.connect(str(tmp_path / "stranger.db"), api_url=simulator.url)
    with pytest.raises(dovtab.SettingsError, match="in the temp database only"):
        list(db.execute("SELECT * FROM plain WHERE droplet_id = 1"))
    assert simulator.requests == []
    db.close()


ONE = r"takes one argument, context=NAME"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("token=abc", ONE),
        ("api_url='https://example.com'", ONE),
        ("prod", ONE),
        ("context=prod, context=prod", ONE),
        ("context=prod, 1", ONE),
        ("context=", "context= needs the name of a context"),
        ("context=''", "context= needs the name of a context"),
    ],
)
def test_a_wrong_argument_is_an_error(connect: Connect, arguments: str, message: str) -> None:
    """No token is kept in a file, and no file names a host that a token goes to."""
    with pytest.raises(dovtab.SettingsError, match=message) as caught:
        connect().execute(f"CREATE VIRTUAL TABLE temp.x USING droplet_actions({arguments})")
    assert "abc" not in str(caught.value)


def test_an_unknown_context_is_an_error_at_the_first_request(connect: Connect) -> None:
    db = connect()
    db.execute("CREATE VIRTUAL TABLE temp.qa USING droplet_actions(context=qa)")
    with pytest.raises(
        dovtab.SettingsError, match=r"context 'qa' has no token: .*prod, two words"
    ):
        list(db.execute("SELECT * FROM qa WHERE droplet_id = 1"))


def test_a_wait_asks_with_the_token_of_the_account_that_started_the_action(
    simulator: Simulator, connect: Connect
) -> None:
    """And so does the polling of what else was started, beside it."""
    simulator.account.add_droplet(droplet_id=2)
    simulator.account.add_droplet(droplet_id=3)
    db = connect()
    db.execute("CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)")
    db.execute("INSERT INTO prod(droplet_id, type) VALUES (1, 'snapshot'), (2, 'snapshot')")
    db.execute("INSERT INTO droplet_actions(droplet_id, type) VALUES (3, 'enable_ipv6')")
    ours = db.execute("SELECT action_id FROM dovtab_posts WHERE type = 'enable_ipv6'").get
    waited = "SELECT droplet_actions_wait(droplet_id, action_id) ->> 'status' FROM dovtab_posts"
    assert [status for (status,) in db.execute(waited)] == ["completed"] * 3
    polls = {(r.authorized_as, r.path) for r in simulator.requests if r.method == "GET"}
    assert {path for label, path in polls if label == "simulator"} == {
        f"/v2/droplets/3/actions/{ours}"
    }
    assert len({path for label, path in polls if label == "prod"}) == 2


PROD = "CREATE VIRTUAL TABLE temp.prod USING droplet_actions(context=prod)"
INSERT = "INSERT INTO prod(droplet_id, type) VALUES (1, 'enable_ipv6')"


def test_a_table_with_actions_to_send_is_not_dropped(
    simulator: Simulator, connect: Connect
) -> None:
    db = connect()
    db.execute(PROD)
    db.execute(f"BEGIN; {INSERT}")
    for drop in ("DROP TABLE", "/* */ drop/**/table", "-- x\nDROP --y\n TABLE"):
        with pytest.raises(
            dovtab.NotAllowedError, match="prod has actions that were not sent yet"
        ):
            db.execute(f"{drop} temp.prod")
    db.execute("COMMIT")
    assert [r.method for r in simulator.requests] == ["POST"]
    db.execute(f"BEGIN; {INSERT}; ROLLBACK")
    db.execute("DROP TABLE temp.prod")


def test_a_table_that_is_dropped_where_nobody_can_refuse_it_is_told_of(
    simulator: Simulator, connect: Connect
) -> None:
    """There is one tracer that can refuse, and here the user has it."""
    db = connect()
    db.execute(PROD)
    db.exec_trace = lambda *begun: True
    db.execute(f"BEGIN; {INSERT}; DROP TABLE temp.prod; COMMIT")
    assert list(db.execute("SELECT droplet_id, outcome, error FROM dovtab_posts")) == [
        (1, "refused", "not sent: prod was dropped before COMMIT")
    ]
    db.execute("INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'enable_ipv6')")
    assert [r.method for r in simulator.requests] == ["POST"]


@pytest.mark.parametrize(
    "undone",
    [
        f"SAVEPOINT s; {INSERT}; ROLLBACK TO s",
        "INSERT OR IGNORE INTO prod(droplet_id, type) VALUES (1, 'wrong')",
    ],
)
def test_a_table_of_which_nothing_is_asked_any_more_is_in_no_other_s_way(
    simulator: Simulator, connect: Connect, undone: str
) -> None:
    db = connect()
    db.execute(PROD)
    db.execute(f"BEGIN; {undone}")
    db.execute("INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'enable_ipv6')")
    with pytest.raises(dovtab.NotAllowedError, match="through one table"):
        db.execute(INSERT)
    db.execute("COMMIT")
    assert [r.authorized_as for r in simulator.requests] == ["simulator"]
