"""What the C extension and its helper say to each other, as bytes.

A frame is the length of its body, a letter that says what it is, and the body; every
number is little endian. A text is its length and UTF-8, of which half a letter stays
what it is; a value is a tag and what follows from it.

===  =======  =====================================
tag  value    then
===  =======  =====================================
0    NULL
1    INTEGER  i64
2    REAL     f64
3    TEXT     its length and bytes
4    BLOB     its length and bytes
5    a set    how many, and each: an IN taken whole
===  =======  =====================================

Whoever reads trusts nothing: a length past the end, a tag that is none, a frame that
is too large are a `WireError`.

Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dovtab.engine.reading.lookup import Value
    from dovtab.engine.reading.values import SqlValue

# Of a body, in bytes: SQLite's own limit of a text or a blob, and some.
LARGEST_BODY = 1 << 30

_HEADER, _U32, _I64 = struct.Struct("<IB"), struct.Struct("<I"), struct.Struct("<q")
_INTEGER, _REAL, _LENGTH = struct.Struct("<Bq"), struct.Struct("<Bd"), struct.Struct("<BI")
_TEXTS = "surrogateescape"
HEADER_SIZE = _HEADER.size


class WireError(Exception):
    """What came is not what was agreed on."""


def frame(kind: str, *parts: bytes) -> bytes:
    """A whole frame.

    >>> frame("h", b"abc")
    b'\\x03\\x00\\x00\\x00habc'
    """
    body = b"".join(parts)
    return _HEADER.pack(len(body), ord(kind)) + body


def header(given: bytes) -> tuple[int, str]:
    """How long the body is that follows, and what it is.

    Raises:
        WireError: it is too large.
    """
    length, kind = _HEADER.unpack(given)
    if length > LARGEST_BODY:
        raise WireError(f"a frame of {length} bytes")
    return length, chr(kind)


def number(value: int) -> bytes:
    """An unsigned number of 32 bits."""
    return _U32.pack(value)


def text(value: str) -> bytes:
    """A text, with its length."""
    encoded = value.encode("utf-8", _TEXTS)
    return _U32.pack(len(encoded)) + encoded


def value(given: SqlValue) -> bytes:
    """A value that SQLite can hold.

    >>> value(None), value(True) == value(1), value("a")
    (b'\\x00', True, b'\\x03\\x01\\x00\\x00\\x00a')
    """
    if given is None:
        return b"\0"
    if isinstance(given, int):
        return _INTEGER.pack(1, given)
    if isinstance(given, float):
        return _REAL.pack(2, given)
    if isinstance(given, str):
        encoded = given.encode("utf-8", _TEXTS)
        return _LENGTH.pack(3, len(encoded)) + encoded
    return _LENGTH.pack(4, len(given)) + given


def rows(given: Iterable[Sequence[SqlValue]]) -> tuple[bytes, int]:
    """Rows, whose last cell is the rowid, one after the other; and how many.

    A page has few different texts, and each of them is encoded once.
    """
    parts: list[bytes] = []
    known: dict[str, bytes] = {}
    count = 0
    for row in given:
        for cell in row[:-1]:
            if type(cell) is str:
                encoded = known.get(cell)
                if encoded is None:
                    encoded = known[cell] = value(cell)
                parts.append(encoded)
            else:
                parts.append(value(cell))
        rowid = row[-1]
        parts.append(_I64.pack(rowid if isinstance(rowid, int) else 0))
        count += 1
    return b"".join(parts), count


def plain(value: Value) -> SqlValue:
    """A value that is no set.

    Raises:
        WireError: it is one.
    """
    if isinstance(value, set | frozenset):
        raise WireError("a set where a value was expected")
    return value


class Reader:
    """Takes a body apart, from its beginning."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def u8(self) -> int:
        """A number of 8 bits."""
        return self._take(1)[0]

    def u32(self) -> int:
        """An unsigned number of 32 bits."""
        return int.from_bytes(self._take(4), "little")

    def i32(self) -> int:
        """A signed number of 32 bits."""
        return int.from_bytes(self._take(4), "little", signed=True)

    def i64(self) -> int:
        """A signed number of 64 bits."""
        return int.from_bytes(self._take(8), "little", signed=True)

    def text(self) -> str:
        """A text."""
        return self._take(self.u32()).decode("utf-8", _TEXTS)

    def value(self) -> Value:
        """A value, or a set of them.

        Raises:
            WireError: it is none.
        """
        tag = self.u8()
        if tag == 5:
            return {self._plain(self.u8()) for _ in range(self.count())}
        return self._plain(tag)

    def values(self) -> list[Value]:
        """So many values, and each."""
        return [self.value() for _ in range(self.count())]

    def end(self) -> None:
        """Nothing is left.

        Raises:
            WireError: something is.
        """
        if self._at != len(self._body):
            raise WireError(f"{len(self._body) - self._at} bytes too many")

    def _plain(self, tag: int) -> SqlValue:
        if tag == 0:
            return None
        if tag == 1:
            return self.i64()
        if tag == 2:
            (real,) = struct.unpack("<d", self._take(8))
            return float(real)
        if tag == 3:
            return self.text()
        if tag == 4:
            return self._take(self.u32())
        raise WireError(f"a value with the tag {tag}")

    def count(self) -> int:
        """How many follow; each has a byte at least, so more than there are bytes are a lie.

        Raises:
            WireError: they are.
        """
        count = self.u32()
        if count > len(self._body) - self._at:
            raise WireError(f"{count} values in {len(self._body) - self._at} bytes")
        return count

    def _take(self, length: int) -> bytes:
        taken = self._body[self._at : self._at + length]
        if len(taken) < length:
            raise WireError(f"{length} bytes where {len(taken)} are left")
        self._at += length
        return taken
