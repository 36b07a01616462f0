"""Rows on a screen: whatever they are, every word of theirs is there, whole."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from apsw.unicode import text_width
from hypothesis import example, given
from hypothesis import strategies as st

from dovtab.hosts.shell.screen import ASCII, BOX, COLUMNS, Look, Value, shown
from dovtab.hosts.shell.words import MARK

WORDS = st.text(st.sampled_from("abcXYZ019-:{}日é"), min_size=1, max_size=24)
TEXTS = st.lists(WORDS, max_size=9).map(" ".join)
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(), st.integers(-(10**12), 10**12), TEXTS, st.floats(allow_nan=False), st.binary()
)
DRAWN = re.compile(r"[│╭╮╰╯├┤┬┴┼─|]+|\+-[-+]*")


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[Value]]]:
    count = draw(st.integers(1, 7))
    names = draw(st.lists(WORDS, min_size=count, max_size=count))
    row = st.lists(VALUES, min_size=count, max_size=count)
    return names, draw(st.lists(row, min_size=1, max_size=5))


def words(text: str) -> Counter[str]:
    return Counter(text.split())


def in_sight(value: Value) -> str:
    if value is None:
        return "NULL"
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else str(value)


@given(
    tables(), st.sampled_from([None, 20, 40, 80, 120]), st.sampled_from([BOX, ASCII, COLUMNS])
)
@example((["a b", "c"], [["x " * 40, 1]]), 40, BOX)
def test_every_word_is_there_and_whole(table, width, lines) -> None:  # type: ignore[no-untyped-def]
    names, rows = table
    text = shown(names, rows, width, lines)
    there = words(DRAWN.sub(" ", text))
    wanted = words(" ".join(in_sight(value) for row in rows for value in row))
    # What was taken for a line may have been a word of dashes.
    wanted = Counter({word: n for word, n in wanted.items() if not DRAWN.fullmatch(word)})
    assert not wanted - there
    assert text.endswith("\n")
    for name in names:
        assert not words(DRAWN.sub(" ", name)) - there


# The name of an expression is its text, and a run of blanks is as wide as any word.
LONG = st.sampled_from(
    ["x" * 100, "n" * 30, "{" + "'a':1," * 40 + "}", '{"a":"%s"}' % ("y" * 120)]
)
BLANKS = st.sampled_from(["a" + " " * 100 + "b", " " * 90, "[WARN] " + "w " * 80 + "]"])


@given(
    st.lists(st.one_of(WORDS, LONG), min_size=1, max_size=3),
    st.one_of(TEXTS, LONG, BLANKS, st.none()),
    st.integers(4, 120),
    st.sampled_from([BOX, COLUMNS]),
)
def test_whatever_the_width_there_is_something_to_read(names, value, width, lines) -> None:  # type: ignore[no-untyped-def]
    text = shown(names, [[value] * len(names)], width, lines)
    assert words(" ".join(names)) - words(DRAWN.sub(" ", text)) == Counter()
    if text.startswith("╭"):
        assert {text_width(line) for line in text.splitlines()} <= set(range(width + 1))
    is_json = isinstance(value, str) and value.startswith('{"')
    assert is_json or MARK not in text


@given(tables(), st.integers(8, 140), st.sampled_from([BOX, ASCII]))
def test_a_table_is_as_wide_as_the_terminal_at_most(table, width, lines) -> None:  # type: ignore[no-untyped-def]
    """And all its lines are as wide as each other: else it is no table."""
    names, rows = table
    text = shown(names, rows, width, lines)
    if text.startswith((lines.top or "?")[0] + (lines.top or "?")[1]) and lines.top:
        assert {text_width(line) for line in text.splitlines()} <= set(range(width + 1))
        assert len({text_width(line) for line in text.splitlines()}) == 1
    elif not re.match(r"\S\S 1 of \d", text):
        assert max(text_width(line) for line in text.splitlines()) <= width


REGION = '{"name":"New York 3","slug":"nyc3","features":[' + '"backups","ipv6",' * 9 + "0]}"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_long_json_is_shortened_and_marked(width: int) -> None:
    text = shown(["id", "region"], [[2300000067, REGION]], width)
    (cut,) = re.findall(r'\{"na\S.*' + MARK, text)
    assert REGION.startswith(cut.removesuffix(MARK))
    assert max(map(len, text.splitlines())) <= width
    assert REGION in shown(["id", "region"], [[1, REGION]], None)


def test_short_json_is_an_action_s_attributes_perhaps_and_whole() -> None:
    attributes = '{"name":"worker-01 before the upgrade of everything"}'
    row = [1, 3164447, "snapshot", attributes, "completed", "2026-11-29T18:17:43Z"]
    for width in (40, 60, 80, 100):
        text = shown(["seq", "droplet_id", "type", "attributes", "after", "at"], [row], width)
        assert MARK not in text
        assert "".join(attributes.split()) in "".join(DRAWN.sub("", text).split())


def test_what_does_not_fit_in_boxes_may_fit_without_them_and_else_is_a_record() -> None:
    names = ["id", "type", "started_at", "completed_at", "status"]
    row = [2300000067, "snapshot", "2026-11-19T18:53:23Z", "2026-11-19T18:54:26Z", "completed"]
    assert shown(names, [row], 90).startswith("╭")
    assert shown(names, [row], 80).startswith("        id  type      started_at")
    assert shown(names, [row], 60).splitlines()[:2] == [
        "── 1 of 1 ──",
        "          id  2300000067",
    ]


def test_numbers_are_to_the_right_and_null_is_no_text() -> None:
    look = Look(null="", bold=("<", ">"), faint=("(", ")"))
    text = shown(["n", "name"], [[1, None], [22, "x"], [None, "NULL"]], 80, look=look)
    assert text.splitlines()[1] == "│  <n> │ <name> │"
    assert text.splitlines()[3:6] == ["│  1 │      │", "│ 22 │ x    │", "│    │ NULL │"]
    quoted = shown(["a"], [["x"], [None]], 80, look=Look(quote=True))
    assert quoted.splitlines()[3:5] == ["│ 'x'  │", "│ NULL │"]


@given(st.text(max_size=30))
@example("\x1b]0;title\x07\x1b[2J")
@example("‮drowssap")
@example("a\r\nb\rc")
def test_a_terminal_obeys_nothing_that_is_in_a_row(text: str) -> None:
    """A Droplet's name, or an error of somebody's proxy, is another's text."""
    made = shown(["a"], [[text]], 80)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", made)


def test_lines_of_a_value_stay_lines_and_rows_do_not_run_into_each_other() -> None:
    text = shown(["a", "b"], [["one\ntwo", 1], ["three", 2], ["four", 3]], 80)
    assert text.splitlines()[3:-1] == [
        "│ one   │ 1 │",
        "│ two   │   │",
        "├───────┼───┤",
        "│ three │ 2 │",
        "│ four  │ 3 │",
    ]
