"""What the shell says of tables, and what is meant by a name that is wrong."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
from said import now_said, said

from dovtab.engine.manifest import RECORDS, manifest
from dovtab.hosts.shell.shell import Shell
from dovtab.resources import TABLES

MANIFEST = manifest(TABLES)


def test_the_tables_are_listed_with_what_is_in_them(shell: Shell) -> None:
    """All that there are: whoever adds one need not think of the shell."""
    said(
        shell,
        "CREATE TABLE mine(a)",
        "CREATE VIEW seen AS SELECT 1",
        "SELECT * FROM dovtab_plan",
    )
    lines = said(shell, ".tables").splitlines()
    assert [line.split()[0] for line in lines] == [
        "mine",
        "seen",
        *(module.name for module in MANIFEST.modules),
    ]
    assert lines[0].split(maxsplit=1)[1] == "a table of main"
    assert lines[1].split(maxsplit=1)[1] == "a view of main"
    assert all(
        module.description in line
        for module, line in zip(MANIFEST.modules, lines[2:], strict=True)
    )
    few = now_said(shell, ".tables droplet%").splitlines()
    assert [line.split()[0] for line in few] == ["droplet_actions", "droplets"]


@pytest.mark.parametrize("name", [module.name for module in MANIFEST.modules])
def test_a_schema_has_every_column_and_what_it_is(shell: Shell, name: str) -> None:
    text = now_said(shell, f".schema {name}")
    columns = list(shell.db.execute(f"PRAGMA table_xinfo({name})"))
    lines = re.findall(r"^  (\w+) (\w+)( HIDDEN)?,? *-- (\S.*)$", text, re.M)
    assert [(line[0], line[1], bool(line[2])) for line in lines] == [
        (name, type, hidden == 1) for _, name, type, _, _, _, hidden in columns
    ]
    # It is SQL, and to SQLite the rest is comments.
    with contextlib.closing(Shell(stdout=io.StringIO(), stdin=io.StringIO())) as other:
        other.db.execute(
            text.replace(f"TABLE {name}(", "TABLE copied(").replace("limit INT", '"limit" INT')
        )


def test_a_schema_without_a_name_is_that_of_the_file(shell: Shell) -> None:
    said(shell, "CREATE TABLE mine(a)")
    assert now_said(shell, ".schema") == "CREATE TABLE mine(a);\n"


def test_a_table_is_described(shell: Shell) -> None:
    text = now_said(shell, ".describe Droplet_Actions")
    for line in (
        r"│ droplet_id +│ INTEGER, hidden +│ the Droplet; the fast way in +│",
        r"│ droplet_id +│ GET /v2/droplets/\{droplet_id\}/actions \? droplet_id= +│",
        r"│ action_id +│ GET /v2/actions/\{action_id\} \? action_id= +│",
        r"│ resize +│ size: text; disk: boolean, optional +│ +│",
        r"│ power_off +│ +│ yes +│",
    ):
        assert re.search(line, text), text
    assert "to start" not in now_said(shell, ".describe droplets")
    assert re.search(
        r"│ a +│ INT", now_said(shell, "CREATE TABLE mine(a INT)", ".describe mine")
    )
    for line, why in [
        (".describe", "usage: .describe TABLE"),
        (".describe a b", "usage"),
        (".describe actions", "no such table: actions; did you mean droplet_actions?"),
    ]:
        with pytest.raises(Shell.Error, match=re.escape(why)):
            said(shell, line)


def test_in_every_door_tables_say_the_same(shell: Shell) -> None:
    """A stock sqlite3 has no .describe."""
    rows = list(
        shell.db.execute("SELECT table_name, name, hidden, description FROM dovtab_columns")
    )
    assert {row[0] for row in rows} == {module.name for module in MANIFEST.modules}
    for table in MANIFEST.modules:
        columns = list(shell.db.execute(f"PRAGMA table_xinfo({table.name})"))
        of_it = [row for row in rows if row[0] == table.name]
        assert [(row[1], row[2]) for row in of_it] == [(c[1], c[6]) for c in columns]
        assert all(row[3] for row in of_it)
    startable = "SELECT type FROM dovtab_action_types WHERE table_name = 'droplet_actions'"
    assert TABLES[0].acts is not None
    assert [type for (type,) in shell.db.execute(startable)] == list(TABLES[0].acts.types)
    assert shell.db.execute("SELECT count(*) FROM dovtab_requests").get == 0


def test_what_a_column_saves_is_what_the_plan_says(shell: Shell) -> None:
    for table, column, request in list(
        shell.db.execute("SELECT table_name, name, request FROM dovtab_columns")
    ):
        if table in RECORDS:
            assert request is None
            continue
        plan = f'EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE "{column}" = ? ORDER BY 1'
        told = shell.db.execute(plan, ("1",)).fetchall()[0][3]
        if request is None:
            assert f" {column}=" not in told
        else:
            assert told.endswith(f"INDEX 0:{request}")
            assert request.endswith(f" {column}=")


def test_all_accounts_are_described_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOVTAB_ALL_CONTEXTS", "1")
    with contextlib.closing(Shell(stdout=io.StringIO(), stdin=io.StringIO())) as other:
        for table in ("all_droplets", "all_droplet_actions"):
            query = "SELECT name FROM dovtab_columns WHERE table_name = ?"
            described = [name for (name,) in other.db.execute(query, (table,))]
            declared = [row[1] for row in other.db.execute(f"PRAGMA table_xinfo({table})")]
            assert described == declared


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT * FROM actions", "no such table: actions; did you mean droplet_actions?"),
        (
            "SELECT * FROM droplet",
            "no such table: droplet; did you mean droplets or droplet_actions?",
        ),
        ("SELECT * FROM dovtab_post", "no such table: dovtab_post; did you mean dovtab_posts"),
        ("SELECT * FROM invoices", "no such table: invoices"),
        ("SELECT * FROM min", "no such table: min; did you mean mine"),
        (
            "SELECT creatd_at FROM droplets",
            "no such column: creatd_at; did you mean created_at?",
        ),
        ("SELECT d.vcpu FROM droplets d", "no such column: d.vcpu; did you mean vcpus?"),
        (
            "SELECT droplet_action_post(1, 'x')",
            "no such function: droplet_action_post; did you mean droplet_actions_post",
        ),
        ("SELECT xyzzy FROM droplets", "no such column: xyzzy"),
        ("SELECT name FROM droplet_actions", "no such column: name; droplets has it"),
        (
            "SELECT region FROM mine",
            "no such column: region; droplet_actions and droplets have it",
        ),
        ("SELECT a FROM droplets", "no such column: a; mine has it"),
        (
            "SELECT * FROM temp.mine",
            "no such table: temp.mine; did you mean mine or main.mine?",
        ),
    ],
)
def test_the_nearest_names_are_told(shell: Shell, statement: str, told: str) -> None:
    said(shell, "CREATE TABLE mine(a)")
    with pytest.raises(Exception, match=re.escape(told)) as raised:
        said(shell, statement)
    assert type(raised.value).__name__ == "SQLError"
    assert str(raised.value).endswith("?") is ("did you mean" in told)
