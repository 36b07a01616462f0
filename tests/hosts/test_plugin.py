"""The plugin, called as Datasette and sqlite-utils call it; what they do is in loadable/."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

import pluggy
import pytest

from built import needs_extension
from dovtab.api.credentials import is_configured
from dovtab.hosts import hub, loadable, plugin
from dovtab.simulator import Simulator

TOOLS = ("datasette", "sqlite_utils")
COUNT = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 3164444"


@pytest.fixture
def account(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator.account.populate(droplets=2, actions=3)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    return simulator


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        yield opened


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_finds_it_by_its_entry_point_and_calls_its_hook(tool: str) -> None:
    (found,) = [e for e in entry_points(group=tool) if e.value.startswith("dovtab")]
    manager = pluggy.PluginManager(tool)
    manager.register(found.load())
    assert found.load() is plugin
    assert [hook.name for hook in manager.get_hookcallers(plugin) or ()] == [
        "prepare_connection"
    ]


def test_nobody_else_imports_it() -> None:
    program = (
        "import dovtab, sys; dovtab.connect().close();"
        "print([m for m in ('pluggy', 'dovtab.hosts.plugin') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@needs_extension
def test_a_connection_gets_the_tables(account: Simulator, db: sqlite3.Connection) -> None:
    plugin.prepare_connection(db)
    plugin.prepare_connection(db)
    assert db.execute(COUNT).fetchone() == (3,)


ACT = (
    "SELECT droplet_actions_post(3164444, 'reboot')",
    "SELECT droplet_actions_post_by_tag('web', 'reboot')",
    "INSERT INTO droplet_actions(droplet_id, type) VALUES (3164444, 'reboot')",
    "INSERT INTO temp.other(droplet_id, type) VALUES (3164444, 'reboot')",
)


@needs_extension
@pytest.mark.parametrize("allowed", ["1", "yes", ""])
@pytest.mark.parametrize("statement", ACT)
def test_nothing_can_be_started_whatever_the_environment_allows(
    account: Simulator,
    db: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    allowed: str,
    statement: str,
) -> None:
    monkeypatch.setenv("DOVTAB_ALLOW_ACTIONS", allowed)
    plugin.prepare_connection(db)
    # What is loaded later has no say, by whichever entry point.
    loadable.load(db)
    db.execute("CREATE VIRTUAL TABLE temp.other USING droplet_actions")
    with pytest.raises(sqlite3.OperationalError, match="starting actions is off"):
        db.execute(statement).fetchall()
    assert [request for request in account.requests if request.method == "POST"] == []
    assert db.execute(COUNT).fetchone() == (3,)


@needs_extension
def test_a_visitor_can_load_nothing(account: Simulator, db: sqlite3.Connection) -> None:
    plugin.prepare_connection(db)
    with pytest.raises(sqlite3.OperationalError, match="not authorized"):
        db.execute("SELECT load_extension('x')")


@needs_extension
def test_other_connections_of_the_program_may_still_act(
    account: Simulator, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said for each connection, though one helper serves them all."""
    monkeypatch.setenv("DOVTAB_ALLOW_ACTIONS", "1")
    plugin.prepare_connection(db)
    with closing(sqlite3.connect(":memory:")) as own:
        loadable.load(own)
        own.execute("SELECT droplet_actions_post(3164444, 'enable_ipv6')").fetchall()
    assert [r.method for r in account.requests] == ["POST"]
    with pytest.raises(sqlite3.OperationalError, match="starting actions is off"):
        db.execute(ACT[0]).fetchall()


def test_without_a_token_there_is_no_table_and_no_word(
    db: sqlite3.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin.prepare_connection(db)
    with pytest.raises(sqlite3.OperationalError, match="no such table: droplet_actions"):
        db.execute(COUNT)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "configured"),
    [
        ("access-token: t\n", True),
        ("context: prod\nauth-contexts:\n  prod: t\n", True),
        ("context: prod\n", False),
        ("{", True),
        ("access-token: ''\n", False),
        ("", False),
    ],
)
def test_doctl_s_file_counts_and_so_does_one_that_is_wrong(
    tmp_path: Path, text: str, configured: bool
) -> None:
    """The first query says what is wrong with it."""
    (tmp_path / "config.yaml").write_text(text)
    environment = {"DIGITALOCEAN_CONFIG": str(tmp_path / "config.yaml")}
    assert is_configured(environment.get, environment.keys) == configured
    environment["DIGITALOCEAN_TOKEN_PROD"] = "t"
    assert is_configured(environment.get, environment.keys)


@needs_extension
def test_a_context_that_is_not_known_is_said_by_the_first_query(
    account: Simulator, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITALOCEAN_TOKEN")
    monkeypatch.setenv("DIGITALOCEAN_CONTEXT", "nowhere")
    plugin.prepare_connection(db)
    with pytest.raises(sqlite3.OperationalError, match="context 'nowhere' has no token"):
        db.execute(COUNT)


def test_without_the_extension_it_warns_once_and_the_connection_works(
    account: Simulator,
    db: sqlite3.Connection,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = loadable.path
    monkeypatch.setattr(loadable, "path", lambda: path(tmp_path))
    for _ in range(3):
        plugin.prepare_connection(db)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(
        f"dovtab: without droplet_actions: there is no loadable extension {tmp_path}"
    )
    assert "apt install gcc libsqlite3-dev" in line
    assert db.execute("SELECT 1").fetchone() == (1,)


@needs_extension
@pytest.mark.parametrize(
    "kind", ["TABLE droplet_actions(id)", "VIEW droplet_actions AS SELECT 1"]
)
def test_a_file_that_hides_the_table_warns_and_works(
    account: Simulator, db: sqlite3.Connection, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    db.execute(f"CREATE {kind}")
    plugin.prepare_connection(db)
    (line,) = capfd.readouterr().err.splitlines()
    word = kind.partition(" ")[0].lower()
    hides = f"dovtab: without droplet_actions: the database main has a {word} droplet_actions of its own"
    assert line.startswith(hides)
    db.execute("SELECT count(*) FROM droplet_actions").fetchone()
    db.execute("SELECT name FROM sqlite_schema").fetchall()
    assert account.requests == []


@needs_extension
def test_a_hub_is_no_file_that_hides_it(
    account: Simulator, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.write(str(tmp_path / "digitalocean.db"))
    with closing(sqlite3.connect(tmp_path / "digitalocean.db")) as opened:
        plugin.prepare_connection(opened)
        assert opened.execute(COUNT).fetchone() == (3,)
        assert opened.execute("SELECT count(*) FROM droplet_tags").fetchone()[0] > 0
    assert capfd.readouterr().err == ""
