"""What the text of a cell says: the grammar of numbers, bools and nulls in files of rows."""

from __future__ import annotations

import math
from collections.abc import Callable

from servery.domain.datatypes import FLOAT32_MAX
from servery.domain.signature import Dtype
from servery.domain.table import Reason

_TRUE_FALSE = {"true": True, "1": True, "false": False, "0": False}
_WHOLE = 2.0**53
_INT64 = 2**63
Parsed = float | int | bool | str | Reason


def parse_float(cell: object) -> Parsed:
    """A finite number that a 32-bit float can hold, out of text or of a number."""
    number = _number(cell)
    if isinstance(number, Reason):
        return number
    if not math.isfinite(number):
        return Reason.NOT_FINITE
    return Reason.OUT_OF_RANGE if abs(number) > FLOAT32_MAX else float(number) + 0.0


def parse_int(cell: object) -> Parsed:
    """A whole number; `5.0` is one, as programs write it for columns with gaps."""
    if isinstance(cell, str):
        text = cell.strip()
        sign = text[:1] in ("+", "-")
        if text[sign:].isdigit() and text.isascii() and len(text) <= len(str(_INT64)) + 1:
            cell = int(text)
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell if -_INT64 <= cell < _INT64 else Reason.OUT_OF_RANGE
    number = _number(cell)
    if isinstance(number, Reason):
        return number
    if not math.isfinite(number):
        return Reason.NOT_FINITE
    if not float(number).is_integer():
        return Reason.WRONG_TYPE
    return int(number) if abs(number) <= _WHOLE else Reason.OUT_OF_RANGE


def parse_bool(cell: object) -> Parsed:
    """`true`, `false` in any case, `1`, `0`; or a bool."""
    if isinstance(cell, str):
        return _TRUE_FALSE.get(cell.strip().lower(), Reason.WRONG_TYPE)
    return cell if isinstance(cell, bool) else Reason.WRONG_TYPE


def parse_text(cell: object) -> Parsed:
    """Text, exactly as it is."""
    return cell if isinstance(cell, str) else Reason.WRONG_TYPE


PARSE: dict[Dtype, Callable[[object], Parsed]] = {
    Dtype.FLOAT: parse_float,
    Dtype.INT: parse_int,
    Dtype.BOOL: parse_bool,
    Dtype.STRING: parse_text,
}


def _number(cell: object) -> float | Reason:
    if isinstance(cell, str):
        # float() would take more than a number in ASCII digits: 1_000, other alphabets' digits.
        if not cell.isascii() or "_" in cell:
            return Reason.WRONG_TYPE
        try:
            return float(cell)
        except ValueError:
            return Reason.WRONG_TYPE
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell)
    return Reason.WRONG_TYPE


def is_null(dtype: Dtype, cell: object) -> bool:
    """Whether a cell says nothing: None, empty text, and for numbers and bools blanks alone."""
    if cell is None or cell == "":
        return True
    return dtype.numeric and isinstance(cell, str) and cell.isspace()
