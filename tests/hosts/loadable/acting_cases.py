"""Scripts in which it is hard to tell which statement acts, and how many actions they start.

Each acts on the Droplet D, whose reboots end at once. Programs that prepare a statement
anew each time get the same address for it, and SQLite counts its runs from 1 again.
"""

from __future__ import annotations

from typing import NamedTuple

CALL = "droplet_actions_post({D}, 'reboot')"
INSERT = "INSERT INTO droplet_actions(droplet_id, type) VALUES ({D}, 'reboot')"
SELECTED = "INSERT INTO droplet_actions(droplet_id, type) SELECT {D}, 'reboot' FROM "
OVERFLOW = "abs(-9223372036854775808)"
READS = "run('SELECT count(*) FROM droplet_actions')"
UNDER_RUN, UNDER_RUN_CALL = INSERT.replace("'", "''"), CALL.replace("'", "''")
FAILS = f"x 0 INSERT INTO t SELECT {OVERFLOW} WHERE {READS}"
FAILS_LATE = SELECTED + f"json_each('[1, 2, 3]') WHERE value < 3 OR {OVERFLOW}"
TRIGGERS = "neither by a trigger"
OTHER_NAMES = "actions are started by one statement"


class Case(NamedTuple):
    """A script of ``script.c``.

    Attributes:
        actions: how many POSTs it makes.
        errors: a piece of each error, in their order.
        requests: the setting max_requests.
        least: the oldest SQLite that can run it.
    """

    name: str
    actions: int
    lines: tuple[str, ...]
    errors: tuple[str, ...] = ()
    requests: int = 1000
    least: tuple[int, ...] = (3, 31)


def x(*statements: str) -> tuple[str, ...]:
    return tuple(f"x 0 {statement}" for statement in statements)


CASES = (
    Case("the same call prepared anew", 3, x(*[f"SELECT {CALL}"] * 3)),
    Case("twice in one statement", 1, x(f"SELECT {CALL}, {CALL} FROM json_each('[1, 2]')")),
    Case("a cached statement", 3, (f"p 0 SELECT {CALL}", *("s 0", "r 0") * 3, "f 0")),
    Case(
        "stepped on without a reset",
        2,
        (f"p 0 SELECT {CALL}", "s 0", "s 0", "s 0", "f 0"),
    ),
    Case(
        "another one while this is half read",
        2,
        (
            f"p 0 SELECT {CALL} FROM json_each('[1, 2]')",
            "s 0",
            *x(f"SELECT {CALL}"),
            "s 0",
            "f 0",
        ),
    ),
    Case(
        "given up in the middle and begun again",
        2,
        (f"p 0 SELECT {CALL} FROM json_each('[1, 2]')", "s 0", "r 0", "s 0", "s 0", "f 0"),
    ),
    Case(
        "one within one that acts too",
        1,
        x(f"SELECT run('SELECT {UNDER_RUN_CALL}'), {CALL}"),
        ("two statements that act",),
    ),
    Case(
        "a cached one within one that acts too",
        2,
        (
            f"p 0 SELECT {CALL} AS error FROM json_each('[1, 2]')",
            *x(f"SELECT step(), {CALL}"),
            "s 0",
            "f 0",
        ),
    ),
    Case(
        "in a function, for each row",
        3,
        x(f"SELECT run('{UNDER_RUN}') FROM json_each('[1, 2, 3]')"),
    ),
    Case("the same INSERT prepared anew", 3, x(*[INSERT] * 3)),
    Case("a cached INSERT", 3, (f"p 0 {INSERT}", *("s 0", "r 0") * 3, "f 0")),
    Case(
        "within a statement that writes",
        0,
        x("CREATE TABLE t(a)", f"INSERT INTO t SELECT run('{UNDER_RUN}')", "SELECT a FROM t"),
        (OTHER_NAMES,),
    ),
    Case("where one was that only read", 1, x(f"SELECT {READS}", f"SELECT {READS}, {CALL}")),
    Case(
        "where one was that wrote and failed",
        1,
        ("x 0 CREATE TABLE t(a)", FAILS, *x(f"SELECT {READS}, {CALL}")),
        ("integer overflow",),
    ),
    Case(
        "an INSERT where another one failed",
        1,
        ("x 0 CREATE TABLE t(a)", FAILS, *x(f"{SELECTED} json_each('[1]') WHERE {READS}")),
        ("integer overflow",),
    ),
    Case(
        "an INSERT that failed late is run again",
        0,
        x(*[FAILS_LATE] * 3),
        ("integer overflow",) * 3,
        requests=3,
    ),
    Case(
        "and again in a transaction",
        1,
        x("BEGIN", *[FAILS_LATE] * 3, INSERT, "COMMIT"),
        ("integer overflow",) * 3,
        requests=3,
    ),
    Case(
        "rows that are ignored do not make it another statement",
        0,
        x(
            "INSERT OR IGNORE INTO droplet_actions(droplet_id, type)"
            " SELECT {D}, CASE WHEN value % 2 THEN 'reboot' ELSE 'dance' END FROM json_each('[1, 2, 3, 4, 5]')"
        ),
        ("max_requests=2",),
        requests=2,
    ),
    Case(
        "nor do statements that fail in a function",
        0,
        x(
            "CREATE TABLE t(a)",
            "BEGIN",
            f"{SELECTED} json_each('[1, 2, 3]') WHERE 1 + coalesce(run('INSERT INTO t SELECT 1 UNION ALL SELECT {OVERFLOW}'), 0)",
            "COMMIT",
        ),
        ("max_requests=2",),
        requests=2,
    ),
    Case(
        "a savepoint that is undone",
        1,
        x("BEGIN", "SAVEPOINT s", INSERT, "ROLLBACK TO s", INSERT, "RELEASE s", "COMMIT"),
    ),
    Case(
        "nothing acts that is only explained",
        0,
        (f"p 0 EXPLAIN SELECT {CALL}", "s 0", "f 0", *x(f"EXPLAIN QUERY PLAN {INSERT}")),
    ),
    Case(
        "a temporary trigger",
        0,
        x(
            "CREATE TABLE t(a)",
            f"CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN {INSERT}; END",
            "INSERT INTO t VALUES (1)",
        ),
        (TRIGGERS,),
    ),
    Case(
        "the trigger of a view",
        0,
        x(
            "CREATE TEMP VIEW v AS SELECT 1 AS a",
            f"CREATE TEMP TRIGGER r INSTEAD OF INSERT ON v BEGIN {INSERT}; END",
            "INSERT INTO v VALUES (1)",
        ),
        (TRIGGERS,),
    ),
    Case(
        "what a foreign key deletes",
        0,
        x(
            "PRAGMA foreign_keys = ON",
            "CREATE TABLE a(i PRIMARY KEY)",
            "CREATE TABLE b(i REFERENCES a ON DELETE CASCADE)",
            f"CREATE TEMP TRIGGER r AFTER DELETE ON b BEGIN {INSERT}; END",
            "INSERT INTO a VALUES (1)",
            "INSERT INTO b VALUES (1)",
            "DELETE FROM a",
        ),
        (TRIGGERS,),
    ),
    Case(
        "a trigger of the file's that calls",
        0,
        x(
            "CREATE TABLE t(a)",
            f"CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT {CALL}; END",
            "INSERT INTO t VALUES (1)",
        ),
        ("unsafe use of droplet_actions_post()",),
    ),
    Case(
        "a ROLLBACK in a function",
        0,
        x(
            "BEGIN",
            f"{SELECTED} json_each('[1, 2]') WHERE 1 + coalesce(run('ROLLBACK'), 0)",
            "COMMIT",
        ),
        ("the transaction was rolled back", "cannot commit"),
    ),
    Case(
        "a ROLLBACK and another BEGIN in a function",
        0,
        x(
            "BEGIN",
            f"{SELECTED} json_each('[1, 2, 3]') WHERE value < 2 OR run('ROLLBACK; BEGIN') IS NULL",
            "COMMIT",
        ),
        ("the transaction was rolled back",),
    ),
    Case(
        "while RETURNING of another is half read",
        1,
        (
            "x 0 CREATE TABLE t(a)",
            "p 0 INSERT INTO t VALUES (1), (2) RETURNING a",
            "s 0",
            *x(INSERT),
            "s 0",
            "f 0",
        ),
        least=(3, 35),
    ),
    # SQLite 3.35 itself crashes where a virtual table is first used by such a statement.
    Case(
        "RETURNING of ours",
        0,
        x(f"{INSERT} RETURNING id"),
        ("has no RETURNING",),
        least=(3, 36),
    ),
    Case(
        "the schema changes before the first step",
        2,
        (
            f"p 0 SELECT {CALL}",
            "x 0 CREATE TABLE t(a)",
            "s 0",
            "f 0",
            f"p 0 {INSERT}",
            "x 0 CREATE TABLE u(a)",
            "s 0",
            "f 0",
        ),
    ),
    Case("the schema changes in a function", 1, x(f"SELECT run('CREATE TABLE t(a)'), {CALL}")),
    Case(
        "a full-text search, which runs statements of its own",
        3,
        x(
            "CREATE VIRTUAL TABLE f USING fts5(a)",
            "INSERT INTO f VALUES ('x a'), ('x b'), ('y')",
            f"{SELECTED} f('x')",
            f"INSERT INTO f SELECT {CALL}",
        ),
    ),
    Case(
        "a temporary table is dropped that has actions to send",
        1,
        x(
            "CREATE VIRTUAL TABLE temp.other USING droplet_actions",
            "BEGIN",
            INSERT.replace("droplet_actions", "temp.other"),
            "DROP TABLE temp.other",
            "COMMIT",
        ),
        ("locked",),
    ),
)
