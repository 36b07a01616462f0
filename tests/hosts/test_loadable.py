"""Where the extension is, what is said if it is not there, and how Python's own sqlite3 gets it."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import dovtab
from built import needs_extension
from dovtab.errors import SettingsError
from dovtab.hosts import command, loadable
from dovtab.simulator import Simulator


def test_without_a_compiler_it_says_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match="apt install gcc libsqlite3-dev") as raised:
        loadable.path(tmp_path)
    assert "\n" not in str(raised.value)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match=r"compiler \([\w-]+ is not there\)"):
        loadable.path(tmp_path)

    def not_there() -> str:
        return loadable.path(tmp_path)

    monkeypatch.setitem(command.ANSWERS, "loadable-path", not_there)
    assert command.main(["--loadable-path"]) == 2
    assert capsys.readouterr().err.startswith("Error: there is no loadable extension ")


def built_in(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / f"dovtab{loadable.SUFFIX}").touch()
    return folder


def test_in_a_source_tree_the_interpreter_is_noted_and_a_dead_one_replaced(
    tmp_path: Path,
) -> None:
    folder = built_in(tmp_path / "project" / "dovtab")
    note = folder / loadable.INTERPRETER
    assert loadable.path(folder) == str(folder / "dovtab")
    assert note.read_text() == f"{sys.executable}\n"
    note.write_text("/nowhere/bin/python\n")
    loadable.path(folder)
    assert note.read_text() == f"{sys.executable}\n"
    note.write_text("/bin/sh\n")
    loadable.path(folder)
    assert note.read_text() == "/bin/sh\n"


def test_an_installed_package_lies_beside_its_interpreter_and_gets_no_note(
    tmp_path: Path,
) -> None:
    folder = built_in(tmp_path / "lib" / "python3.11" / "site-packages" / "dovtab")
    loadable.path(folder)
    assert not (folder / loadable.INTERPRETER).exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    folder = built_in(tmp_path / "project" / "dovtab")
    (folder / loadable.INTERPRETER).mkdir()
    assert loadable.path(folder) == str(folder / "dovtab")


@pytest.fixture
def account(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator.account.populate(droplets=2, actions=3)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    return simulator


COUNT = "SELECT count(*) FROM droplet_actions WHERE droplet_id = 3164444"


@needs_extension
def test_the_standard_library_s_connection_gets_the_tables_and_no_other_does(
    account: Simulator,
) -> None:
    with (
        closing(sqlite3.connect(":memory:")) as db,
        closing(sqlite3.connect(":memory:")) as other,
    ):
        dovtab.load(db)
        dovtab.load(db)  # once more is nothing
        assert db.execute(COUNT).fetchone() == (3,)
        with pytest.raises(sqlite3.OperationalError, match="no such table: droplet_actions"):
            other.execute(COUNT)
    with closing(sqlite3.connect(":memory:")) as later, pytest.raises(sqlite3.OperationalError):
        later.execute(COUNT)


@needs_extension
def test_so_does_another_library_s_that_can_load_extensions(account: Simulator) -> None:
    with closing(apsw.Connection(":memory:")) as db:
        dovtab.load(db)  # type: ignore[arg-type]
        assert db.execute(COUNT).get == 3
        with pytest.raises(apsw.ExtensionLoadingError):
            db.load_extension("nowhere")


@needs_extension
def test_a_wrong_setting_is_said_when_it_is_loaded(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVTAB_CONCURRENCY", "many")
    with (
        closing(sqlite3.connect(":memory:")) as db,
        pytest.raises(
            sqlite3.OperationalError, match="DOVTAB_CONCURRENCY must be a whole number"
        ),
    ):
        dovtab.load(db)


@needs_extension
def test_a_table_that_hides_ours_is_told_of(account: Simulator) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIEW DROPLET_actions AS SELECT 1 AS id")
        with pytest.raises(sqlite3.OperationalError, match="the database main has a view"):
            dovtab.load(db)
        db.execute("DROP VIEW droplet_actions")
        dovtab.load(db)
        assert db.execute(COUNT).fetchone() == (3,)


@needs_extension
def test_a_token_is_of_the_connection_that_was_loaded_with_it(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        closing(sqlite3.connect(":memory:")) as first,
        closing(sqlite3.connect(":memory:")) as db,
    ):
        dovtab.load(first)
        monkeypatch.delenv("DIGITALOCEAN_TOKEN")
        dovtab.load(db)
        with pytest.raises(sqlite3.OperationalError, match="no API token"):
            db.execute(COUNT)
        assert first.execute(COUNT).fetchone() == (3,)
        helpers = [p for p in Path("/proc").glob("[0-9]*/environ") if is_helper(p.parent)]
        assert helpers
        assert not any(account.token.encode() in helper.read_bytes() for helper in helpers)


@needs_extension
def test_its_helper_counts_together_with_the_other_programs_of_the_user(
    account: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the folder that the connection's environment names, not that of the helper's start."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "other"))
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        db.execute("SELECT count(*) FROM droplet_actions(1)").fetchone()
        used = "SELECT used FROM dovtab_quota WHERE window = 'minute'"
        assert db.execute(used).fetchall() == [(1,)]
    own = dovtab.connect()
    assert own.execute(used).get == 1
    own.close()
    assert len(list((tmp_path / "other").rglob("*"))) == 3


def is_helper(process: Path) -> bool:
    try:
        return b"dovtab.hosts.pipe.helper" in (process / "cmdline").read_bytes()
    except OSError:
        return False


@needs_extension
def test_starting_actions_is_off_unless_the_environment_allows_it(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    reboot = "SELECT droplet_actions_post(3164444, 'reboot')"
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        with pytest.raises(sqlite3.OperationalError, match="DOVTAB_ALLOW_ACTIONS=1"):
            db.execute(reboot)
    monkeypatch.setenv("DOVTAB_ALLOW_ACTIONS", "1")
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        assert len(db.execute(reboot).fetchall()) == 1
    assert [r.method for r in account.requests].count("POST") == 1


@pytest.mark.parametrize("given", [None, "fleet.db", 5, {}, object()])
def test_what_is_no_connection_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match=r"dovtab.load needs a sqlite3.Connection, not a \w+"):
        dovtab.load(given)  # type: ignore[arg-type]


@needs_extension
def test_a_cursor_and_a_closed_connection_are_refused() -> None:
    db = sqlite3.connect(":memory:")
    with pytest.raises(TypeError, match=r"not a sqlite3.Cursor"):
        dovtab.load(db.cursor())  # type: ignore[arg-type]
    db.close()
    with pytest.raises(sqlite3.ProgrammingError):
        dovtab.load(db)
