"""What the README and the help say of other programs runs in them, as it stands there."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from datasette_server import site
from host_programs import FOLDER, JAVA_STARTS_SOON, RUNNERS, needs

import dovtab
from built import needs_extension
from dovtab.simulator import Simulator

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "dovtab" / "help" / f"{name}.md" for name in ("programs", "datasette")]
SECTION = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUERY = "SELECT count(*) FROM droplet_actions(3164444)"

pytestmark = needs_extension


def block(kind: str, containing: str = "") -> str:
    found: list[str] = re.findall(rf"^```{kind}\n(.*?)^```$", SECTION, re.M | re.S)
    (text,) = [text for text in found if containing in text]
    return text


def line(containing: str) -> str:
    (found,) = [line for line in block("bash", QUERY).splitlines() if containing in line]
    return found


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """The demo's Droplets, a database file, and what the README exports."""
    path = f"{Path(sys.executable).parent}:{FOLDER}/python/bin:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("fleet.db")) as db:
        db.execute("CREATE TABLE inventory(droplet_id INTEGER PRIMARY KEY, name, team)")
    with Simulator() as simulator:
        simulator.account.populate(droplets=10, actions=8)
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
        monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
        monkeypatch.setenv("DOVTAB", dovtab.loadable_path())
        yield simulator


def prints(*command: str, given: str = "") -> str:
    ran = subprocess.run(
        command, input=given, capture_output=True, encoding="utf-8", timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.strip()


def test_the_shell() -> None:
    needs("cli")
    export = block("bash", "export").strip()
    assert prints("bash", "-ec", f"{export}; echo $DOVTAB") == dovtab.loadable_path()
    assert prints("bash", "-ec", line("sqlite3 fleet.db")) == "8"
    (first,) = re.findall(r"^```bash\n(.*?)^```$", README, re.M | re.S)
    assert prints("bash", "-ec", first) == "8"


def test_datasette() -> None:
    needs("datasette")
    command = f"{line('datasette')} --get '/fleet.json?_shape=arrayfirst&sql={QUERY}'"
    assert (
        prints("bash", "-ec", command.replace("SELECT count(*) FROM ", "SELECT+count(*)+FROM+"))
        == "[8]"
    )


def test_sqlite_utils() -> None:
    needs("sqlite-utils")
    assert re.search(r": 8\b", prints("bash", "-ec", line("sqlite-utils")))


def test_the_plugins(fleet: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the port that the system chooses, and one page instead of all."""
    needs("datasette")
    get = "--get '/_memory.json?_shape=arrayfirst&sql={}'"
    join = "select+count(*)+from+digitalocean.droplet_actions+where+droplet_id=3164446"
    post = "select+droplet_actions_post(3164446,'\\''reboot'\\'')"
    make, serve = block("bash", "--hub").splitlines()
    prints("bash", "-ec", make)
    by_option = block("bash", "dovtabread").strip()
    assert prints("bash", "-ec", f"{by_option} {get.format(join)}") == "[8]"
    monkeypatch.setenv("PYTHONPATH", str(site(tmp_path / "site")))
    monkeypatch.setenv("DOVTAB_ALLOW_ACTIONS", "1")
    assert prints("bash", "-ec", f"{serve} {get.format(join)}") == "[8]"
    rows = json.loads(prints("bash", "-ec", block("bash", "sqlite-utils rows")))
    assert [list(row)[:2] for row in rows] == [["name", "type"]] * 3
    for command in (serve, by_option):
        refused = subprocess.run(
            ["bash", "-ec", f"{command} {get.format(post)}"], capture_output=True, text=True
        )
        assert "starting actions is off" in refused.stdout
    assert [request for request in fleet.requests if request.method == "POST"] == []


def test_odbc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("isql")
    settings = block("ini").replace("fleet.db", str(tmp_path / "fleet.db"))
    settings = settings.replace("dovtab.so", f"{dovtab.loadable_path()}.so")
    (tmp_path / "odbc.ini").write_text(settings)
    monkeypatch.setenv("ODBCINI", str(tmp_path / "odbc.ini"))
    assert prints("isql", "fleet", "-b", "-d,", given=f"{QUERY}\n") == "8"


JAVA = """
import java.sql.*;
import org.sqlite.SQLiteConfig;
public class Recipe {{
    public static void main(String[] arguments) throws SQLException {{
{}
    }}
}}
"""


def test_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("jdbc")
    monkeypatch.setenv("JDK_JAVA_OPTIONS", " ".join(JAVA_STARTS_SOON))
    (tmp_path / "Recipe.java").write_text(JAVA.format(block("java")))
    assert prints("java", "-cp", f"{FOLDER}/jdbc/*", "Recipe.java") == "8"


GO = """
package main

import (
	"database/sql"
	"fmt"
	"os"

	"github.com/mattn/go-sqlite3"
)

func main() {{
{}
}}
"""


def test_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("go")
    for name in ("go.mod", "go.sum"):
        shutil.copy(RUNNERS / "go" / name, tmp_path)
    (tmp_path / "main.go").write_text(GO.format(block("go")))
    # As install_hosts.sh compiled it, so that it need not be compiled again.
    monkeypatch.setenv("CGO_CFLAGS", "-O0 -g0")
    monkeypatch.setenv("HOME", pwd.getpwuid(os.geteuid()).pw_dir)
    assert prints("go", "run", "-buildvcs=false", ".") == "8"


@pytest.mark.parametrize(
    ("name", "kind", "command"),
    [
        ("node", "js", ["node"]),
        ("perl", "perl", ["perl"]),
        ("php", "php", ["php"]),
        ("ruby", "ruby", ["ruby"]),
        ("tcl", "tcl", ["tclsh"]),
    ],
)
def test_a_script(
    name: str, kind: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(name)
    (tmp_path / "recipe").write_text(block(kind))
    monkeypatch.setenv("NODE_PATH", f"{FOLDER}/node/node_modules")
    folder = Path(dovtab.loadable_path()).parent
    settings = ["-d", f"sqlite3.extension_dir={folder}"] if name == "php" else []
    assert prints(*command, *settings, "recipe") == "8"


def test_a_pool_has_it_in_every_connection_from_then_on() -> None:
    """With the entry point that the README names, in one that can be tested without a pool."""
    needs("python")
    (load,) = re.findall(r"SELECT load_extension\('PATH', '\w+'\)", " ".join(SECTION.split()))
    program = f"""
import os, sqlite3
first = sqlite3.connect(":memory:")
first.enable_load_extension(True)
first.execute({load!r}.replace("PATH", os.environ["DOVTAB"]))
print(sqlite3.connect(":memory:").execute({QUERY!r}).fetchone()[0])
"""
    assert prints("/usr/bin/python3", "-c", program) == "8"


def test_a_program_without_the_extension_reads_the_rest_of_a_file_with_a_view() -> None:
    with (
        closing(sqlite3.connect("fleet.db")) as db,
        closing(sqlite3.connect("fleet.db")) as plain,
    ):
        dovtab.load(db)
        db.execute(block("sql", "CREATE VIEW"))
        query = "SELECT count(*) FROM actions WHERE droplet_id = 3164444"
        assert db.execute(query).fetchone() == (8,)
        (plan,) = db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
        assert "GET /v2/droplets/{droplet_id}/actions ? droplet_id=" in plan[3]
        assert plain.execute("SELECT count(*) FROM inventory").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError) as raised:
            plain.execute(query)
        assert f"`{raised.value}`" in SECTION


def test_what_the_readme_says_shows_the_tables_shows_them() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        dovtab.load(db)
        assert ("droplet_actions",) in db.execute("PRAGMA module_list").fetchall()
        columns = db.execute("PRAGMA table_xinfo(droplet_actions)").fetchall()
        assert ("droplet_id", "INTEGER", 1) in [(row[1], row[2], row[6]) for row in columns]
