"""What each input of a model accepts: vectorised for whole requests, exact for one value.

The vectorised check may only say "certainly right"; whatever it doubts is examined value by value,
which also finds the words. So a request that is right never pays for the explanations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from servery.domain.datatypes import FLOAT32_MAX
from servery.domain.signature import Dtype, Field
from servery.domain.table import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.signature import Signature

_INT64 = (-(2**63), 2**63 - 1)
_SURELY_INT64 = 2.0**63 - 2048
_SHOWN = 20


class Column:
    """One input.

    Args:
        field: As the signature has it.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.name = field.name
        self.allowed = frozenset(field.categories) if field.categories is not None else None
        self.low, self.high = _bounds(field)

    def complaint(self, value: Any, *, packed: bool = False) -> str | None:  # noqa: ANN401
        """What is wrong with a value, without the value itself; None if nothing is.

        Args:
            value: What JSON said; nan and infinities may be among it.
            packed: Whether it stands in a tensor of numbers, where a bool is 0 or 1.
        """
        fault = self.fault(value, packed=packed)
        return None if fault is None else fault[1]

    def fault(self, value: Any, *, packed: bool = False) -> tuple[Reason, str] | None:  # noqa: ANN401
        """The same as `complaint`, beside the reason as rejected rows have it."""
        if value is None:
            return None if self.field.nullable else (Reason.MISSING, "may not be null")
        wrong = self._wrong_type(value, packed=packed)
        if wrong is not None:
            return wrong
        if self.allowed is not None and value not in self.allowed:
            listing = _listing(self.field.categories or [])
            return Reason.UNKNOWN_CATEGORY, f"is none of the allowed values: {listing}"
        if self.field.dtype.numeric and not self.low <= value <= self.high:
            return Reason.OUT_OF_RANGE, self._range()
        return None

    def _wrong_type(self, value: Any, *, packed: bool) -> tuple[Reason, str] | None:  # noqa: ANN401
        kind = self.field.dtype
        if kind is Dtype.STRING:
            complaint = _text_complaint(value)
            return None if complaint is None else (Reason.WRONG_TYPE, complaint)
        if kind is Dtype.BOOL and not packed:
            return None if isinstance(value, bool) else (Reason.WRONG_TYPE, "is not true or false")
        expected = "is not a number" if kind is Dtype.FLOAT else "is not a whole number"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return Reason.WRONG_TYPE, expected
        if isinstance(value, float) and not math.isfinite(value):
            return Reason.NOT_FINITE, "is not a finite number"
        whole = kind is Dtype.FLOAT or value == value // 1
        return None if whole else (Reason.WRONG_TYPE, expected)

    def _range(self) -> str:
        if self.field.dtype is Dtype.BOOL:
            return "is neither 0 nor 1"
        unit = "" if self.field.unit == "1" else f" {self.field.unit}"
        low, high = self.field.minimum, self.field.maximum
        if low is not None and high is not None:
            return f"is out of range; allowed is {low:.12g} to {high:.12g}{unit}"
        if low is not None:
            return f"is out of range; allowed is {low:.12g}{unit} or more"
        if high is not None:
            return f"is out of range; allowed is {high:.12g}{unit} or less"
        bits = "a 64-bit integer" if self.field.dtype is Dtype.INT else "a 32-bit float"
        return f"is too large for {bits}"


class Columns:
    """All inputs of a model.

    Attributes:
        all: In the order of the signature.
        numeric: Those that travel as float32.
        text: Those that travel as text.
        nullable_text: Whether a text input may be null.
    """

    def __init__(self, signature: Signature) -> None:
        self.all = tuple(Column(field) for field in signature.inputs)
        self.numeric = tuple(c for c in self.all if c.field.dtype.numeric)
        self.text = tuple(c for c in self.all if not c.field.dtype.numeric)
        self.by_name = {c.name: c for c in self.all}
        self.nullable_text = any(c.field.nullable for c in self.text)
        self._low = np.array([_sure(c)[0] for c in self.numeric])
        self._high = np.array([_sure(c)[1] for c in self.numeric])
        whole = [i for i, c in enumerate(self.numeric) if c.field.dtype is not Dtype.FLOAT]
        self._whole: Any = slice(None) if len(whole) == len(self.numeric) else whole
        self._has_whole = bool(whole)
        self._chosen = [
            (i, np.array(list(c.allowed)), c.field.nullable)
            for i, c in enumerate(self.numeric)
            if c.allowed is not None
        ]

    def numbers_fit(self, matrix: NDArray[np.float64]) -> bool:
        """Whether every number is certainly allowed.

        Args:
            matrix: Shape (rows, numeric inputs), nan for null and for nothing else.
        """
        if ((matrix < self._low) | (matrix > self._high)).any():
            return False
        if self._has_whole:
            part = matrix[:, self._whole]
            if ((part != np.floor(part)) & (part == part)).any():  # noqa: PLR0124 - not nan
                return False
        for index, allowed, nullable in self._chosen:
            values = matrix[:, index]
            known = np.isin(values, allowed)
            if not (known | np.isnan(values) if nullable else known).all():
                return False
        return True

    def texts_fit(self, matrix: NDArray[np.object_]) -> bool:
        """Whether every text is certainly allowed.

        Args:
            matrix: Shape (rows, text inputs), str or None (None only where that is allowed).
        """
        for index, column in enumerate(self.text):
            values = set(matrix[:, index].tolist())
            values.discard(None)
            if column.allowed is not None:
                if not values <= column.allowed:
                    return False
            elif any("\0" in value for value in values):
                return False
        return True


def _bounds(field: Field) -> tuple[float, float]:
    """Lowest and highest value.

    A float is compared as the model will see it: a caller whose 0.1 is a float32 sends
    0.10000000149..., and that is not beyond a maximum of 0.1.
    """
    if field.dtype is Dtype.BOOL:
        return 0, 1
    low, high = _INT64 if field.dtype is Dtype.INT else (-FLOAT32_MAX, FLOAT32_MAX)
    if field.minimum is not None:
        low = max(low, field.minimum)
    if field.maximum is not None:
        high = min(high, field.maximum)
    if field.dtype is Dtype.FLOAT:
        low, high = min(low, float(np.float32(low))), max(high, float(np.float32(high)))
    return low, high


def _sure(column: Column) -> tuple[float, float]:
    if column.field.dtype is Dtype.FLOAT:
        return column.low, column.high
    return max(column.low, -_SURELY_INT64), min(column.high, _SURELY_INT64)


def _text_complaint(value: object) -> str | None:
    if not isinstance(value, str):
        return "is not text"
    if "\0" in value:
        return "holds a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "holds half of a surrogate pair, which is no character"
    return None


def _listing(categories: list[str | int]) -> str:
    shown = ", ".join(str(c) for c in categories[:_SHOWN])
    return shown if len(categories) <= _SHOWN else f"{shown}, ... ({len(categories)} in all)"
