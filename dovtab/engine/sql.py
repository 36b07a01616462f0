"""As much of a statement's text as has to be understood without SQLite.

A comment can stand wherever a blank can, and a word inside a text is none of the
statement's.

Pure. Source: https://sqlite.org/lang_comment.html
"""

from __future__ import annotations

import re

# Possessive: what has been taken for a comment is not tried as anything else.
_BLANKS = r"(?>\s|--[^\n]*|/\*.*?(?:\*/|\Z))*+"
# Before a statement there may be the ends of empty ones, and what marks the order of bytes.
_EMPTY = rf"(?>{_BLANKS}[;\ufeff])*+{_BLANKS}"
_FIRST = re.compile(rf"{_EMPTY}(\w*){_BLANKS}(\w*)", re.S)
_NOTHING = re.compile(_EMPTY, re.S)
_NOT_SQL = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^]]*\]|--[^\n]*|/\*.*?\*/", re.S
)
_STOPS = re.compile(r"\b(?:limit|exists|case|coalesce|ifnull|iif)\b", re.I)
_CHANGES = re.compile(r"\b(?:update|delete)\b", re.I)
_ONLY_READ = frozenset({"select", "with", "values", "explain", "pragma"})
_RETURNING = re.compile(r"\breturning\b", re.I)


def first_words(sql: str) -> tuple[str, str]:
    """The two words that a statement begins with, in small letters; empty: there is none.

    >>> first_words("-- at last\\n /* all */ DROP/**/Table x")
    ('drop', 'table')
    >>> first_words("/* COMMIT"), first_words("; /**/ ;Commit")
    (('', ''), ('commit', ''))
    """
    found = _FIRST.match(sql)
    assert found is not None
    first, second = found.groups()
    return first.lower(), second.lower()


def is_nothing(sql: str) -> bool:
    """Whether there is no statement in it.

    >>> is_nothing(" ; -- at last"), is_nothing("/* x */ COMMIT"), is_nothing("/* COMMIT")
    (True, False, True)
    """
    return _NOTHING.fullmatch(sql) is not None


def has_returning(sql: str) -> bool:
    """Whether a statement has the word RETURNING outside of its texts and comments.

    >>> has_returning("INSERT INTO t VALUES ('returning') -- returning")
    False
    >>> has_returning("INSERT INTO t VALUES (1) Returning *")
    True
    """
    return _RETURNING.search(_NOT_SQL.sub(" ", sql)) is not None


def may_stop_early(sql: str) -> bool:
    """Whether a statement has a word of those that leave rows or terms unread.

    >>> [may_stop_early(f"SELECT 1 FROM t {rest}") for rest in ("-- limit", "LIMIT 1")]
    [False, True]
    """
    return _STOPS.search(_NOT_SQL.sub(" ", sql)) is not None


def changes_rows(sql: str) -> bool:
    """Whether a statement has the word of one that changes rows, or takes them away.

    >>> changes_rows("WITH x AS (SELECT 1) UPDATE t SET a = 1"), changes_rows("SELECT 'update'")
    (True, False)
    """
    return _CHANGES.search(_NOT_SQL.sub(" ", sql)) is not None


def may_change_rows(sql: str) -> bool:
    """Whether it may be such a statement, or run one in a trigger.

    >>> may_change_rows("INSERT INTO t VALUES (1)"), may_change_rows("SELECT a FROM t")
    (True, False)
    """
    return changes_rows(sql) or first_words(sql)[0] not in _ONLY_READ
