"""The rows of the sample, as a model takes them and as the later steps read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servery.domain.columns import Columns, DataSets, Values
from servery.domain.signature import Dtype
from servery.domain.spec import Role
from servery.errors import InvalidInputError
from servery.usecases.training import keys

if TYPE_CHECKING:
    from servery.domain.spec import Column
    from servery.usecases.training.importing.messages import OpenEvent
    from servery.usecases.training.proof import Answers


class Held:
    """A `DataSets` with the one data set that is at hand."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def read(self, key: str) -> Columns:  # noqa: ARG002 - there is but one
        """The columns at hand."""
        return self._columns

    def write(self, key: str, columns: Columns) -> int:
        """Nothing is written through it."""
        raise NotImplementedError


def read_rows(event: OpenEvent, datasets: DataSets) -> Columns:
    """The columns of the sample."""
    found = event.inspected
    return datasets.read(keys.split(found.collect.dataset, found.split, "test.npz"))


def inputs_of(columns: list[Column], *, in_order: bool) -> list[Column]:
    """The columns that the model takes.

    Args:
        columns: Of the sample.
        in_order: Whether the model takes one matrix, numbers first and then text.

    Raises:
        InvalidInputError: the sample has them in another order, and so may the model.
    """
    found = [column for column in columns if column.role is Role.FEATURE]
    numeric = [column.dtype.numeric for column in found]
    if in_order and numeric != sorted(numeric, reverse=True):
        raise InvalidInputError(
            "the model takes one matrix, in which columns of numbers come before those of text; "
            "put the columns of the sample in that order, which has to be the model's too"
        )
    return found


def with_target(columns: Columns, name: str, answers: Answers) -> Columns:
    """The columns with the model's own answers in the place of a target that is not there.

    They are never kept: they say how large the target is, against which differences are measured.
    """
    if name in columns:
        return columns
    values = np.asarray(answers.first)
    dtype = Dtype.FLOAT if values.dtype.kind == "f" else Dtype.STRING
    return {**columns, name: Values(dtype, values, np.zeros(len(values), dtype=np.bool_))}
