"""Which answers there can be: numbers that JSON has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servery.edge.inference.refusal import MOST, refuse
from servery.errors import Violation

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_finite(numbers: NDArray[np.generic], message: str) -> None:
    """Let pass only numbers that JSON has.

    Args:
        numbers: One row of them, or one number, for each row of the request.
        message: What is wrong with a row that has others.

    Raises:
        InvalidInputError: names the rows.
    """
    if numbers.dtype.kind != "f":
        return
    finite = np.isfinite(numbers)
    if finite.all():
        return
    bad = np.flatnonzero(~finite.reshape(len(numbers), -1).all(axis=1))
    refuse([Violation(f"records[{index}]", message) for index in bad[:MOST].tolist()])
