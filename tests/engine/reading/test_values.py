"""What a value equals, against SQLite itself."""

from __future__ import annotations

import apsw
from hypothesis import example, given
from hypothesis import strategies as st

from dovtab.engine.reading.values import SqlValue, integer

EDGES = [0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**62, 10**18]
numbers = st.sampled_from(EDGES) | st.integers(-(2**63), 2**63 - 1)
texts = st.one_of(
    numbers.map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.floats(allow_nan=False).map(str),
    st.builds("{}{}{}".format, st.sampled_from(["", " ", "\t\n", "+", "0", "\u00a0"]), numbers,
              st.sampled_from(["", " ", ".", ".0", "e0", "e1", ".5", "x", "\v"])),
    st.text("0123456789+-.eE _x", max_size=8),
)  # fmt: skip
values = numbers | st.floats(allow_nan=False) | texts | st.none() | st.binary(max_size=3)


@given(value=values)
@example(value="9223372036854775808")
@example(value="-9223372036854775809")
@example(value=-(2.0**63))
@example(value=2.0**63)
@example(value="0x10")
@example(value="1_000")
@example(value="\uff12")
@example(value=".")
def test_an_integer_column_agrees(value: SqlValue) -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE real(n INTEGER)")
    found = integer(value)
    for n in {*EDGES, found} - {None}:
        db.execute("DELETE FROM real")
        db.execute("INSERT INTO real VALUES (?)", (n,))
        assert db.execute("SELECT count(*) FROM real WHERE n = ?", (value,)).get == (n == found)
    # Should another integer equal it, the nearest one would.
    if isinstance(value, int | float | str) and found is None:
        near = db.execute("SELECT CAST(CAST(? AS NUMERIC) AS INTEGER)", (value,)).get
        db.execute("DELETE FROM real")
        db.execute("INSERT INTO real VALUES (?)", (near,))
        assert db.execute("SELECT count(*) FROM real WHERE n = ?", (value,)).get == 0
    db.close()
