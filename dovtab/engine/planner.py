"""xBestIndex: which constraints become which request.

Every ``=``, ``IS`` and ``IN`` on a key column is taken, so that two constraints
on the same key narrow each other. SQLite checks again whatever is not certain.
LIMIT and OFFSET are only read, to ask for a smaller page: SQLite does the
limiting, because a filter or an ORDER BY of its own may come after us.

The plan travels to xFilter in idxStr, which EXPLAIN QUERY PLAN shows, so it is
written to be read::

    GET /v2/droplets/{droplet_id}/actions ? droplet_id= limit

that is the operation, and what each argument is: ``column=``, ``column is`` or
``column[]`` (a set, all at once).

Pure. Source: https://sqlite.org/vtab.html#the_xbestindex_method
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dovtab.resources import Operation, Resource

# https://sqlite.org/c3ref/c_index_constraint_eq.html
EQ, ISNOTNULL, ISNULL, IS, LIMIT, OFFSET = 2, 70, 71, 72, 73, 74

# Units: SQLite's, about one row of a table of its own. A request takes as long as
# many thousands of these. SQLite takes a table it knows nothing of for a million
# rows, so reading the whole account has to look worse than a million lists.
GET_COST, LIST_COST, ACCOUNT_COST = 1e3, 1e4, 1e12
ROWS_IN_LIST, ROWS_IN_ACCOUNT, VALUES_IN_SET = 50, 1_000_000, 25


@dataclass(frozen=True, slots=True)
class Constraint:
    """A term of the WHERE clause as xBestIndex sees it.

    Attributes:
        column: its name; the rowid is ``id``; None for LIMIT and OFFSET.
        op: one of SQLite's SQLITE_INDEX_CONSTRAINT numbers.
        usable: whether its value is known before this table is read.
        is_in: whether it is an IN whose values can come all at once.
    """

    column: str | None
    op: int
    usable: bool = True
    is_in: bool = False


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
    """What one value of xFilter's argv is: a column and ``=``, ``is`` or ``[]``."""

    name: str
    how: str

    def __str__(self) -> str:
        return self.name + (" is" if self.how == "is" else self.how)


def plan(
    resource: Resource, constraints: Sequence[Constraint], *, ordered: bool
) -> Plan | None:
    """The cheapest plan for these constraints.

    None becomes SQLITE_CONSTRAINT: a page is asked for, and which one, or of
    which Droplet, is known only in another join order.

    Args:
        constraints: all of them, unusable ones included.
        ordered: whether SQLite will sort or group what comes back, and so
            needs every row of it; or looks at the pages the rows came from.
    """
    keys = [c for c in constraints if c.column and c.usable and c.op in (EQ, IS)]
    if _belongs_elsewhere(resource, constraints):
        return None
    refused = [c.column for c in constraints if c.column and _is_refused(resource, c)]
    if refused:
        return _refusal(resource, refused[0], len(constraints))
    parents = [c for c in keys if c.column in resource.parent]
    pages = {c.column: c for c in reversed(keys) if c.column in resource.pager}
    items = [c for c in keys if c.column in resource.item and resource.pager[0] not in pages]
    operation = _operation(resource, parents, items)
    taken = [*parents, *items, *pages.values()]
    if operation is resource.list and not pages and not ordered:
        taken += [c for c in constraints if c.op in (LIMIT, OFFSET) and c.usable]
    return _plan(resource, operation, constraints, taken, one_page=resource.pager[0] in pages)


def read_idx_str(idx_str: str) -> tuple[str, list[Argument]]:
    """The operation's signature and the arguments, as `plan` wrote them.

    >>> read_idx_str("GET /v2/actions ? action_id[] id=")[1]
    [Argument(name='action_id', how='[]'), Argument(name='id', how='=')]
    """
    signature, _, text = idx_str.partition(" ? ")
    arguments: list[Argument] = []
    for word in text.split():
        if word == "is":
            arguments[-1] = replace(arguments[-1], how="is")
        else:
            name = word.rstrip("=[]!")
            arguments.append(Argument(name, word[len(name) :]))
    return signature, arguments


def _belongs_elsewhere(resource: Resource, constraints: Sequence[Constraint]) -> bool:
    bound = [c for c in constraints if c.op in (EQ, IS)]
    pages = [c for c in bound if c.column in resource.pager]
    unknown = {c.column for c in bound if not c.usable}
    # Page 2 of a Droplet's list is not what page 2 of the account's has of it.
    return bool(pages) and not unknown.isdisjoint((*resource.pager, *resource.parent))


def _is_refused(resource: Resource, constraint: Constraint) -> bool:
    """Whether reading the column as NULL would quietly drop every row."""
    return constraint.op not in (ISNULL, ISNOTNULL) and constraint.column in resource.for_acting


def _refusal(resource: Resource, column: str, constraints: int) -> Plan:
    # The error waits for xFilter: here it would break a query that never reads a row.
    idx_str = f"{resource.account_list.signature} ? {column}!"
    return Plan(idx_str, (Usage(),) * constraints, ACCOUNT_COST, ROWS_IN_ACCOUNT, False)


def _operation(
    resource: Resource, parents: Sequence[Constraint], items: Sequence[Constraint]
) -> Operation:
    if items:
        # An action has an address of its own, so a set of Droplets adds no request.
        one_parent = any(not c.is_in for c in parents)
        return resource.get if one_parent else resource.account_get
    return resource.list if parents else resource.account_list


def _plan(
    resource: Resource,
    operation: Operation,
    constraints: Sequence[Constraint],
    taken: Sequence[Constraint],
    *,
    one_page: bool,
) -> Plan:
    usages = [Usage()] * len(constraints)
    arguments: list[Argument] = []
    for constraint in taken:
        # By identity: two equal constraints are still two places in argv.
        position = next(i for i, c in enumerate(constraints) if c is constraint)
        key = constraint.column in (*resource.parent, *resource.item)
        at_once = constraint.is_in and key
        arguments.append(_argument(constraint, at_once=at_once))
        usages[position] = Usage(
            argv_index=len(arguments),
            omit=_is_certain(resource, constraint),
            all_at_once=at_once,
        )
    sets = sum(1 for argument in arguments if argument.how == "[]")
    cost, rows = _estimate(resource, operation, one_page=one_page)
    if sets and sets == len(arguments):
        cost, rows = cost * VALUES_IN_SET, rows * VALUES_IN_SET
    text = " ".join(map(str, arguments))
    return Plan(
        idx_str=f"{operation.signature} ? {text}" if text else operation.signature,
        usages=tuple(usages),
        cost=cost,
        rows=rows,
        unique=operation in (resource.get, resource.account_get) and not sets,
    )


def _argument(constraint: Constraint, *, at_once: bool) -> Argument:
    if constraint.column is None:
        return Argument("limit" if constraint.op == LIMIT else "offset", "=")
    if at_once:
        return Argument(constraint.column, "[]")
    return Argument(constraint.column, "is" if constraint.op == IS else "=")


def _is_certain(resource: Resource, constraint: Constraint) -> bool:
    """Whether every row we give matches, so that SQLite need not look again.

    The path's Droplet and the action's id are what was asked for. The API's own
    resource_id may be NULL, and IS may have been NULL.
    """
    return constraint.op == EQ and constraint.column in (resource.parent[0], *resource.item)


def _estimate(resource: Resource, operation: Operation, *, one_page: bool) -> tuple[float, int]:
    if operation in (resource.get, resource.account_get):
        return (GET_COST if operation is resource.get else 2 * GET_COST), 1
    if operation is resource.list:
        return (LIST_COST / 2 if one_page else LIST_COST), ROWS_IN_LIST
    return (LIST_COST, 200) if one_page else (ACCOUNT_COST, ROWS_IN_ACCOUNT)
