"""JSON to the letter: read with everything that is wrong in it, numbers at their shortest."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGITS = 1000
_QUOTE = ord('"')


class Pairs(list[Any]):
    """A JSON object with its members in order, repeated ones too."""


def read_pairs(text: str) -> Any:  # noqa: ANN401 - whatever it holds
    """Read JSON with everything that is wrong still in it; objects become `Pairs`.

    Raises:
        RecursionError: it is nested too deeply.
        json.JSONDecodeError: it is no JSON, even with NaN and infinities let through.
    """
    return json.loads(text, object_pairs_hook=Pairs, parse_int=_whole)


def count_strings(content: bytes) -> int:
    """How many JSON strings (keys and values) valid JSON has.

    A decoder into structs keeps the last of two equal keys and says nothing; the count shows
    that there was one too many, at a twentieth of the cost of parsing.
    """
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == _QUOTE)) // 2


def _whole(digits: str) -> float:
    if len(digits) <= _DIGITS:
        return int(digits)
    return math.copysign(math.inf, float(digits[:2] + "1"))


def write_numbers(array: NDArray[np.generic]) -> bytes:
    """The JSON of an array of finite numbers, each as short as it can be told apart.

    float32 stays what it is, so that 0.98 does not become 0.9800000190734863; everything else is
    float64.
    """
    floats = array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    return orjson.dumps(np.ascontiguousarray(floats), option=orjson.OPT_SERIALIZE_NUMPY)
