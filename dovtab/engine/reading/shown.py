"""Whether a statement looks at columns that say what to ask for only to show them.

Tools do that with all that PRAGMA table_xinfo lists, as Datasette does on the page of a
table. Shown, such a column has the page that a row came from, or is NULL; compared it
would drop rows without a word. SQLite tells only that it is looked at. So the text
decides, and what is not plain at a glance is taken for a comparison.

Pure. Source: https://sqlite.org/c3ref/index_info.html
"""

from __future__ import annotations

import re
from collections.abc import Collection

from dovtab.resources import Table

# Groups are not possessive: those that backtrack within match wrongly before Python 3.11.5
# (https://github.com/python/cpython/issues/106052), which Debian 12 has.
_NAME = r'(?:\w++|"[^"]++"|\[[^]]++\]|`[^`]++`)'
_END = r"\s+(?:where|order|limit)\b|\s*+;?\s*+$"
_COLUMNS = rf"\s*select\s+{_NAME}(?:\s*,\s*{_NAME})*"
_FROM = rf"\s+from\s+(?:{_NAME}\s*\.\s*)?({_NAME})"
_LIST = re.compile(rf"{_COLUMNS}{_FROM}((?={_END}).*)", re.I | re.S)
# How often each value of a column comes in such a list: a facet, as Datasette calls it.
_COUNT = re.compile(
    rf"\s*select\s+({_NAME})\s+as\s+(\w+),\s*count\(\*\)\s+as\s+\w+\s+from\s*\((.*)\)"
    r"\s*where\s+(?:\1|\2)\s+is\s+not\s+null\s+group\s+by\s+(?:\1|\2)"
    r"(?:\s+order\s+by\s+count\s+desc,\s*value)?\s+limit\s+\d+\s*",
    re.I | re.S,
)
_IN_TABLE = re.compile(r"\bin\s*+(?!\()", re.I)
_OTHERS = frozenset({"select", "from", "join", "union", "except", "intersect"})


def only_shown(sql: str, table: Table, name: str, bound: Collection[str] = ()) -> bool:
    """Whether it names columns of this table alone, and these not in a term.

    Args:
        name: what this table is called.
        bound: the columns that a request has its values from.

    >>> from dovtab.resources import DROPLETS
    >>> only_shown('select id, page from droplets where "status" = :p0 limit 101', DROPLETS, "droplets")
    True
    >>> only_shown("SELECT id, page FROM droplets WHERE id = 1 OR page > 2", DROPLETS, "droplets")
    False
    >>> only_shown("SELECT id, page FROM droplets JOIN v", DROPLETS, "droplets")
    False
    """
    count = _COUNT.fullmatch(sql)
    found = _LIST.fullmatch(count[3].rstrip() if count else sql)
    if found is None or found[1].strip('"[]`').lower() != name.lower():
        return False
    if _IN_TABLE.search(found[2]):
        return False  # What a view of that name compares is nowhere in this text.
    named = set(re.findall(r"\w+", found[2].lower()))
    return named.isdisjoint({*_OTHERS, *of_request(table)} - set(bound))


def of_request(table: Table) -> tuple[str, ...]:
    """The columns that say what to ask for, and are no values of a row."""
    narrowing = (name for name in table.narrowing if name in table.hidden)
    return (*table.reads.pager, *narrowing, *table.for_acting)
