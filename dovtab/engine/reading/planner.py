"""xBestIndex: which constraints become which request.

Every ``=``, ``IS`` and ``IN`` on a key column is taken, so that two constraints
on the same key narrow each other. SQLite checks again whatever is not certain.
LIMIT and OFFSET are only read, to ask for a smaller page: SQLite does the
limiting, because a filter or an ORDER BY of its own may come after us. What a time is
compared with is only looked at too: `times` says whether it can be meant.

The plan travels to xFilter in idxStr, which EXPLAIN QUERY PLAN shows, so it is
written to be read::

    GET /v2/droplets/{droplet_id}/actions ? droplet_id= limit=

that is the operation, and what each argument is: ``column=``, ``column is`` or
``column[]`` (a set, all at once), or ``column~`` for what a time is compared with, which
narrows nothing. ``column!`` is no argument, but why the plan is refused, and ``limit?``
none either, but that there is a LIMIT, or an EXISTS, which SQLite counts itself: a filter
of its own comes first. Neither is ``column?``: it is looked at, and the statement's text
has to show that it is only shown.

Pure. Source: https://sqlite.org/vtab.html#the_xbestindex_method
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from dovtab.engine.reading.constraint import (
    COMPARISONS,
    EQ,
    GE,
    GLOB,
    IS,
    ISNOTNULL,
    ISNULL,
    LIKE,
    LIMIT,
    LT,
    OFFSET,
    Constraint,
)
from dovtab.engine.reading.refusal import hidden_narrowing, refused
from dovtab.resources import Operation, Table

# Units: SQLite's, about one row of a table of its own. A request takes as long as
# many thousands of these. SQLite takes a table it knows nothing of for a million
# rows, so reading the whole account has to look worse than a million lists, and a
# plan that only says why it cannot be worse than anything that can.
GET_COST, LIST_COST, ACCOUNT_COST, REFUSED_COST = 1e3, 1e4, 1e12, 1e99
# Of two plans of a join that cost the same SQLite forgets the one that needs more tables
# before it, and so would not show what it compares with. It cannot tell 7 % apart.
COST_OF_TIME = 0.9
# How a time is looked at that SQLite may have made of a pattern.
BESIDE_PATTERN = "~~"
ROWS_IN_LIST, ROWS_IN_PAGE, ROWS_IN_ACCOUNT, VALUES_IN_SET = 50, 200, 1_000_000, 25


@dataclass(frozen=True, slots=True)
class Usage:
    """What becomes of one constraint: SQLite's argvIndex, omit, and IN at once."""

    argv_index: int = 0
    omit: bool = False
    all_at_once: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer to xBestIndex; ``usages`` are in the constraints' own order."""

    idx_str: str
    usages: tuple[Usage, ...]
    cost: float
    rows: int
    unique: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """What one value of xFilter's argv is: a column and ``=``, ``is``, ``[]``, ``~`` or ``~~``."""

    name: str
    how: str

    def __str__(self) -> str:
        return self.name + (" is" if self.how == "is" else self.how)


def plan(
    table: Table,
    constraints: Sequence[Constraint],
    *,
    ordered: bool,
    used: Collection[str] = (),
) -> Plan:
    """The cheapest plan for these constraints.

    What no request can answer has a plan too, that costs more than any other, so
    that SQLite takes another join order if there is one; if not, reading its first
    row is an error that says why.

    Args:
        constraints: all of them, unusable ones included.
        ordered: whether SQLite will sort or group what comes back, and so
            needs every row of it.
        used: the columns that the statement looks at.
    """
    looked_at = {*used, *(c.column for c in constraints if c.column)}
    found = _plan_for(table, constraints, looked_at, ordered=ordered)
    if not isinstance(found, str):
        return found
    # What is not compared may be only shown: the text says that, when there is one.
    compared = {c.column for c in constraints if c.column and c.op not in (ISNULL, ISNOTNULL)}
    better = _plan_for(table, constraints, compared, ordered=ordered)
    if isinstance(better, str):
        return _refusal(table, better, len(constraints))
    words = " " if " ? " in better.idx_str else " ? "
    return replace(better, idx_str=f"{better.idx_str}{words}{found}?", cost=REFUSED_COST)


def _plan_for(
    table: Table, constraints: Sequence[Constraint], used: Collection[str], *, ordered: bool
) -> Plan | str:
    """The plan, or the column over which there is none."""
    reads = table.reads
    bound = [c for c in constraints if c.column and c.usable and c.op in (EQ, IS)]
    parents = [c for c in bound if c.column in reads.parent]
    pager = {c.column: c for c in reversed(bound) if c.column in reads.pager}
    # Both are of a list: a single object is on no page, and has no tag it was found by.
    paged = reads.pager[0] in used
    only_lists = paged or hidden_narrowing(table, used)
    items = [] if only_lists else [c for c in bound if c.column in reads.item]
    # The owners are looked for, and are then the parents.
    owners = [c for c in bound if c.column in table.of_owners]
    operation = _operation(table, parents or owners, items)
    filters = [*_filters(operation, bound), *owners, *_since(table, bound)]
    column = refused(table, constraints, used, parents=parents, filters=filters, sizes=pager)
    if column or operation is None:
        return column or table.key
    keys = [*parents, *items] if operation.item is not None else parents
    taken = [*keys, *pager.values(), *filters]
    whole = operation.item is None and (operation is reads.list or not reads.parent)
    limits = [c for c in constraints if c.op in (LIMIT, OFFSET)]
    few = False
    if whole and not (paged or pager or ordered) and limits:
        # It hands the number over only if nothing else is left to be looked at.
        rest = [c for c in constraints if c not in (*taken, *limits)]
        few = bool(rest) or not all(c.usable for c in limits)
        taken += [] if few else limits
    cost, rows = _estimate(table, operation, one_page=reads.pager[0] in pager)
    if owners and not parents:
        cost, rows = cost * VALUES_IN_SET, rows * VALUES_IN_SET
    return _plan(table, operation, constraints, taken, cost, rows, few=few)


@lru_cache(maxsize=64)  # Every scan of a join reads the same one.
def read_idx_str(idx_str: str) -> tuple[str, tuple[Argument, ...]]:
    """The operation's signature and the arguments, as `plan` wrote them.

    >>> read_idx_str("GET /v2/actions ? action_id[] id=")[1]
    (Argument(name='action_id', how='[]'), Argument(name='id', how='='))
    """
    signature, _, text = idx_str.partition(" ? ")
    arguments: list[Argument] = []
    for word in text.split():
        if word == "is":
            arguments[-1] = replace(arguments[-1], how="is")
        else:
            name = word.rstrip("=[]!?~")
            arguments.append(Argument(name, word[len(name) :]))
    return signature, tuple(arguments)


def _filters(operation: Operation | None, bound: Sequence[Constraint]) -> list[Constraint]:
    """The one that goes with the request: the first that the operation lists."""
    found = {c.column: c for c in reversed(bound)}
    listed = operation.filters if operation else ()
    return [found[f.column] for f in listed if f.column in found][:1]


def _since(table: Table, bound: Sequence[Constraint]) -> list[Constraint]:
    since = (table.reads.since or ())[:1]
    return [c for c in bound if c.column in since]


def _operation(
    table: Table, parents: Sequence[Constraint], items: Sequence[Constraint]
) -> Operation | None:
    reads = table.reads
    # An object has an address of its own, so a set of parents adds no request.
    one_parent = any(not c.is_in for c in parents)
    candidates = (
        (reads.get, bool(items) and one_parent),
        (reads.account_get, bool(items)),
        (reads.list, bool(parents)),
        (reads.account_list, True),
    )
    return next((operation for operation, fits in candidates if operation and fits), None)


def _refusal(table: Table, column: str, constraints: int) -> Plan:
    # The error waits for xFilter: here it would break a query that never reads a row.
    lists = table.reads.account_list or table.reads.list
    idx_str = f"{lists.signature if lists else table.name} ? {column}!"
    return Plan(idx_str, (Usage(),) * constraints, REFUSED_COST, ROWS_IN_ACCOUNT, False)


def _plan(
    table: Table,
    operation: Operation,
    constraints: Sequence[Constraint],
    taken: Sequence[Constraint],
    cost: float,
    rows: int,
    *,
    few: bool,
) -> Plan:
    usages = [Usage()] * len(constraints)
    arguments: list[Argument] = []
    for constraint in taken:
        # By identity: two equal constraints are still two places in argv.
        position = next(i for i, c in enumerate(constraints) if c is constraint)
        key = constraint.column in (*table.reads.parent, *table.reads.item)
        at_once = constraint.is_in and key
        arguments.append(_argument(constraint, at_once=at_once))
        usages[position] = Usage(
            argv_index=len(arguments),
            omit=_is_certain(table, constraint),
            all_at_once=at_once,
        )
    sets = sum(1 for argument in arguments if argument.how == "[]")
    if sets and sets == len(arguments):
        cost, rows = cost * VALUES_IN_SET, rows * VALUES_IN_SET
    for position, argument in _compared_times(table, constraints):
        arguments.append(argument)
        usages[position] = Usage(len(arguments), all_at_once=constraints[position].is_in)
        cost, rows = cost * COST_OF_TIME, max(1, int(rows * COST_OF_TIME))
    text = " ".join([*map(str, arguments), *(["limit?"] if few else [])])
    return Plan(
        idx_str=f"{operation.signature} ? {text}" if text else operation.signature,
        usages=tuple(usages),
        cost=cost,
        rows=rows,
        unique=operation.item is not None and not sets,
    )


def _compared_times(
    table: Table, constraints: Sequence[Constraint]
) -> Iterator[tuple[int, Argument]]:
    """Where one of them compares a time with a value, and how it is looked at."""
    like = {c.column for c in constraints if c.op in (LIKE, GLOB)}
    for position, constraint in enumerate(constraints):
        # To a pattern such as 2026-11-2% SQLite itself adds the two that it lies between.
        beside = constraint.column in like and constraint.op in (GE, LT)
        is_compared = constraint.usable and constraint.op in COMPARISONS
        if is_compared and constraint.column in table.times:
            yield position, Argument(constraint.column, BESIDE_PATTERN if beside else "~")


def _argument(constraint: Constraint, *, at_once: bool) -> Argument:
    if constraint.column is None:
        return Argument("limit" if constraint.op == LIMIT else "offset", "=")
    if at_once:
        return Argument(constraint.column, "[]")
    return Argument(constraint.column, "is" if constraint.op == IS else "=")


def _is_certain(table: Table, constraint: Constraint) -> bool:
    """Whether every row we give matches, so that SQLite need not look again.

    The path's parent and the object's id are what was asked for. The API's own
    resource_id may be NULL, and IS may have been NULL.
    """
    certain = (*table.reads.parent[:1], *table.reads.item)
    return constraint.op == EQ and constraint.column in certain


def _estimate(table: Table, operation: Operation, *, one_page: bool) -> tuple[float, int]:
    reads = table.reads
    if operation.item is not None:
        return (2 * GET_COST if operation is reads.account_get else GET_COST), 1
    if operation is reads.list or not reads.parent:
        return (LIST_COST / 2 if one_page else LIST_COST), ROWS_IN_LIST
    return (LIST_COST, ROWS_IN_PAGE) if one_page else (ACCOUNT_COST, ROWS_IN_ACCOUNT)
