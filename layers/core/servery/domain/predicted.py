"""What an answer predicted for each row, read out of its document in either form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from servery.errors import MalformedError

Class = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Predicted:
    """The predictions of one answer, row by row; one of the two is set.

    Attributes:
        classes: The class of each row.
        numbers: The numbers of each row: one value, or the features of a preprocessor.
    """

    classes: list[Class] | None = None
    numbers: list[list[float]] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.classes if self.classes is not None else self.numbers or ())

    def score(self, row: int, label: Class) -> float | None:
        """How right a row is: 1 for a hit and 0 for a miss, or the squared error.

        None where the two do not go together.
        """
        if row >= self.rows:
            return None
        if self.classes is not None:
            return float(self.classes[row] == label)
        numbers = (self.numbers or [])[row]
        if len(numbers) != 1 or isinstance(label, (str, bool)):
            return None
        return (numbers[0] - label) ** 2


class _Row(msgspec.Struct, frozen=True):
    class_: Class | None = msgspec.field(name="class", default=None)
    value: float | None = None
    features: dict[str, float] | None = None

    @property
    def numbers(self) -> list[float] | None:
        if self.value is not None:
            return [self.value]
        return None if self.features is None else list(self.features.values())


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    data: list[Any]

    @property
    def rows(self) -> list[list[Any]]:
        """Its elements, a list for each row."""
        count = self.shape[0]
        width = len(self.data) // count if count else 0
        return [self.data[width * i : width * (i + 1)] for i in range(count)]


class Said(msgspec.Struct, frozen=True):
    """What an answer says of how it came about.

    Attributes:
        cache: hit, partial, miss or off.
        degraded: Whether something stood in for the model that was to answer.
    """

    cache: str = "off"
    degraded: bool = False


class _Document(Said, frozen=True):
    predictions: list[_Row] | None = None
    outputs: list[_Tensor] | None = None
    parameters: Said = Said()


def read_predicted(document: bytes | str) -> Predicted:
    """What an answer predicted.

    Raises:
        MalformedError: it is no answer, or has neither classes nor numbers: tensors may have been
            asked for that do not tell.
    """
    read = _read(document)
    if read.predictions is not None:
        return _of_rows(read.predictions)
    by_name = {tensor.name: tensor for tensor in read.outputs or ()}
    if "class" in by_name:
        return Predicted(classes=by_name["class"].data)
    for name in ("value", "features"):
        if name in by_name:
            return Predicted(numbers=by_name[name].rows)
    raise MalformedError("the answer has neither classes nor numbers")


def read_said(document: bytes | str) -> Said:
    """What an answer says of how it came about; `MalformedError` where it is none."""
    read = _read(document)
    return read.parameters if read.outputs is not None else read


def _of_rows(rows: list[_Row]) -> Predicted:
    classes = [row.class_ for row in rows if row.class_ is not None]
    if len(classes) == len(rows):
        return Predicted(classes=classes)
    numbers = [row.numbers for row in rows if row.numbers is not None]
    if len(numbers) == len(rows):
        return Predicted(numbers=numbers)
    raise MalformedError("the answer has rows without a class and without a number")


def _read(document: bytes | str) -> _Document:
    try:
        return msgspec.json.decode(document, type=_Document)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise MalformedError("that is no answer of a model") from error
