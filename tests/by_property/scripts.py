"""Random scripts that act: lists of statements.

Inside the INSERTs run queries of all kinds: FTS5, R-Tree, pragmas, table functions,
functions that query, leave cursors half read, fail, or interrupt.
"""

from __future__ import annotations

from hypothesis import strategies as st

DROPLETS = range(1, 10)

targets = st.integers(1, 9)
wrapped = st.builds(
    "{}({})".format,
    st.sampled_from(["", "", "did", "half", "broken", "stop", "writes"]),
    targets,
)
types = st.sampled_from(
    ["'snapshot'", "'snapshot'", "'snapshot'", "'password_reset'", "'wrong'"]
)
values = st.lists(st.builds("({}, {})".format, wrapped, types), min_size=1, max_size=4)
sources = st.one_of(
    values.map(lambda rows: f"VALUES {', '.join(rows)}"),
    values.map(lambda rows: f"SELECT * FROM (VALUES {', '.join(rows)})"),
    st.builds("SELECT rowid, {} FROM hosts WHERE hosts MATCH 'web'".format, types),
    st.builds(
        "SELECT did(rowid), 'snapshot' FROM hosts WHERE hosts MATCH {}".format,
        st.sampled_from(["'web'", "'db'"]),
    ),
    st.builds("SELECT id, {} FROM boxes WHERE low <= {}".format, types, st.integers(0, 5)),
    st.builds("SELECT cid + 1, {} FROM pragma_table_info('own')".format, types),
    st.builds(
        "SELECT {}(value), 'snapshot' FROM numbers(1, {})".format,
        st.sampled_from(["", "half", "broken"]),
        st.integers(0, 6),
    ),
    st.builds("SELECT half(value), {} FROM json_each('[4, 5, 6]')".format, types),
    st.builds("SELECT n, 'snapshot' FROM own WHERE n < {}".format, targets),
    st.builds("SELECT h.rowid, {} FROM hosts h JOIN boxes b ON b.id > h.rowid".format, types),
)
inserts = st.builds(
    "INSERT{} INTO {}(droplet_id, type) {}".format,
    st.sampled_from(["", "", "", " OR IGNORE", " OR FAIL", " OR ABORT", " OR ROLLBACK"]),
    st.sampled_from(["droplet_actions", "droplet_actions", "prod"]),
    sources,
)
others = st.one_of(
    st.builds("INSERT INTO own VALUES ({}, 'x'), (3, 'y')".format, wrapped),
    st.builds("INSERT INTO own VALUES ({}, 'act')".format, targets),
    st.sampled_from(
        ["DELETE FROM own", "UPDATE own SET n = broken(n)", "SELECT count(*) FROM hosts"]
    ),
)
names = st.sampled_from(["a", "b"])
control = st.one_of(
    st.sampled_from(["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"]),
    names.map("SAVEPOINT {}".format),
    names.map("ROLLBACK TO {}".format),
    names.map("RELEASE {}".format),
)
kinds = st.sampled_from([inserts, inserts, inserts, inserts, others, control])
steps = kinds.flatmap(lambda kind: kind)
lists = st.lists(steps, min_size=2, max_size=12)
scripts = lists | lists.map(lambda script: ["BEGIN", *script])
