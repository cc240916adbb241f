"""What a model will make of a request, known without asking it: rows in one canonical form.

Two requests that the model server reads as the same rows have the same canonical rows, in whichever
form, order of keys or form of numbers they are written; rows of which the answers could differ have
others. A request about which there is any doubt has none: the server is asked, and says what is
wrong. All of it is plain Python, for functions that have no numpy.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from servery.domain.answered_rows import output_names
from servery.domain.bodies import (
    Body,
    body_decoder,
    count_envelope,
    count_tensors,
    is_object,
    strings_in,
)
from servery.domain.canonical_inputs import Input, order
from servery.domain.canonical_tensors import read_tensors
from servery.domain.datatypes import DATATYPE_OF
from servery.domain.inference import Form
from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.serving import Limits
    from servery.domain.signature import Signature

_KB = 1000
_MINUS_ZERO = array("f", [-0.0]).tobytes()


@dataclass(frozen=True, slots=True)
class Reading:
    """A request that the model will accept.

    Attributes:
        form: In which form it came.
        rows: Its rows, canonical.
        columns: The values of each input by name, one for each row.
        id: The caller's own name for it.
        outputs: The tensors that the caller wants, in this order; empty for all.
        dtypes: What each input holds.
    """

    form: Form
    rows: list[bytes]
    columns: dict[str, list[Any]]
    id: str | None
    outputs: tuple[str, ...]
    dtypes: dict[str, Dtype]

    def question(self, rows: Sequence[int]) -> str:
        """A body that asks for some of the rows, in the same form, and for all outputs."""
        if self.form is Form.RECORDS:
            columns = self.columns.items()
            records = [{name: values[row] for name, values in columns} for row in rows]
            return msgspec.json.encode({"records": records}).decode()
        inputs = [
            {
                "name": name,
                "shape": [len(rows)],
                "datatype": _CARRIER[self.dtypes[name]],
                "data": [values[row] for row in rows],
            }
            for name, values in self.columns.items()
        ]
        return msgspec.json.encode({"inputs": inputs}).decode()


class Canonical:
    """Reads requests of one signature; made once for a model, since it compiles its types.

    Args:
        signature: What the model takes and gives.
        limits: How many rows and bytes one request may have.
    """

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self._inputs = order(signature)
        self._dtypes = {i.name: i.field.dtype for i in self._inputs}
        self._numeric = sum(i.field.dtype.numeric for i in self._inputs)
        self._outputs = output_names(signature)
        self._limits = limits
        self._decoder = body_decoder(signature)
        self._fields = [attrgetter(f"f{index}") for index in range(len(self._inputs))]
        for body in (b'{"records":[]}', b'{"inputs":[],"outputs":[]}'):
            self._decoder.decode(body)  # its types are made before threads share it

    @property
    def dtypes(self) -> dict[str, Dtype]:
        """What each input holds, in the order of the columns of readings."""
        return self._dtypes

    def read(self, content: bytes) -> Reading | None:
        """The rows of a body; None where it is not certain that the model accepts all of it."""
        if len(content) > self._limits.max_body_kb * _KB:
            return None
        try:
            parsed = self._decoder.decode(content)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if (parsed.records is UNSET) == (parsed.inputs is UNSET):
            return None
        columns, strings = self._columns(parsed)
        wanted = [] if isinstance(parsed.outputs, UnsetType) else parsed.outputs
        names = tuple(output.name for output in wanted)
        raws = [parsed.parameters, *(output.parameters for output in wanted)]
        sure = (
            columns is not None
            and 1 <= len(columns[0]) <= self._limits.max_rows
            and strings_in(content) == count_envelope(parsed) + strings
            and all(map(Input.accepts, self._inputs, columns))
            and len(set(names)) == len(names)
            and set(names) <= set(self._outputs)
            and all(map(is_object, raws))
        )
        if columns is None or not sure:
            return None
        return Reading(
            Form.TENSORS if parsed.records is UNSET else Form.RECORDS,
            self._rows(columns),
            dict(zip(self._dtypes, columns, strict=True)),
            None if isinstance(parsed.id, UnsetType) else parsed.id,
            names,
            self._dtypes,
        )

    def _columns(self, parsed: Body) -> tuple[list[list[Any]] | None, int]:
        """The values by input, and how many strings they are written with."""
        if isinstance(parsed.inputs, UnsetType):
            records = parsed.records
            if isinstance(records, UnsetType) or not records or parsed.outputs is not UNSET:
                return None, 0
            columns = [list(map(field, records)) for field in self._fields]
            return columns, len(records) * len(columns) + self._texts(columns)
        if not all(is_object(tensor.parameters) for tensor in parsed.inputs):
            return None, 0
        found = read_tensors(self._inputs, parsed.inputs)
        return found, count_tensors(parsed.inputs) + self._texts(found or [])

    def _texts(self, columns: list[list[Any]]) -> int:
        texts = columns[self._numeric :]
        return sum(len(column) - column.count(None) for column in texts)

    def _rows(self, columns: list[list[Any]]) -> list[bytes]:
        """Each row: float32 of every number, nan for null; then each text behind its length."""
        count, width = len(columns[0]), self._numeric
        matrix = array("f", bytes(4 * count * width))
        for index, column in enumerate(columns[:width]):
            if None in column:
                column = [math.nan if value is None else value for value in column]  # noqa: PLW2901
            matrix[index::width] = array("f", column)
        if _MINUS_ZERO in matrix.tobytes():
            matrix = array("f", [number + 0.0 for number in matrix])
        content, size = matrix.tobytes(), 4 * width
        rows = [content[size * row : size * (row + 1)] for row in range(count)]
        texts = columns[width:]
        if not texts:
            return rows
        written = [list(map(_text, column)) for column in texts]
        behind = [b"".join(chain(row)) for row in zip(*written, strict=True)]
        return list(map(bytes.__add__, rows, behind)) if width else behind


_CARRIER = {**DATATYPE_OF, Dtype.FLOAT: "FP64", Dtype.INT: "FP64"}


def _text(value: str | None) -> bytes:
    content = (value or "").encode()
    return len(content).to_bytes(4, "little") + content
