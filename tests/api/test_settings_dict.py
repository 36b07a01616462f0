"""The settings have the same names wherever they are named, and types that mypy holds users to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

import dovtab
from dovtab.api.settings import CHECKS, VARIABLES, Settings, resolve

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "dovtab" / "help" / "settings.md").read_text(encoding="utf-8")
TABLE = re.findall(
    r"^\| `(\w+)` \| `(\w+)`.* \| .* \|$",
    PAGE.partition("\n| keyword | environment | default |\n")[2].partition("\n\n")[0],
    re.M,
)
TYPES = get_type_hints(dovtab.SettingsDict)


def test_the_names_are_the_same_everywhere() -> None:
    names = sorted(TYPES)
    assert sorted(CHECKS) == names
    checked = {field.name for field in fields(Settings) if field.compare}
    assert sorted(checked) == names
    assert sorted(name for name, _ in TABLE) == names


def test_the_variables_are_those_of_the_help() -> None:
    others = {"token": "DIGITALOCEAN_TOKEN", "context": "DIGITALOCEAN_CONTEXT"}
    assert VARIABLES | others == dict(TABLE)


def test_every_name_says_what_it_is() -> None:
    source = Path(sys.modules[dovtab.SettingsDict.__module__].__file__ or "").read_text()
    documented = re.findall(r'^    (\w+): .+\n    """.+\."""$', source, re.M)
    assert documented == list(TYPES)


VALUES = {bool: True, int: 7, float: 0.5, str: "/somewhere", type(None): None}


@pytest.mark.parametrize("name", TYPES)
def test_a_value_of_each_type_is_accepted(name: str) -> None:
    for kind in getattr(TYPES[name], "__args__", [TYPES[name]]):
        value = VALUES.get(kind, Path("/somewhere"))
        if name == "api_url":
            value = "https://a.example"
        found = getattr(resolve({name: value}, lambda _: None), name)
        assert name == "token" or found == (str(value) if isinstance(value, Path) else value)


RIGHT = """
import os
from pathlib import Path
from typing import Unpack

import apsw
import dovtab
import dovtab.dbapi

db = dovtab.connect("fleet.db", max_requests=50, cache_seconds=1, token=os.getenv("T"))
dovtab.register(db, log=Path("actions.db"), quota_folder=None, dry_run=True)
print(dovtab.refresh("history.db", full=True, context="prod", timeout_seconds=0.5).rows)
rows = dovtab.dbapi.connect("fleet.db", timeout=1, allow_actions=True, log=None)

def fleet(**settings: Unpack[dovtab.SettingsDict]) -> apsw.Connection:
    return dovtab.connect("fleet.db", **settings)

kept: dovtab.SettingsDict = {"concurrency": 4, "look_ahead": False}
fleet(**kept)
"""
WRONG = """
import dovtab
import dovtab.dbapi
db = dovtab.connect(max_request=50)
dovtab.connect(max_requests="50")
dovtab.register(db, dry_run="yes")
dovtab.refresh("history.db", ful=True)
dovtab.dbapi.connect(cache_seconds=None)
kept: dovtab.SettingsDict = {"tokn": "x"}
"""
REFUSED = {4: "call-arg", 5: "arg-type", 6: "arg-type", 7: "call-arg", 8: "arg-type"} | {
    9: "typeddict-unknown-key"
}


def test_mypy_knows_the_settings(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT.lstrip("\n"))
    (tmp_path / "wrong.py").write_text(WRONG)
    # With the cache of `mypy dovtab` it takes a fifth of the time.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "right.py", "wrong.py"]
    command += [f"--config-file={ROOT / '.mypy.ini'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
    checked = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
    )
    lines = [line for line in checked.stdout.splitlines() if ": error: " in line]
    found = {}
    for line in lines:
        where = re.fullmatch(r"wrong\.py:(\d+): error: .* +\[([\w-]+)\]", line)
        assert where, line
        found[int(where[1])] = where[2]
    assert found == REFUSED, checked.stdout + checked.stderr
