"""JSON whose objects keep every member, repeated ones too: a name given twice is not overseen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

_DIGITS = 1000
_NAME_SHOWN = 64


class Pairs(list[Any]):
    """A JSON object with its members in order, as pairs of name and value."""


def read_pairs(text: str, *, whole: Callable[[str], float] = int) -> Any:  # noqa: ANN401 - whatever it holds
    """Read JSON with everything that is wrong still in it; objects become `Pairs`.

    Args:
        text: What is read.
        whole: Makes a number out of the digits of a whole one.

    Raises:
        RecursionError: it is nested too deeply.
        json.JSONDecodeError: it is no JSON, even with NaN and infinities let through.
        ValueError: `whole` makes nothing of a number; `int` refuses those of very many digits.
    """
    return json.loads(text, object_pairs_hook=Pairs, parse_int=whole)


def whole_or_infinite(digits: str) -> float:
    """A whole number, infinite where it has more digits than any number type takes."""
    if len(digits) <= _DIGITS:
        return int(digits)
    return math.copysign(math.inf, float(digits[:2] + "1"))


def shown(name: str) -> str:
    """A name of the caller's as it may be told: printable and not long."""
    printable = name.encode("ascii", "backslashreplace").decode()
    return printable if len(printable) <= _NAME_SHOWN else f"{printable[:_NAME_SHOWN]}..."
