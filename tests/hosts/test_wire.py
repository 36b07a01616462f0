"""What goes over the wire to the C extension comes out as it was; and garbage is told as that."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovtab.hosts.pipe import wire
from dovtab.hosts.pipe.wire import Reader, WireError

values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
)


@given(value=values)
def test_a_value_comes_out_as_it_went_in(value: int | float | str | bytes | None) -> None:
    reader = Reader(wire.value(value))
    came = reader.value()
    reader.end()
    assert (type(came), came) == (type(value), value)


@given(rows=st.lists(st.tuples(values, values, st.integers(0, 2**62)), max_size=5))
def test_rows_are_their_cells_and_their_rowid(rows: list[tuple[object, ...]]) -> None:
    body, count = wire.rows(rows)
    reader = Reader(body)
    assert [(reader.value(), reader.value(), reader.i64()) for _ in range(count)] == rows
    reader.end()


def test_half_a_letter_stays_what_it_is() -> None:
    """SQLite does not look whether a text is UTF-8."""
    assert Reader(wire.text(b"a\xff".decode("utf-8", "surrogateescape"))).text() == "a\udcff"


@given(body=st.binary(max_size=60))
def test_garbage_is_an_error_of_its_own(body: bytes) -> None:
    reader = Reader(body)
    with contextlib.suppress(WireError):
        reader.values()
        reader.text()
        reader.end()


@given(kind=st.sampled_from("hbrve"), body=st.binary(max_size=20))
def test_a_frame_says_how_long_it_is(kind: str, body: bytes) -> None:
    sent = wire.frame(kind, body)
    assert wire.header(sent[: wire.HEADER_SIZE]) == (len(body), kind)
    assert sent[wire.HEADER_SIZE :] == body


def test_what_claims_to_be_larger_than_anything_is_not_waited_for() -> None:
    with pytest.raises(WireError, match="a frame of 4294967295 bytes"):
        wire.header(b"\xff\xff\xff\xffr")
    with pytest.raises(WireError, match="1000000 values in 0 bytes"):
        Reader((1_000_000).to_bytes(4, "little")).values()
    with pytest.raises(WireError, match="bytes too many"):
        Reader(b"x").end()
