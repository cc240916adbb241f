"""The tensor datatypes of the Open Inference Protocol that a tabular model can take."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from servery.domain.signature import Dtype

FLOAT32_MAX = (2 - 2**-23) * 2.0**127
_FLOAT16_MAX = 65504.0


class Datatype(msgspec.Struct, frozen=True):
    """One datatype.

    Attributes:
        name: As in the protocol.
        kinds: The Python types that its elements have after parsing.
        low: Lowest value (numbers only).
        high: Highest value (numbers only).
        whole: Whether its numbers have no fraction.
    """

    name: str
    kinds: frozenset[type]
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its elements are numbers."""
        return float in self.kinds

    def accepts(self, dtype: Dtype) -> bool:
        """Whether a tensor of this datatype can carry a column of that dtype."""
        if dtype is Dtype.STRING:
            return self.name == "BYTES"
        if dtype is Dtype.BOOL:
            return self.name == "BOOL"
        return self.numeric

    def complaint(self, value: Any) -> str | None:  # noqa: ANN401 - whatever JSON said
        """What keeps a value from being an element, without the value; None if nothing does."""
        if value is None:
            return None
        if type(value) not in self.kinds:
            return _EXPECTED.get(self.name, "is not a number")
        if not self.numeric:
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return "is not a finite number"
        if self.whole and value != value // 1:
            return "is not a whole number"
        return None if self.low <= value <= self.high else f"does not fit {self.name}"


def _integer(name: str, low: int, high: int) -> Datatype:
    return Datatype(name, _NUMBER, low, high, whole=True)


_NUMBER = frozenset({int, float})
_EXPECTED = {"BOOL": "is not true or false", "BYTES": "is not text"}

DATATYPES: dict[str, Datatype] = {
    kind.name: kind
    for kind in (
        Datatype("BOOL", frozenset({bool})),
        Datatype("BYTES", frozenset({str})),
        Datatype("FP16", _NUMBER, -_FLOAT16_MAX, _FLOAT16_MAX),
        Datatype("FP32", _NUMBER, -FLOAT32_MAX, FLOAT32_MAX),
        Datatype("FP64", _NUMBER),
        *(
            _integer(f"INT{bits}", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            for bits in (8, 16, 32, 64)
        ),
        *(_integer(f"UINT{bits}", 0, 2**bits - 1) for bits in (8, 16, 32, 64)),
    )
}

DATATYPE_OF: dict[Dtype, str] = {
    Dtype.FLOAT: "FP32",
    Dtype.INT: "INT64",
    Dtype.BOOL: "BOOL",
    Dtype.STRING: "BYTES",
}
