"""Random comparisons of times with what may be meant for a time, and what they mean.

Each value knows its moment, however it is written, so that an answer can be looked at twice:
beside an ordinary table with the same rows, and beside the moments.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from by_property.doors import Door
from dovtab.simulator import Rules, Simulator
from dovtab.simulator.clock import Clock

# 2026-09-21T13:20:00Z; some are one second, one minute, one day apart.
FIRST_SECOND = 1_789_996_800
AFTER = (0, 0, 1, 59, 60, 61, 3599, 3600, 38_400, 86_400, 86_401, 900_000, 9_000_000)
DROPLETS = (1, 2)
COLUMNS = "id, droplet_id, started_at, completed_at, type"


@dataclass(frozen=True)
class Time:
    """A value that a time is compared with.

    Attributes:
        sql: how it is written.
        moment: the seconds since 1970 that it means; None: none.
        exact: it is written as the API writes that moment.
        never_refused: it is written so as far as it goes.
    """

    sql: str
    moment: float | None = None
    exact: bool = False
    never_refused: bool = False


@dataclass(frozen=True)
class Query:
    """A query over ``T``: the rows whose column compares so with these, or with one of them."""

    sql: str
    column: str
    terms: tuple[tuple[str, Time], ...]
    of_any: bool = False


def account(clock: Clock | None = None) -> Simulator:
    """One with two Droplets; to be started."""
    simulator = Simulator(rules=Rules(minute_limit=None, hour_limit=None), clock=clock)
    for droplet in DROPLETS:
        simulator.account.add_droplet(droplet)
        for after in AFTER:
            simulator.account.add_action(droplet, started_at=FIRST_SECOND + after)
        simulator.account.add_action(droplet, "snapshot", "in-progress", FIRST_SECOND)
    return simulator


def prepare(door: Door) -> None:
    """Make ``ordinary``, with the account's rows."""
    for more in ("WHERE 0", "WHERE 1"):
        make = "CREATE TABLE ordinary AS" if more == "WHERE 0" else "INSERT INTO ordinary"
        door.rows(f"{make} SELECT {COLUMNS} FROM droplet_actions {more}")


def at(moment: int, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return datetime.fromtimestamp(moment, UTC).strftime(form)


def quoted(text: str) -> str:
    return f"'{text}'"


# The beginnings that end with a whole number, and the moment at which each begins.
BEGINNINGS = ("%Y", "%Y-", "%Y-%m", "%Y-%m-", "%Y-%m-%d", "%Y-%m-%dT", "%Y-%m-%dT%H")
BEGINNINGS += ("%Y-%m-%dT%H:", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:")
REST = "....-01-01T00:00:00Z"


def beginning(form: str, moment: int) -> Time:
    text = at(moment, form)
    begins = datetime.fromisoformat(text + REST[len(text) :])
    return Time(quoted(text), begins.timestamp(), never_refused=True)


def with_fraction(form: str, moment: int) -> Time:
    """The API's times are of whole seconds, and so it is its second that it means."""
    return Time(quoted(at(moment, form)), moment, never_refused=True)


def written_otherwise(form: str, moment: int) -> Time:
    return Time(quoted(at(moment, form)), moment)


def in_zone(sign: str, hours: int, separator: str, moment: int) -> Time:
    there = moment + timedelta(hours=hours).seconds * (1 if sign == "+" else -1)
    return Time(
        quoted(f"{at(there, f'%Y-%m-%d{separator}%H:%M:%S')}{sign}{hours:02}:00"), moment
    )


def no_text(form: str, moment: int) -> Time:
    return Time(form.format(moment, 2440587.5 + moment / 86400), moment)


FRACTIONS = ("%Y-%m-%dT%H:%M:%S.5Z", "%Y-%m-%dT%H:%M:%S.000Z")
OTHERWISE = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.123", "%Y-%m-%d %H:%M:%SZ")
OTHERWISE += ("%Y-%m-%dt%H:%M:%Sz", "%Y-%m-%dT%H:%M:%Sz", " %Y-%m-%dT%H:%M:%SZ")
OTHERWISE += ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.123456")
OTHERWISE += ("%Y-%m-%dT%H:%M:%SZ ", "%Y%m%dT%H%M%SZ", "%Y/%m/%d %H:%M:%S", "%s")
NO_TEXT = ("{0}", "{0}.0", "{1:.6f}", "'{0}'", "'{1:.6f}'", "CAST('{0}' AS INTEGER)")
# What has a moment, but none that all rows agree about, is refused; a word is no time.
NO_MOMENT = (
    "'13:20:00'",
    "'-7 days'",
    "'+1 day'",
    "'now'",
    "2026",
    "'2026-9-2'",
    "'2026-09-2'",
)
WORDS = ("NULL", "''", "'soon'", "'~'", "'T13:20'", "'%2026%'")

moments = st.builds(
    lambda after, by: FIRST_SECOND + after + by,
    st.sampled_from(AFTER),
    st.sampled_from([0, 0, 0, -1, 1, 30, -3600, 20_000, -86_400]),
)
signs, hours = st.sampled_from("+-"), st.integers(0, 14)
exact = moments.map(lambda m: Time(quoted(at(m)), m, exact=True, never_refused=True))
comparable = st.one_of(
    exact,
    exact,
    st.builds(beginning, st.sampled_from(BEGINNINGS), moments),
    st.builds(with_fraction, st.sampled_from(FRACTIONS), moments),
)
others = st.one_of(
    st.builds(written_otherwise, st.sampled_from(OTHERWISE), moments),
    st.builds(in_zone, signs, hours, st.sampled_from("T "), moments),
    st.builds(no_text, st.sampled_from(NO_TEXT), moments),
    st.sampled_from(NO_MOMENT).map(Time),
)
words = st.sampled_from(WORDS).map(partial(Time, never_refused=True))
times = st.one_of(comparable, comparable, others, words)

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "IS": operator.eq,
    "<>": operator.ne,
    "IS NOT": operator.ne,
}
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
FROM = "SELECT a.id FROM T a WHERE {}"
# Beside a LEFT JOIN's table on the left SQLite has no choice but to hand the term over.
JOINED = "SELECT a.id FROM (SELECT {} AS t) i LEFT JOIN T a ON {}"
KEYS = ("1", "a.droplet_id = 1", "a.droplet_id IN (1, 2)", "a.type = 'reboot'")


def comparison(column: str, op: str, time: Time, key: str, how: str) -> Query:
    term = f"a.{column} {op} {time.sql}"
    if how == "turned":
        term = f"{time.sql} {TURNED.get(op, op)} a.{column}"
    sql = FROM.format(f"{key} AND {term}")
    if how == "joined":
        sql = JOINED.format(time.sql, f"{key} AND a.{column} {op} i.t")
    return Query(sql, column, ((op, time),))


def between(column: str, low: Time, high: Time, key: str) -> Query:
    sql = FROM.format(f"a.{column} BETWEEN {low.sql} AND {high.sql} AND {key}")
    return Query(sql, column, ((">=", low), ("<=", high)))


def is_in(column: str, some: list[Time], key: str) -> Query:
    sql = FROM.format(f"{key} AND a.{column} IN ({', '.join(time.sql for time in some)})")
    return Query(sql, column, tuple(("=", time) for time in some), of_any=True)


columns, keys = st.sampled_from(["started_at", "completed_at"]), st.sampled_from(KEYS)
ops = st.sampled_from(sorted(OPERATORS))
ways = st.sampled_from(["as it is", "as it is", "turned", "joined"])
queries = st.one_of(
    st.builds(comparison, columns, ops, times, keys, ways),
    st.builds(comparison, columns, ops, times, keys, ways),
    st.builds(between, columns, times, times, keys),
    st.builds(is_in, columns, st.lists(times, min_size=1, max_size=3), keys),
)


def compared(alias: str) -> st.SearchStrategy[str]:
    """A term about a time that is never refused."""
    column = st.sampled_from([f"{alias}.started_at", f"{alias}.completed_at"])
    some = (comparable | words).map(lambda time: time.sql)
    return st.one_of(
        st.builds("{} {} {}".format, column, ops, some),
        st.builds("{} BETWEEN {} AND {}".format, column, some, some),
        st.builds("{} IN ({})".format, column, st.lists(some, max_size=3).map(", ".join)),
    )


def agree(door: Door, query: Query, refusal: type[Exception]) -> Exception | None:
    """It has the rows of an ordinary table, and of the moments, or is refused; why."""
    try:
        found = Counter(door.rows(query.sql.replace(" T ", " droplet_actions ")))
    except refusal as refused:
        assert not all(time.never_refused for _, time in query.terms), query
        return refused
    assert found == Counter(door.rows(query.sql.replace(" T ", " ordinary "))), query
    every = f"SELECT id, {query.column}, droplet_id, type FROM ordinary"
    for id, text, droplet, type in door.rows(every):
        if ("= 1" in query.sql and droplet != 1) or (
            "'reboot'" in query.sql and type != "reboot"
        ):
            continue
        means = meaning(text, query)
        assert means is None or ((id,) in found) == means, (query, text)
    return None


def meaning(text: str | None, query: Query) -> bool | None:
    """Whether a row with this time is meant; None: nobody can say."""
    each = [compares(text, op, time) for op, time in query.terms]
    if None in each:
        return None
    return any(each) if query.of_any else all(each)


def compares(text: str | None, op: str, time: Time) -> bool | None:
    if text is None:
        return None if time.moment is None else op == "IS NOT"
    cell = datetime.fromisoformat(text).timestamp()
    # Who says a day, or half a second, does not say on which side its first second is.
    is_open = cell == time.moment and not time.exact and op not in ("<", ">=")
    return None if time.moment is None or is_open else OPERATORS[op](cell, time.moment)
