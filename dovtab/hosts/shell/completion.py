"""What may come next in a statement that somebody is typing.

Not a parser: the words before the cursor say what is wanted, a table after FROM, a column
of the table after ``a.``, a type of action between the quotes of ``type = '``; else a
column of the tables that the statement names, a table, a function of ours or a keyword.
SQLite's other functions come only where nothing of that fits.

Pure. Source: https://sqlite.org/lang_select.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

_NAME = r'(?:\w+|"[^"]*"|\[[^\]]*\])'
_NO_ALIAS = (
    "where|join|on|using|left|right|full|inner|outer|cross|natural|order|group|having|limit"
    "|union|select|set|values|default|returning"
)
# A table, and perhaps the name that it goes by: FROM inventory AS i, droplet_actions a
_FROM = re.compile(
    rf"\b(?:from|join|into|update|,)\s+(?:\w+\.)?({_NAME})(?:\s*\([^()]*\))?"
    rf"(?:\s+(?:as\s+)?(?!(?:{_NO_ALIAS})\b)(\w+))?",
    re.I,
)
_WANTS_TABLE = re.compile(r"\b(from|join|into|update|table|describe|schema)\s+\w*\Z", re.I)
_AFTER_ALIAS = re.compile(r"\b(\w+)\.(\w*)\Z")
_COLUMNS_INTO = re.compile(rf"\binto\s+({_NAME})\s*\([^()]*\Z", re.I)
_IN_USING = re.compile(r"\busing\s*\([^()]*\Z", re.I)
# The column that a text is compared with.
_COMPARED = re.compile(
    r"\b(\w+)\s*(?:=|==|<>|!=|\bis|\blike|\bin\s*\((?:[^()]*,)?)\s*'\Z", re.I
)
_LONGEST = 4000
_KEYWORDS = (
    "SELECT FROM WHERE JOIN LEFT JOIN USING ON AND OR NOT IN LIKE BETWEEN IS NULL GROUP BY"
    " ORDER BY HAVING LIMIT OFFSET DISTINCT AS ASC DESC UNION ALL EXISTS CASE WHEN THEN ELSE END"
    " WITH INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE VIEW TEMP DROP BEGIN COMMIT"
    " ROLLBACK EXPLAIN QUERY PLAN ATTACH PRAGMA"
)
KEYWORDS = tuple(dict.fromkeys(_KEYWORDS.split()))
# With which a statement begins.
_FIRST = (
    "SELECT",
    "WITH",
    "INSERT",
    "EXPLAIN",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "CREATE",
    "PRAGMA",
)


class Names(NamedTuple):
    """What there is on a connection.

    Attributes:
        columns: of each table, in their order; ours come first.
        functions: ours, as they are called: ``name(``.
        values: what a text column of ours may have, by the table and the column.
        acting: the words of a statement that starts actions, and the column whose values
            it has between quotes.
    """

    columns: Mapping[str, Sequence[str]]
    functions: Sequence[str]
    values: Mapping[tuple[str, str], Sequence[str]]
    acting: tuple[re.Pattern[str], str]


def complete(
    before: str, after: str, names: Names, others: Callable[[], Iterable[str]]
) -> list[str]:
    """The words that the one at the cursor may become.

    Args:
        before: the statement up to the cursor.
        after: the rest of it.
        others: gives what fits where nothing else does.

    >>> names = Names({"droplets": ["id", "name"]}, [], {}, (re.compile("INSERT"), "type"))
    >>> complete("SELECT d.n", " FROM droplets d", names, list)
    ['name']
    >>> complete("SELECT * FROM dr", "", names, list)
    ['droplets']
    """
    # More than that is data, and every search below would read all of it.
    before, after = before[-_LONGEST:], after[:_LONGEST]
    word = last_word(before)
    if before.count("'") % 2:
        quoted = before[: len(before) - len(word)]
        # readline closes the quotes.
        return _fitting(word, _values(quoted, after, names))
    # The word itself is no table's other name yet.
    tables = _named(before[: len(before) - len(word)] + " " + after, names)
    named = list(dict.fromkeys(tables.values()))
    if (dotted := _AFTER_ALIAS.search(before)) is not None:
        return _fitting(word, names.columns.get(tables.get(dotted[1].lower(), ""), ()))
    if _WANTS_TABLE.search(before):
        return _fitting(word, names.columns)
    if (into := _COLUMNS_INTO.search(before)) is not None:
        return _fitting(word, names.columns.get(tables.get(_bare(into[1]), ""), ()))
    if _IN_USING.search(before):
        of_all = [column for table in named for column in names.columns[table]]
        return _fitting(word, [column for column in of_all if of_all.count(column) > 1])
    if not before.strip():
        return list(_FIRST)
    # Before FROM is typed nobody knows of which tables.
    of = named if named or not word else names.columns
    columns = [column for table in of for column in names.columns[table]]
    likely = [*columns, *tables, *names.columns, *names.functions]
    found = _fitting(word, [*likely, *KEYWORDS] if word else likely)
    return found or _fitting(word, others())


def last_word(text: str) -> str:
    """The letters, digits and underscores at the end.

    >>> last_word("SELECT a.sta")
    'sta'
    """
    begin = len(text)
    while begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin -= 1
    return text[begin:]


def _named(statement: str, names: Names) -> dict[str, str]:
    """The tables that a statement names, by the name that each goes by, in small letters."""
    known = {table.lower(): table for table in names.columns}
    found = {}
    for match in _FROM.finditer(statement):
        table = known.get(_bare(match[1]))
        if table is not None:
            found[table.lower()] = table
            alias = (match[2] or "").lower()
            if alias:
                found[alias] = table
    return found


def _bare(name: str) -> str:
    return name.strip('"[]').lower()


def _values(quoted: str, after: str, names: Names) -> Sequence[str]:
    """What a text may be whose quote has just begun."""
    compared = _COMPARED.search(quoted)
    acts, started = names.acting
    if compared is None and not acts.search(quoted):
        return ()
    column = started if compared is None else compared[1].lower()
    named = set(_named(f"{quoted} {after}", names).values())
    found = [v for (table, c), v in names.values.items() if c == column and table in named]
    # A function names no table.
    found = found or [v for (_, c), v in names.values.items() if c == column]
    return list(dict.fromkeys(value for values in found for value in values))


def _fitting(word: str, names: Iterable[str]) -> list[str]:
    """Those that begin with the word, which stays as it was typed.

    >>> _fitting("sel", ["SELECT", "self"])
    ['select', 'self']
    """
    fitting = [n for n in dict.fromkeys(names) if n.lower().startswith(word.lower())]
    is_small = bool(word) and not word.isupper()
    rests = [
        n[len(word) :].lower() if n.isupper() and is_small else n[len(word) :] for n in fitting
    ]
    return list(dict.fromkeys(word + rest for rest in rests))
