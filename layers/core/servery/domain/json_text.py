"""JSON to the letter: strings counted, numbers at their shortest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from servery.domain.bodies import strings_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUOTE = ord('"')
_SHORT = 4096


def count_strings(content: bytes) -> int:
    """How many JSON strings (keys and values) valid JSON has.

    A decoder into structs keeps the last of two equal keys and says nothing; the count shows
    that there was one too many, at a twentieth of the cost of parsing. Counting by numpy begins
    with some microseconds, and is ten times as fast from then on.
    """
    if len(content) < _SHORT:
        return strings_in(content)
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == _QUOTE)) // 2


def write_numbers(array: NDArray[np.generic]) -> bytes:
    """The JSON of an array of finite numbers, each as short as it can be told apart.

    float32 stays what it is, so that 0.98 does not become 0.9800000190734863; everything else is
    float64.
    """
    floats = array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    return orjson.dumps(np.ascontiguousarray(floats), option=orjson.OPT_SERIALIZE_NUMPY)
