"""Stand-ins are noticed by nobody, and the shell is apsw's with all that it can do."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from dovtab.hosts.shell.shell import Shell
from dovtab.hosts.shell.stand_ins import StandIn, standing_in


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that nobody has imported, and one that imports it."""
    (tmp_path / "rarely_used.py").write_text("LOADED = 'yes'\n")
    (tmp_path / "importer.py").write_text("import rarely_used\n")
    (tmp_path / "eager.py").write_text("from rarely_used import LOADED\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("rarely_used", "importer", "eager"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "rarely_used"


def test_a_module_is_imported_at_the_first_look_at_it(module: str) -> None:
    with standing_in([StandIn(module)]):
        import importer  # type: ignore[import-not-found]
    assert module not in sys.modules
    assert importer.rarely_used.LOADED == "yes"
    assert module in sys.modules
    with pytest.raises(AttributeError):
        _ = importer.rarely_used.ABSENT


def test_whoever_takes_something_of_it_at_once_gets_it(module: str) -> None:
    with standing_in([StandIn(module)]):
        import eager  # type: ignore[import-not-found]
    assert eager.LOADED == "yes"
    assert type(sys.modules[module]) is not StandIn


def test_one_that_is_there_stays(module: str) -> None:
    real = __import__(module)
    with standing_in([StandIn(module)]):
        assert sys.modules[module] is real
    assert sys.modules[module] is real


def test_one_that_is_not_there_is_missed_like_any_other(module: str) -> None:
    stand_in = StandIn("not_there_at_all")
    with standing_in([stand_in]):
        pass
    with pytest.raises(ModuleNotFoundError):
        _ = stand_in.anything


def output(*lines: str, database: str = ":memory:") -> str:
    """What a shell that is just there says to these, each an argument of the command."""
    ran = subprocess.run(
        [sys.executable, "-m", "dovtab", "-batch", database, *lines],
        capture_output=True,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


TABLE = (
    "CREATE VIRTUAL TABLE notes USING fts5(text, tokenize = 'simplify casefold 1 unicodewords')"
)
FIND = "INSERT INTO notes VALUES ('Ein SATZ')", "SELECT text FROM notes('satz')"


def test_apsw_s_tokenizers_are_there_for_a_table_that_is_made() -> None:
    assert output(TABLE, *FIND) == "Ein SATZ\n"
    assert output("SELECT 1", TABLE, *FIND) == "1\nEin SATZ\n"


def test_they_are_there_for_a_table_of_a_file(tmp_path: Path) -> None:
    file = str(tmp_path / "notes.db")
    output(TABLE, database=file)
    assert output(*FIND, database=file) == "Ein SATZ\n"
    assert output(f"ATTACH '{file}' AS other", FIND[1]) == "Ein SATZ\n"
    assert output(f".open {file}", FIND[1]) == "Ein SATZ\n"
    assert output(f".restore {file}", FIND[1]) == "Ein SATZ\n"


def test_the_timer_and_the_boxes_and_the_dot_commands_work() -> None:
    said = output(".timer on", ".mode box", "SELECT 1 AS one", ".mode csv", "SELECT 'a,b'")
    assert "│ one │" in said
    assert "Wall clock" in said or "SQLite vm operations" in said
    assert '"a,b"' in said
    assert json.loads(output(".mode json", "SELECT 1 AS one")) == [{"one": 1}]


def test_a_connection_of_python_s_finds_the_real_modules() -> None:
    out: Any = io.StringIO()
    shell = Shell(stdin=io.StringIO("SELECT 1;\n"), stdout=out)
    shell.cmdloop()
    shell.close()
    import webbrowser

    assert type(webbrowser) is not StandIn
    assert apsw.ext.result_string(5) == "SQLITE_BUSY"
