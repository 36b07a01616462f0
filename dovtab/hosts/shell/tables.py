"""What the shell says of tables: ``.tables``, ``.schema``, ``.describe``, and which was meant.

Ours are in no database file, so SQLite's lists of what a file has leave them out.

Source: https://sqlite.org/cli.html#querying_the_database_schema
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apsw

from dovtab.engine.manifest import Manifest, Module, over_all
from dovtab.engine.session import Session
from dovtab.hosts.shell import output
from dovtab.hosts.shell.completion import Names, complete, last_word
from dovtab.hosts.shell.words import hanging
from dovtab.resources import TABLES

_COLUMNS = "SELECT name, type, hidden, description FROM dovtab_columns WHERE table_name = ?"
_DESCRIBED = """
SELECT name AS "column", type || iif(hidden, ', hidden', '') AS type, description AS "what it is"
FROM dovtab_columns WHERE table_name = ?"""
_KEYS = """
SELECT name AS "where this is bound", request AS "the request is"
FROM dovtab_columns WHERE table_name = ? AND request IS NOT NULL"""
_OUR_COLUMNS = "SELECT table_name, name FROM dovtab_columns"
_OTHER_COLUMNS = """
SELECT t.name, c.name FROM pragma_table_list t, pragma_table_xinfo(t.name, t.schema) c
WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%' AND c.hidden <> 1"""
_OWN = """
SELECT name AS "column", type, "notnull" AS "not null", dflt_value AS "default", pk AS "key"
FROM pragma_table_xinfo(?)"""
_ACTION_TYPES = """
SELECT type AS "to start", ifnull(attributes, '') AS attributes, iif(by_tag, 'yes', '') AS "by tag"
FROM dovtab_action_types WHERE table_name = ?"""
_IN_FILES = """
SELECT name, iif(type = 'view', 'a view', 'a table') || ' of ' || schema FROM pragma_table_list
WHERE type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite_%' ORDER BY name"""
_HAVING = """
SELECT DISTINCT t.name FROM pragma_table_list t, pragma_table_xinfo(t.name, t.schema) c
WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%' AND c.name = ?"""
# A table of another database than the one that was said is called by both names.
_NAMED = """
SELECT name FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'
UNION SELECT schema || '.' || name FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'"""
_AMBIGUOUS = re.compile(r"ambiguous column name: (\w+)\Z")
_NOT_THERE = re.compile(r"no such (table|column|function): ((?:\w+\.)*\w+)\Z")


class Shell(output.Shell):
    """apsw's, which knows the tables of a connection that no file has."""

    def __init__(self, **options: Any) -> None:
        # The lines before the one that is being typed.
        self.typed = ""
        self._names: Names | None = None
        self._sessions: dict[apsw.Connection, Session] = {}
        super().__init__(**options)

    def manifest(self) -> Manifest:
        """What the connection that is open has."""
        return self._sessions[self.db].manifest

    def modules(self) -> Sequence[Module]:
        """Its tables."""
        return self.manifest().modules

    def command_tables(self, cmd: list[str]) -> None:
        """tables ?PATTERN?: Lists names of tables matching LIKE pattern

        This also returns views, and dovtab's own tables, with what is in them.
        """
        ours = {module.name: module.description for module in self.modules()}
        # The list of a file has ours, too, once a statement has named them.
        found = {
            name: told for name, told in self._select(_IN_FILES) if name not in ours
        } | ours
        found = {name: told for name, told in found.items() if self._matches(name, cmd)}
        width = max(map(len, found), default=0)
        for name, told in found.items():
            self._write_lines(hanging(f"{name:{width}}  ", told, self._screen_width()))

    def command_schema(self, cmd: list[str]) -> None:
        """schema ?TABLE? [TABLE...]: Shows SQL for table

        TABLE is a like pattern. Of dovtab's own tables it shows the columns, with
        what is in them; if no TABLE is said, only those of the file.
        """
        super().command_schema(list(cmd))
        for module in self.modules() if cmd else ():
            if self._matches(module.name, cmd):
                columns = self._select(_COLUMNS, module.name)
                self._write_lines(_declared(module, columns, self._screen_width()))

    def command_describe(self, cmd: list[str]) -> None:
        """describe TABLE: What its columns are, and which requests they make

        For a table into which INSERT starts actions, also their types. The same is in the
        tables dovtab_columns and dovtab_action_types.
        """
        if len(cmd) != 1:
            raise self.Error("usage: .describe TABLE")
        found = [m.name for m in self.modules() if m.name.lower() == cmd[0].lower()]
        if found:
            for sql in (_DESCRIBED, _KEYS, _ACTION_TYPES):
                self._print(sql, found[0])
        elif any(self._select(_OWN, cmd[0])):
            self._print(_OWN, cmd[0])
        else:
            raise self.Error(self._no_such("table", cmd[0]))

    def complete_sql(self, line: str, token: str, beg: int, end: int) -> list[str]:
        theirs = super().complete_sql
        if "pragma " in line.lower():
            pragmas: list[str] = theirs(line, token, beg, end)
            return pragmas
        if self._names is None:
            self._names = self._all_names()
        before = self.typed + line[:end]
        begin = len(token) - len(last_word(token))
        found = complete(before, line[end:], self._names, lambda: theirs(line, token, beg, end))
        # To readline an alias and its dot are of the word.
        return [token[:begin] + name for name in found]

    def complete_command(self, line: str, token: str, beg: int, end: int) -> list[str]:
        if re.match(r"\.(describe|schema|tables)\s", line):
            names = [name for name, _ in self._select(_IN_FILES)]
            ours = [module.name for module in self.modules()]
            return [n for n in dict.fromkeys([*ours, *names]) if n.startswith(token)]
        commands: list[str] = super().complete_command(line, token, beg, end)
        return commands

    def _all_names(self) -> Names:
        columns: dict[str, list[str]] = {}
        for table, column in [*self._select(_OUR_COLUMNS), *self._select(_OTHER_COLUMNS)]:
            columns.setdefault(table, []).append(column)
        values = {(t.name, c.name): c.values for t in TABLES for c in t.columns if c.values}
        manifest = self.manifest()
        starts = [f"insert\\s+into\\s+{m.name}" for m in manifest.modules if m.writable]
        starts += [
            f"{function.name}\\s*\\(" for function in manifest.functions if function.acts
        ]
        acting = re.compile(rf"\b(?:{'|'.join(starts)})", re.I)
        functions = [f"{function.name}(" for function in manifest.functions]
        return Names(columns, functions, values, (acting, "type"))

    def _print(self, sql: str, table: str) -> None:
        options = getattr(self, "box_options", {})
        self.push_output()
        self.command_mode(["box"])
        self.box_options["null"] = ""
        try:
            self.process_sql(sql, (table,), internal=True)
        finally:
            self.pop_output()
            self.box_options = options

    def _write_lines(self, lines: Iterable[str]) -> None:
        self.write(self.stdout, "".join(f"{line}\n" for line in lines))

    def _select(self, sql: str, *bindings: str) -> list[tuple[Any, ...]]:
        # Of our own tables: whoever has one of that name has no connection here.
        return list(self.db.execute(sql, bindings))

    def _matches(self, name: str, patterns: Sequence[str]) -> bool:
        like = "SELECT ? LIKE ?"
        return not patterns or any(self.db.execute(like, (name, p)).get for p in patterns)

    def _query_details(self, sql: str, bindings: Any) -> Any:
        details = super()._query_details(sql, bindings)
        found = _NOT_THERE.match(details.error_text or "")
        twice = _AMBIGUOUS.match(details.error_text or "")
        if found is not None:
            told = self._no_such(found[1], found[2])
        elif twice is not None and (having := self._tables_with(twice[1])):
            told = f"{twice[0]}; say {' or '.join(f'{t}.{twice[1]}' for t in having)}"
        else:
            return details
        error = type(details.exception)(told)
        return dataclasses.replace(details, error_text=told, exception=error)

    def _no_such(self, kind: str, name: str) -> str:
        told, (*_, bare) = f"no such {kind}: {name}", name.split(".")
        if kind == "table" and bare.lower() in map(over_all, TABLES):
            return f"{told}; it comes with --all-contexts"
        if kind == "column" and (there := self._tables_with(bare)):
            return f"{told}; {' and '.join(there)} {'has' if len(there) == 1 else 'have'} it"
        meant = [other for other in nearest(bare, self._there(kind)) if other != name.lower()]
        return f"{told}; did you mean {' or '.join(meant)}?" if meant else told

    def _tables_with(self, column: str) -> list[str]:
        # What is only written down has no row to join with.
        having = [t.name for t in TABLES if column.lower() in t.places]
        return having or [t for (t,) in self._select(_HAVING, column)]

    def _there(self, kind: str) -> Iterable[str]:
        if kind == "column":
            return (
                name for (name,) in self._select("SELECT DISTINCT name FROM dovtab_columns")
            )
        if kind == "function":
            functions = "SELECT DISTINCT name FROM pragma_function_list"
            return (name for (name,) in self._select(functions))
        ours = [module.name for module in self.modules()]
        return [*ours, *(name for (name,) in self._select(_NAMED))]


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """Those that may be meant, two at most: spelled nearly so, or with the word in them.

    >>> nearest("actions", ["droplet_actions", "droplets", "dovtab_posts"])
    ['droplet_actions']
    >>> nearest("droplet", ["droplet_actions", "droplets", "dovtab_posts"])
    ['droplets', 'droplet_actions']
    >>> nearest("invoices", ["droplet_actions", "droplets"])
    []
    """
    # Few names are wrong.
    from difflib import get_close_matches

    known = {known.lower(): known for known in names}
    wanted = name.lower()
    spelled = get_close_matches(wanted, known, n=2, cutoff=0.75)
    holding = [n for n in known if len(wanted) > 2 and wanted in n]
    holding = holding or [n for n in known if len(wanted) > 3 and wanted.rstrip("s") in n]
    return [known[n] for n in dict.fromkeys([*spelled, *sorted(holding, key=len)])][:2]


def _declared(
    module: Module, columns: Sequence[Sequence[object]], width: int | None
) -> Iterator[str]:
    """A CREATE TABLE with what the columns are, for people.

    >>> module = Module("t", "what is there", creatable=True, writable=False)
    >>> for line in _declared(module, [("id", "INTEGER", 0, "its id")], 80):
    ...     print(line)
    CREATE TABLE t( -- what is there
      id INTEGER -- its id
    );
    """
    yield from hanging(f"CREATE TABLE {module.name}( ", module.description, width, "-- ")
    heads = [
        f"{name} {type}{' HIDDEN' if hidden else ''}{',' if place < len(columns) else ''}"
        for place, (name, type, hidden, _) in enumerate(columns, start=1)
    ]
    widest = max(map(len, heads))
    for head, (*_, description) in zip(heads, columns, strict=True):
        yield from hanging(f"  {head:{widest}} ", str(description), width, "-- ")
    yield ");"
