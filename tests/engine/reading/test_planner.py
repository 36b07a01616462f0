"""The planner against an ordinary table: any constraints, in any order, any of them usable.

`answer` plays SQLite: it hands the plan's arguments to the scan by argvIndex,
looks again at what the plan did not omit, and applies OFFSET and LIMIT itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovtab.engine.reading.constraint import (
    COMPARISONS,
    EQ,
    GE,
    IS,
    ISNOTNULL,
    ISNULL,
    LIKE,
    LIMIT,
    LT,
    OFFSET,
    Constraint,
)
from dovtab.engine.reading.planner import REFUSED_COST, Plan, plan, read_idx_str
from dovtab.engine.reading.scan import scan
from dovtab.engine.statement import Statement
from dovtab.errors import ArgumentError
from memory_account import RESOURCE, MemoryAccount, action
from thoroughness import examples

ACTIONS = [
    *(action(100 + n, 1) for n in range(7)),
    *(action(200 + n, 2) for n in range(3)),
    action(300, 3),
    action(400, None),
    action(900, 1, resource_type="image"),
    action(901, None, resource_type="backend"),
]
# One Droplet's list has only its own rows, and 900 is an image that shares the number 1.
DROPLET_ACTIONS = [a for a in ACTIONS if a["resource_type"] == "droplet"]
NAMES = [column.name for column in RESOURCE.columns]


@dataclass(frozen=True)
class Term:
    """A constraint together with its value."""

    column: str | None
    op: int
    value: Any
    usable: bool = True
    is_in: bool = False

    @property
    def constraint(self) -> Constraint:
        return Constraint(self.column, self.op, self.usable, self.is_in)

    def accepts(self, row: Sequence[Any]) -> bool:
        cell = row[NAMES.index(self.column or "id")]
        if self.op == ISNULL or (self.op == IS and self.value is None):
            return cell is None
        values = self.value if self.is_in else [self.value]
        return cell is not None and any(cell == value for value in values)


def account() -> MemoryAccount:
    return MemoryAccount(DROPLET_ACTIONS)


def answer(terms: Sequence[Term], *, ordered: bool = False) -> list[int] | None:
    """The ids SQLite would give; None: it is refused, and costs too much to be chosen."""
    chosen = plan(RESOURCE, [t.constraint for t in terms], ordered=ordered)
    if chosen.cost == REFUSED_COST:
        return None
    check_structure(chosen, terms)
    rows: list[list[Any]] = []
    for pick in picks(chosen, terms):
        argv = [None] * sum(1 for usage in chosen.usages if usage.argv_index)
        for term, usage in zip(terms, chosen.usages, strict=True):
            if usage.argv_index:
                value = pick.get(id(term), term.value)
                argv[usage.argv_index - 1] = set(value) if usage.all_at_once else value
        pages = scan(RESOURCE, chosen.idx_str, argv, account(), Statement())  # type: ignore[arg-type]
        rows += itertools.chain.from_iterable(pages)
    for term, usage in zip(terms, chosen.usages, strict=True):
        if term.column and not (usage.argv_index and usage.omit):
            rows = [row for row in rows if term.accepts(row)]
    ids = [row[0] for row in rows]
    limit = next((t.value for t in terms if t.op == LIMIT), None)
    offset = next((t.value for t in terms if t.op == OFFSET), 0)
    if limit is not None:
        ids = ids[offset : offset + limit]
    return ids


def why_refused(*terms: Term, used: Sequence[str] = ()) -> str:
    """What the first row of a plan that SQLite should not choose says."""
    chosen = plan(RESOURCE, [t.constraint for t in terms], ordered=False, used=used)
    assert chosen.cost == REFUSED_COST
    with pytest.raises(ArgumentError) as caught:
        scan(RESOURCE, chosen.idx_str, [], account(), Statement())  # type: ignore[arg-type]
    return str(caught.value)


def picks(chosen: Plan, terms: Sequence[Term]) -> list[dict[int, Any]]:
    """An IN that is not taken all at once is one xFilter for each value."""
    looped = [
        term
        for term, usage in zip(terms, chosen.usages, strict=True)
        if usage.argv_index and term.is_in and not usage.all_at_once
    ]
    values = [sorted(set(term.value)) for term in looped]
    return [
        {id(term): value for term, value in zip(looped, chosen_values, strict=True)}
        for chosen_values in itertools.product(*values)
    ]


def check_structure(chosen: Plan, terms: Sequence[Term]) -> None:
    indexes = sorted(usage.argv_index for usage in chosen.usages if usage.argv_index)
    assert indexes == list(range(1, len(indexes) + 1))
    assert len(chosen.usages) == len(terms)
    _, arguments = read_idx_str(chosen.idx_str)
    for term, usage in zip(terms, chosen.usages, strict=True):
        assert term.usable or not usage.argv_index
        assert not usage.all_at_once or term.is_in
        if usage.argv_index:
            name = {LIMIT: "limit", OFFSET: "offset"}.get(term.op, term.column)
            assert arguments[usage.argv_index - 1].name == name


def expected(terms: Sequence[Term]) -> set[int]:
    """The ids an ordinary table would give, before LIMIT and OFFSET."""
    pager = {t.column: t.value for t in terms if t.column in RESOURCE.reads.pager}
    ids = set()
    for a in DROPLET_ACTIONS:
        row = [a.get(name) for name in NAMES]
        row[NAMES.index("droplet_id")], row[NAMES.index("action_id")] = (
            a["resource_id"],
            a["id"],
        )
        if all(t.accepts(row) for t in terms if t.column and t.column not in pager):
            ids.add(a["id"])
    return ids


KEYS = [
    Term("droplet_id", EQ, 1),
    Term("resource_id", EQ, 1),
    Term("id", EQ, 103),
    Term("action_id", EQ, 103),
    Term("page", EQ, 1),
    Term("per_page", EQ, 5),
    Term(None, LIMIT, 3),
    Term(None, OFFSET, 1),
]


def is_ambiguous(terms: Sequence[Term]) -> bool:
    """Whether it cannot be known which page is asked for, or of which list."""
    compared = [t for t in terms if t.op in (EQ, IS)]
    later = {t.column for t in compared if not t.usable}
    bound = {t.column for t in compared if t.usable}
    used = {t.column for t in terms}
    if "page" in later or ("per_page" in used and "per_page" not in bound):
        return True
    named = "droplet_id" in used or "resource_id" in {t.column for t in compared}
    return "page" in used and named and "droplet_id" not in bound


def agree(terms: Sequence[Term], *, ordered: bool = False) -> None:
    got = answer(terms, ordered=ordered)
    assert (got is None) == is_ambiguous(terms)
    if got is None:
        return
    if any(t.column == "page" for t in terms):
        # A page is whatever the API says it is; its own test follows.
        assert set(got) <= expected(terms)
        return
    whole = expected(terms)
    limit = next((t.value for t in terms if t.op == LIMIT), None)
    offset = next((t.value for t in terms if t.op == OFFSET), 0) if limit is not None else 0
    count = max(0, len(whole) - offset)
    assert len(got) == len(set(got)) == (count if limit is None else min(limit, count))
    assert set(got) <= whole


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_every_order_and_every_usable_mask_gives_the_rows_of_an_ordinary_table(
    size: int,
) -> None:
    for chosen in itertools.permutations(KEYS, size):
        for mask in itertools.product((True, False), repeat=size):
            agree(
                [
                    Term(t.column, t.op, t.value, usable, t.is_in)
                    for t, usable in zip(chosen, mask, strict=True)
                ]
            )


VALUES = st.sampled_from([1, 2, 3, 9, 103, 201, 300, 400, 0, -5])
TERMS = st.one_of(
    st.builds(
        Term,
        st.sampled_from(["droplet_id", "resource_id", "id", "action_id"]),
        st.sampled_from([EQ, IS]),
        VALUES,
        st.booleans(),
    ),
    st.builds(
        lambda column, values, usable: Term(column, EQ, tuple(values), usable, is_in=True),
        st.sampled_from(["droplet_id", "resource_id", "id", "action_id"]),
        st.lists(VALUES, min_size=1, max_size=6),
        st.booleans(),
    ),
    st.builds(lambda c: Term(c, IS, None), st.sampled_from(["droplet_id", "resource_id"])),
    st.builds(lambda c: Term(c, ISNULL, None), st.sampled_from(["droplet_id", "id"])),
    st.builds(lambda v: Term("per_page", EQ, v), st.integers(1, 200)),
)


@settings(max_examples=examples(1500), deadline=None)
@given(
    terms=st.lists(TERMS, max_size=6),
    limit=st.none() | st.integers(0, 9),
    offset=st.integers(0, 9),
    ordered=st.booleans(),
    data=st.data(),
)
def test_any_constraints_give_the_rows_of_an_ordinary_table(
    terms: list[Term], limit: int | None, offset: int, ordered: bool, data: Any
) -> None:
    if limit is not None:
        terms = [*terms, Term(None, LIMIT, limit), Term(None, OFFSET, offset)]
    pager = [t for t in terms if t.column in RESOURCE.reads.pager]
    # Two page sizes at once are two different columns' worth of nonsense.
    terms = [t for t in terms if t.column not in RESOURCE.reads.pager] + pager[:1]
    agree(data.draw(st.permutations(terms)), ordered=ordered)


TIMES = st.builds(
    Constraint,
    st.sampled_from(["started_at", "completed_at"]),
    st.sampled_from(sorted(COMPARISONS)),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=examples(1500), deadline=None)
@given(
    terms=st.lists(TERMS, max_size=4),
    times=st.lists(TIMES, min_size=1, max_size=3),
    limit=st.booleans(),
    ordered=st.booleans(),
    data=st.data(),
)
def test_a_time_is_only_looked_at(
    terms: list[Term], times: list[Constraint], limit: bool, ordered: bool, data: Any
) -> None:
    """But for its values the plan is as it is with a term that nobody takes, a little better.

    A list is never chosen before an action by its id, nor everything before a list.
    """
    limits = [Constraint(None, LIMIT)] if limit else []
    given = data.draw(st.permutations([*(t.constraint for t in terms), *times, *limits]))
    others = [
        Constraint(c.column, ISNOTNULL, c.usable) if any(c is t for t in times) else c
        for c in given
    ]
    chosen, without = (plan(RESOURCE, found, ordered=ordered) for found in (given, others))
    if chosen.cost == REFUSED_COST:
        assert chosen == without
        return
    looks = sum(c.usable for c in times)
    assert without.cost * 0.7 < chosen.cost <= without.cost * 0.93**looks
    assert without.rows * 0.6 < chosen.rows <= without.rows
    assert chosen.unique == without.unique
    signature, arguments = read_idx_str(chosen.idx_str)
    looked = [argument for argument in arguments if argument.how == "~"]
    assert (signature, tuple(a for a in arguments if a.how != "~")) == read_idx_str(
        without.idx_str
    )
    seen = [c for c in given if any(c is t for t in times) and c.usable]
    assert [argument.name for argument in looked] == [c.column for c in seen]
    for constraint, usage, other in zip(given, chosen.usages, without.usages, strict=True):
        if any(constraint is c for c in seen):
            assert arguments[usage.argv_index - 1] in looked
            assert (usage.omit, usage.all_at_once) == (False, constraint.is_in)
        else:
            assert usage == other


def test_what_sqlite_adds_to_a_pattern_is_looked_at_as_such() -> None:
    """LIKE '2026-11-1%' lies between 2026-11-1 and 2026-11-2."""
    bounds = [Constraint("started_at", op) for op in (GE, LT)]
    for more, how in (([], "~"), ([Constraint("started_at", LIKE)], "~~")):
        chosen = plan(RESOURCE, [*bounds, *more], ordered=False)
        assert [argument.how for argument in read_idx_str(chosen.idx_str)[1]] == [how] * 2


@pytest.mark.parametrize(
    ("terms", "ids"),
    [
        ([("droplet_id", 1), ("page", 2), ("per_page", 3)], [103, 102, 101]),
        ([("page", 2), ("per_page", 3), ("droplet_id", 1)], [103, 102, 101]),
        ([("per_page", 4), ("page", 1)], [400, 300, 202, 201]),
        ([("droplet_id", 1), ("page", 9)], []),
        ([("droplet_id", 1), ("page", 2), ("per_page", 3), ("id", 102)], [102]),
        ([("droplet_id", 1), ("page", 1), ("per_page", 3), ("id", 102)], []),
    ],
)
def test_a_page_is_that_page_and_no_other(terms: list[tuple[str, int]], ids: list[int]) -> None:
    assert answer([Term(column, EQ, value) for column, value in terms]) == ids


@pytest.mark.parametrize("column", ["after", "attributes"])
def test_what_only_acts_is_not_searched_for(column: str) -> None:
    """Reading NULL for it would drop every row in silence."""
    refusal = why_refused(Term("droplet_id", EQ, 1), Term(column, EQ, "web"))
    assert refusal.startswith(f"{column} is for starting actions")


@pytest.mark.parametrize(
    ("terms", "used"),
    [
        ([Term("page", EQ, 1), Term("droplet_id", EQ, 1, usable=False)], []),
        ([Term("page", EQ, 1), Term("resource_id", EQ, 1, usable=False)], []),
        ([Term("page", EQ, 1), Term("resource_id", EQ, 1)], []),
        ([Term("page", EQ, 1, usable=False), Term("droplet_id", EQ, 1)], []),
        ([Term("page", EQ, 1)], ["droplet_id"]),
        ([], ["droplet_id", "page"]),
    ],
)
def test_a_page_of_nobody_knows_which_list_is_refused(
    terms: list[Term], used: list[str]
) -> None:
    """SQLite does not show a term of an OR or of an outer join, only that it looks."""
    assert why_refused(*terms, used=used).startswith("a page is one of one list, and here")


def test_a_number_of_rows_that_is_compared_and_not_bound_is_refused() -> None:
    """It would be 200, and drop every row that the statement means."""
    for terms, used in (([], ["per_page"]), ([Term("per_page", EQ, 5, usable=False)], [])):
        assert why_refused(*terms, used=used).startswith("per_page is how many rows a request")


def test_a_row_is_not_found_by_its_id_where_its_page_is_looked_at() -> None:
    """A single object is on no page: reading it as NULL could drop the row."""
    terms = [Constraint("droplet_id", EQ), Constraint("id", EQ)]
    by_id, listed = (plan(RESOURCE, terms, ordered=False, used=u) for u in ([], ["page"]))
    assert "{action_id} ?" in by_id.idx_str
    assert "actions ? droplet_id=" in listed.idx_str


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("page", 0, "page must be 1 or more, not 0"),
        ("per_page", 0, "per_page must be from 1 to 200, not 0"),
        ("per_page", 201, "per_page must be from 1 to 200, not 201"),
    ],
)
def test_a_page_out_of_bounds_is_an_error(column: str, value: int, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        answer([Term(column, EQ, value)])


def cost(*constraints: Constraint) -> float:
    chosen = plan(RESOURCE, constraints, ordered=False)
    return chosen.cost


def test_a_narrower_request_costs_less() -> None:
    droplet, item = Constraint("droplet_id", EQ), Constraint("id", EQ)
    droplets = Constraint("droplet_id", EQ, is_in=True)
    both, alone, listed = cost(droplet, item), cost(item), cost(droplet)
    assert both < alone < listed < cost(droplets) < cost() / 1e6


def test_the_plan_is_readable() -> None:
    terms = [
        Constraint("started_at", LT),
        Constraint("droplet_id", EQ),
        Constraint(None, LIMIT),
    ]
    chosen = plan(RESOURCE, terms, ordered=False)
    listed = "GET /v2/droplets/{droplet_id}/actions ? droplet_id="
    assert chosen.idx_str == f"{listed} started_at~ limit?"
    chosen = plan(RESOURCE, terms[1:], ordered=False)
    assert chosen.idx_str == f"{listed} limit="
