"""What a right-hand side means when it is compared with a column.

SQLite hands a virtual table the value of ``column = value`` as it stands. An
ordinary table would have applied the column's affinity first, so that
``'3164444'`` and ``3164444.0`` are the number; here that is ours to do. For a TEXT
column it is the other way round: the number 7 is the text '7'.

Pure. Source: https://sqlite.org/datatype3.html#type_conversions_prior_to_comparison
"""

from __future__ import annotations

import re

SqlValue = None | int | float | str | bytes

# What SQLite takes for a number: blanks of C's isspace around it, ASCII digits,
# no hexadecimal, no underscores, no words such as 'inf'.
_BLANKS = r"[ \t\n\v\f\r]*"
_NUMBER = re.compile(
    rf"{_BLANKS}([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?){_BLANKS}", re.ASCII
)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


def integer(value: SqlValue) -> int | None:
    """The integer that an INTEGER column would have to hold to equal the value.

    None when no integer can: NULL, a fraction, a text that is not a number, a
    blob, or anything beyond 64 bits.

    >>> [integer(v) for v in ("3164444", 3164444.0, " 2e3 ", "abc", 1.5, None)]
    [3164444, 3164444, 2000, None, None, None]
    """
    if isinstance(value, str):
        number = _NUMBER.fullmatch(value)
        if number is None:
            return None
        text = number[1]
        digits = text.lstrip("+-").lstrip("0")
        whole = _WHOLE.fullmatch(text) and len(digits) < 20
        value = int(f"{'-' if text[0] == '-' else ''}{digits or 0}") if whole else float(text)
        # A whole number beyond 64 bits becomes a REAL, which may round back into them.
        value = value if -(2**63) <= value < 2**63 else float(value)
    if isinstance(value, float):
        # The bounds come first: int() of an infinity or a NaN raises.
        in_range = -(2.0**63) <= value < 2.0**63
        return int(value) if in_range and value == int(value) else None
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def text(value: object) -> str | None:
    """The text that a TEXT column would have to hold to equal the value; None: none can.

    >>> [text(v) for v in ("web", 7, 1.5, None, b"web")]
    ['web', '7', '1.5', None, None]
    """
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else None
