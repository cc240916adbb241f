"""What an input surely accepts: as a model server decides it, without numpy."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from servery.domain.datatypes import FLOAT32_MAX
from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from servery.domain.signature import Field, Signature

_INT64 = (-(2**63), 2**63 - 1)
_NUMBERS = frozenset({int, float})


class Input:
    """One input.

    Args:
        field: As the signature has it.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.name = field.name
        self._allowed = None if field.categories is None else frozenset(field.categories)
        self._low, self._high = _bounds(field)

    def accepts(self, values: list[Any]) -> bool:
        """Whether the model surely accepts all of these values, null among them."""
        if None in values:
            if not self.field.nullable:
                return False
            values = [value for value in values if value is not None]
            if not values:
                return True
        if self.field.dtype is Dtype.BOOL:
            return set(map(type, values)) == {bool}
        return self._numbers(values) if self.field.dtype.numeric else self._texts(values)

    def _numbers(self, values: list[Any]) -> bool:
        kinds = set(map(type, values))
        if not kinds <= _NUMBERS:
            return False
        if not (self._low <= min(values) and max(values) <= self._high):
            return False
        whole = self.field.dtype is Dtype.FLOAT or float not in kinds
        if not (whole or all(value == value // 1 for value in values)):
            return False
        return self._allowed is None or set(values) <= self._allowed

    def _texts(self, values: list[Any]) -> bool:
        if set(map(type, values)) != {str}:
            return False
        if self._allowed is not None:
            return set(values) <= self._allowed
        return not any("\0" in value for value in values)


def order(signature: Signature) -> list[Input]:
    """The inputs, numbers first: as records are decoded and canonical rows are written."""
    return [Input(field) for field in (*signature.numeric, *signature.text)]


def float32(value: float) -> float:
    """The nearest float32, infinite where it is beyond them."""
    return array("f", [value])[0]


def _bounds(field: Field) -> tuple[float, float]:
    """Lowest and highest value, as `domain.inputs` has them."""
    low, high = _INT64 if field.dtype is Dtype.INT else (-FLOAT32_MAX, FLOAT32_MAX)
    if field.minimum is not None:
        low = max(low, field.minimum)
    if field.maximum is not None:
        high = min(high, field.maximum)
    if field.dtype is Dtype.FLOAT:
        low, high = min(low, float32(low)), max(high, float32(high))
    return low, high
