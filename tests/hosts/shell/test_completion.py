"""What Tab offers: first what is of the tables that the statement names."""

from __future__ import annotations

import re

import pytest
from said import said

from dovtab.engine.manifest import manifest
from dovtab.hosts.shell.completion import KEYWORDS, Names, complete
from dovtab.hosts.shell.shell import Shell
from dovtab.resources import TABLES

MANIFEST = manifest(TABLES)
NAMES = Names(
    {
        "droplet_actions": ["id", "type", "status", "started_at", "droplet_id"],
        "droplets": ["id", "name", "status", "droplet_id"],
        "inventory": ["droplet_id", "name", "team"],
    },
    ["droplet_actions_post(", "droplet_actions_wait("],
    {
        ("droplet_actions", "type"): ["reboot", "resize", "snapshot"],
        ("droplet_actions", "status"): ["completed", "errored"],
        ("droplets", "status"): ["active", "off"],
    },
    (re.compile(r"insert\s+into|droplet_actions_post\s*\(", re.I), "type"),
)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("SELECT * FROM dr|", ["droplet_actions", "droplets"]),
        ("SELECT * FROM droplets JOIN |", ["droplet_actions", "droplets", "inventory"]),
        ("INSERT INTO droplet_|", ["droplet_actions"]),
        # Aliases, wherever they are said.
        ("SELECT a.s| FROM droplet_actions a", ["status", "started_at"]),
        ("SELECT i.t| FROM droplets AS d, inventory AS i", ["team"]),
        ("SELECT droplets.n| FROM droplets", ["name"]),
        ("SELECT x.| FROM droplets d", []),
        ('SELECT i.te| FROM "inventory" i', ["team"]),
        ("SELECT a.ty| FROM droplet_actions(3164444) a", ["type"]),
        # Columns of the tables that are named, and of no other.
        ("SELECT * FROM inventory WHERE tea|", ["team"]),
        ("SELECT st| FROM droplet_actions", ["status", "started_at"]),
        ("SELECT TEA| FROM inventory", ["TEAm"]),
        # Where none is named yet, of any.
        ("SELECT started|", ["started_at"]),
        ("SEL|", ["SELECT"]),
        ("sel|", ["select"]),
        ("SELECT * FROM inventory wher|", ["where"]),
        # Between quotes.
        ("SELECT * FROM droplet_actions WHERE type = '|", ["reboot", "resize", "snapshot"]),
        ("SELECT * FROM droplet_actions WHERE type IN ('reboot', 'sn|", ["snapshot"]),
        ("SELECT * FROM droplet_actions WHERE status<>'e|", ["errored"]),
        (
            "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 're|",
            ["reboot", "resize"],
        ),
        ("SELECT droplet_actions_post(1, 's|", ["snapshot"]),
        ("SELECT * FROM inventory WHERE team = 're|", []),
        ("SELECT * FROM droplets WHERE status = '|", ["active", "off"]),
        ("SELECT * FROM droplet_actions WHERE status = '|", ["completed", "errored"]),
        ("INSERT INTO inventory(|", ["droplet_id", "name", "team"]),
        ("INSERT INTO droplet_actions(droplet_id, ty|", ["type"]),
        ("SELECT * FROM droplets JOIN inventory USING (|", ["name", "droplet_id"]),
        ("SELECT * FROM droplets JOIN droplet_actions a USING (dr|", ["droplet_id"]),
        ("SELECT droplet_actions_w|", ["droplet_actions_wait("]),
        # And the rest of SQLite where nothing fits.
        ("SELECT geop|", ["geopoly_area("]),
    ],
)
def test_it_offers(line: str, offered: list[str]) -> None:
    before, _, after = line.partition("|")
    assert complete(before, after, NAMES, lambda: ["geopoly_area("]) == offered


def test_at_the_beginning_it_offers_how_a_statement_begins() -> None:
    assert complete("", "", NAMES, list)[0] == "SELECT"
    assert set(complete("  ", "", NAMES, list)) <= set(KEYWORDS)


def complete_in(shell: Shell, line: str) -> list[str]:
    """What readline would be given: to it a dot is of the word."""
    token = re.search(r"[\w.]*\Z", line)
    assert token is not None
    return shell.complete_sql(line, token[0], token.start(), len(line))


def test_it_knows_what_the_connection_has(shell: Shell) -> None:
    functions = {f"{function.name}(" for function in MANIFEST.functions}
    assert set(complete_in(shell, "SELECT droplet_")) == {
        "droplet_actions",
        "droplet_id",
        *functions,
    }
    assert {module.name for module in MANIFEST.modules} <= set(complete_in(shell, "SELECT d"))
    assert "ratelimit_remaining" in complete_in(shell, "SELECT ratel")
    for hidden in ("action_id", "per_page", "tag_name", "attributes"):
        assert complete_in(shell, f"SELECT {hidden[:5]}").count(hidden) == 1
    # Ours before those that nobody has asked for.
    assert not [word for word in complete_in(shell, "SELECT ") if word.startswith("geopoly")]
    assert "geopoly_area(" in complete_in(shell, "SELECT geopoly_a")
    assert complete_in(shell, "SELECT a.st") == []
    assert complete_in(shell, "SELECT * FROM droplet_actions a WHERE a.st") == [
        "a.started_at",
        "a.status",
    ]


def test_a_new_table_is_known_with_the_next_line(shell: Shell) -> None:
    assert complete_in(shell, "SELECT * FROM mi") == []
    shell.stdin.write("CREATE TABLE mine(colour);\n")
    shell.stdin.seek(0)
    line = shell.get_complete_line()
    assert line is not None
    said(shell, line)
    shell.get_complete_line()
    assert complete_in(shell, "SELECT * FROM mi") == ["mine"]
    assert complete_in(shell, "SELECT col") == ["colour"]


def test_dot_commands_know_tables(shell: Shell) -> None:
    line = ".describe dr"
    assert shell.complete_command(line, "dr", 10, len(line)) == ["droplet_actions", "droplets"]
    assert ".describe " in shell.complete_command(".desc", ".desc", 0, 5)
